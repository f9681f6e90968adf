import type { Command } from 'commander'
import type { View } from '../../../dht/view.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

export function addRing(command: Command, session: Session): void {
  command.description('Looks at who owns what.')
  const show = command
    .command('show')
    .summary('Members and their partitions')
    .description(
      'Prints the members with the partitions they own; with --json also the owners of every partition.',
    )
  withExamples(withFleet(show), [
    'slurp ring show',
    'slurp ring show --json | jq .partitions[0].owners',
  ]).action((options: FleetOptions) => print(session, options))
}

async function print(session: Session, options: FleetOptions): Promise<void> {
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
