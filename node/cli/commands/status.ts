import type { Command } from 'commander'
import type { PeerStatus } from '../../status.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

export function addStatus(command: Command, session: Session): void {
  command.description('Shows the peer that answers, the members that it sees, and its roles.')
  withExamples(withFleet(command), ['slurp status', 'slurp status --json | jq .members']).action(
    (options: FleetOptions) => show(session, options),
  )
}

async function show(session: Session, options: FleetOptions): Promise<void> {
  const { timeoutMs } = options
  const status = (await withClient(session, options, client =>
    client.call({ method: 'GET', path: '/v1/status', timeoutMs }),
  )) as PeerStatus
  answer(session, options.json, status, () => describe(status))
}

function describe(status: PeerStatus): string {
  const held = status.roles.filter(role => role.held).map(role => role.name)
  const missing = status.roles.filter(role => !role.held).map(role => role.name)
  const { partitions } = status
  const damaged = partitions.damaged > 0 ? `, ${partitions.damaged} being repaired` : ''
  const members = status.members.map(member => [
    member.name,
    `${member.id === status.peer.id ? 'this peer' : member.connected ? 'connected' : 'gone'}${member.leaving ? ', leaving' : ''}`,
    member.health,
    `${member.partitions} partitions`,
    describeLag(member.lag),
    `zone ${member.zone}`,
    member.id,
  ])
  return [
    `${status.peer.name} is ${status.state} at ${status.peer.url ?? 'no door'} (SLURP ${status.peer.version}, process ${status.peer.pid})`,
    ...status.reasons.map(reason => `  ! ${reason}`),
    ...status.members.flatMap(describeClock).map(warning => `  ! ${warning}`),
    `fleet      ${status.fleet}`,
    `view       ${describeView(status)}`,
    `data       ${partitions.owned} of ${partitions.total} partitions here${damaged}; ${status.replicas} replicas of each`,
    `opens      ${held.join(', ') || 'nothing: it is blind'}${missing.length > 0 ? ` (not ${missing.join(', ')})` : ''}`,
    '',
    table(members),
  ].join('\n')
}

const clockOffShownMs = 1_000

/** A clock that is wrong does no harm as long as most are right; it is worth a look all the same. */
function describeClock({ name, clockOffMs }: PeerStatus['members'][number]): string[] {
  if (clockOffMs === null || Math.abs(clockOffMs) <= clockOffShownMs) return []
  const seconds = (Math.abs(clockOffMs) / 1_000).toFixed(1)
  return [
    `The clock of ${name} is ${seconds} s ${clockOffMs > 0 ? 'ahead of' : 'behind'} the fleet's: run NTP there.`,
  ]
}

const reasons: Readonly<Record<string, string>> = {
  equal: 'equal',
  repairing: 'being repaired',
  left: 'more differs than one comparison repairs',
  refused: 'it refused to compare',
  silent: 'it did not answer',
  notCompared: 'not compared yet',
}

/** How far a member is from the peer that answers, and why. */
function describeLag(lag: PeerStatus['members'][number]['lag']): string {
  if (lag === null || lag.shared === 0) return '-'
  const behind = lag.keysBehind > 0 ? `${lag.keysBehind} keys behind, ` : ''
  return `${behind}${reasons[lag.why] ?? lag.why} (${lag.equal} of ${lag.shared} equal)`
}

/** Version, leader and what is on its way, in a sentence. */
function describeView({ epoch, leader, moves, members }: PeerStatus): string {
  const leads = leader === null ? 'who leads is not known here' : `${leader} leads`
  const leaving = members.filter(member => member.leaving).map(member => member.name)
  const leaves = leaving.length === 0 ? '' : `, ${leaving.join(' and ')} on the way out`
  const onTheWay =
    moves.moving + moves.pending === 0
      ? 'nothing moves'
      : `${moves.moving} partitions on their way, ${moves.pending} to begin`
  return `epoch ${epoch}, ${leads}; ${onTheWay}${leaves}${moves.paused ? ', moves are paused' : ''}`
}
