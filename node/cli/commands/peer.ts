import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { reweighed } from '../../../dht/view-change.ts'
import type { FleetChange } from '../../fleet-control.ts'
import type { PeerStatus } from '../../status.ts'
import { type LeaveOptions, leave, leaveSelf } from '../leaving.ts'
import { type FleetOptions, weightOf, wholeNumber, withClient, withExamples, withFleet } from '../options.ts'
import { describeMoves, fetchView, memberNamed, placementHash, rehearse } from '../rehearsal.ts'
import { answer, type Session, table } from '../session.ts'
import { addJoin } from './peer-join.ts'

type SetOptions = FleetOptions & { dryRun?: boolean; weight?: number; zone?: string }

const waitSecondsMax = 1_000_000

export function addPeer(command: Command, session: Session): void {
  command.description('Lets peers into the fleet and out of it, while it runs.')
  addJoin(command, session)
  const list = command
    .command('ls')
    .summary('List the members')
    .description(
      'Lists the members as one peer sees them: weight, zone, partitions, whether it is connected, who is leaving.',
    )
  withExamples(withFleet(list), ['slurp peer ls', 'slurp peer ls --json | jq -r .members[].name']).action(
    (options: FleetOptions) => ls(session, options),
  )
  const drain = command
    .command('drain')
    .summary('Take a running peer out of the fleet')
    .description(
      'The peer gives its partitions to the others, then it is no member any more and its process ends by itself. ' +
        'Everything stays readable and writable meanwhile.',
    )
    .argument('<name>', 'Name or id of the peer')
  withExamples(withLeaving(drain), ['slurp peer drain p2 --wait', 'slurp peer drain p2 --dry-run']).action(
    (name: string, options: LeaveOptions) =>
      withClient(session, options, client => leave(session, client, { peer: name, how: 'drain' }, options)),
  )
  const remove = command
    .command('remove')
    .summary('Take a dead peer out of the fleet')
    .description(
      'For a peer that will not come back: the others copy from each other what it had, then it is no member any ' +
        'more. `slurp peer replace` puts a new peer in its place instead.',
    )
    .argument('<name>', 'Name or id of the peer')
  withExamples(withLeaving(remove), ['slurp peer remove p3', 'slurp peer remove p3 --wait --json']).action(
    (name: string, options: LeaveOptions) =>
      withClient(session, options, client => leave(session, client, { peer: name, how: 'remove' }, options)),
  )
  const depart = command
    .command('leave')
    .summary('Drain the peer that is asked, and wait until it is out')
    .description('Drains the peer behind --url, or the one that runs in --dir, and waits until it is out.')
    .option('--dir <dir>', 'Directory of a running peer')
  withExamples(withLeaving(depart), [
    'slurp peer leave --dir fleet/p4',
    'slurp peer leave --url http://127.0.0.1:31664 --token-file fleet/p4/token',
  ]).action((options: LeaveOptions & { dir?: string }) => leaveSelf(session, options))
  const set = command
    .command('set')
    .summary('Give a peer another weight or zone')
    .description('Partitions move until every peer has the share of its weight again.')
    .argument('<name>', 'Name or id of the peer')
    .option('--weight <weight>', 'Share of the data; 1 is the norm', weightOf)
    .option('--zone <zone>', 'Failure zone: replicas of one partition sit in distinct ones')
    .option('--dry-run', 'Say what would move, change nothing')
  withExamples(withFleet(set), [
    'slurp peer set p4 --weight 2',
    'slurp peer set p1 --zone rack-a --dry-run',
  ]).action((name: string, options: SetOptions) => setPeer(session, name, options))
}

const withLeaving = (command: Command): Command =>
  withFleet(command)
    .option('--wait', 'Wait until the peer is out of the fleet')
    .option(
      '--wait-seconds <seconds>',
      'Wait so long at most, then exit with 3',
      wholeNumber(1, waitSecondsMax),
    )
    .option('--dry-run', 'Say what would move, change nothing')

async function ls(session: Session, options: FleetOptions): Promise<void> {
  const { timeoutMs } = options
  const status = (await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/status', timeoutMs }),
  )) as PeerStatus
  const { epoch, members } = status
  answer(session, options.json, { epoch, members }, () =>
    table([
      ['name', 'weight', 'zone', 'partitions', 'state', 'id'],
      ...members.map(member => [
        member.name,
        String(member.weight),
        member.zone,
        String(member.partitions),
        stateOf(member, status.peer.id),
        member.id,
      ]),
    ]),
  )
}

function stateOf(member: PeerStatus['members'][number], self: string): string {
  const where = member.id === self ? 'answers' : member.connected ? 'connected' : 'gone'
  return member.leaving ? `${where}, leaving` : where
}

async function setPeer(session: Session, name: string, options: SetOptions): Promise<void> {
  const { json, timeoutMs, weight, zone } = options
  const change = { ...(weight === undefined ? {} : { weight }), ...(zone === undefined ? {} : { zone }) }
  if (Object.keys(change).length === 0) {
    throw new SlurpError('USAGE', 'What is to be different is not said.', {
      hint: 'Give --weight or --zone.',
    })
  }
  await withClient(session, options, async client => {
    if (options.dryRun) {
      const view = await fetchView(client, timeoutMs)
      const rehearsal = rehearse(view, reweighed(view, memberNamed(view, name), change, placementHash))
      answer(session, json, rehearsal, () =>
        [`would change ${name}`, ...describeMoves(rehearsal.moves)].join('\n'),
      )
      return
    }
    const path = `/v1/peers/${encodeURIComponent(name)}`
    const begun = (await client.call({ method: 'PATCH', path, body: change, timeoutMs })) as FleetChange
    answer(session, json, begun, () => `changed ${name}: ${begun.pending} moves to begin`)
  })
}
