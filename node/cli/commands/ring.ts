import type { Command } from 'commander'
import type { View } from '../../../dht/view.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

export function addRing(program: Command, session: Session): void {
  const ring = program
    .command('ring')
    .summary('Look at the placement of data')
    .description('Looks at who owns what.')
  const command = ring
    .command('show')
    .summary('Members and their partitions')
    .description(
      'Prints the members with the partitions they own; with --json also the owners of every partition.',
    )
  withExamples(withFleet(command), [
    'slurp ring show',
    'slurp ring show --json | jq .partitions[0].owners',
  ]).action((options: FleetOptions) => show(session, options))
}

async function show(session: Session, options: FleetOptions): Promise<void> {
  const { timeoutMs } = options
  const view = (await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/ring', timeoutMs }),
  )) as View
  answer(session, options.json, view, () => describe(view))
}

function describe(view: View): string {
  const owned = new Map<string, number>()
  const first = new Map<string, number>()
  for (const { owners } of view.partitions) {
    for (const owner of owners) owned.set(owner, (owned.get(owner) ?? 0) + 1)
    const nearest = owners[0]
    if (nearest !== undefined) first.set(nearest, (first.get(nearest) ?? 0) + 1)
  }
  const rows = view.members.map(member => [
    member.name,
    String(owned.get(member.id) ?? 0),
    String(first.get(member.id) ?? 0),
    String(member.weight),
    member.zone,
    member.id,
  ])
  const moving = view.partitions.filter(partition => partition.stage !== 'stable').length
  return [
    `epoch ${view.epoch}: ${view.partitions.length} partitions, ${view.replicas} replicas of each, ${moving} moving`,
    table([['member', 'owns', 'nearest of', 'weight', 'zone', 'id'], ...rows]),
  ].join('\n')
}
