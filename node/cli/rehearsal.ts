import { createHash } from 'node:crypto'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { assignmentAt, checkView, type View } from '../../dht/view.ts'
import type { Hash } from '../../dht/view-change.ts'
import type { PlannedMoveText } from '../fleet-control.ts'
import type { FleetClient } from './client.ts'

/** One move for people: names instead of ids. */
export type NamedMove = Pick<PlannedMoveText, 'partition' | 'from' | 'to'>

/** What a change of the fleet would begin. */
export type Rehearsal = {
  readonly dryRun: true
  /** Version of the view that it was computed from. */
  readonly epoch: number
  readonly moves: readonly NamedMove[]
}

export const placementHash: Hash = text => createHash('sha256').update(text).digest('hex') as ReturnType<Hash>

/** The view in force at a door. */
export async function fetchView(client: FleetClient, timeoutMs: number | undefined): Promise<View> {
  const view = await client.call({ method: 'GET', path: '/v1/ring', timeoutMs })
  const wrong = checkView(view)
  if (wrong === null) return view as View
  throw new SlurpError('VERSION_UNSUPPORTED', `The peer sent a view that this release cannot read. ${wrong}`)
}

/** The moves that would begin, computed as the fleet itself would do it; nothing is changed. */
export function rehearse(before: View, after: View): Rehearsal {
  const names = new Map([...before.members, ...after.members].map(({ id, name }) => [id, name]))
  const named = (peers: readonly PeerId[]) => peers.map(peer => names.get(peer) ?? peer)
  const moves = after.pending.map(({ partition, owners }) => ({
    partition,
    from: named(assignmentAt(before, partition).owners),
    to: named(owners),
  }))
  return { dryRun: true, epoch: before.epoch, moves }
}

/** @throws SlurpError MEMBER_UNKNOWN. */
export function memberNamed(view: View, name: string): PeerId {
  const found = view.members.find(member => member.name === name || member.id === name)
  if (found !== undefined) return found.id
  throw new SlurpError('MEMBER_UNKNOWN', `The fleet has no peer named ${name}.`)
}

/** What moves, in a few lines: how many partitions, and who gets and gives how many. */
export function describeMoves(moves: readonly NamedMove[]): string[] {
  if (moves.length === 0) return ['nothing moves']
  const gets = new Map<string, number>()
  const gives = new Map<string, number>()
  for (const { partition, from, to } of moves) {
    if (partition === controlPartition) continue
    for (const name of to) if (!from.includes(name)) gets.set(name, (gets.get(name) ?? 0) + 1)
    for (const name of from) if (!to.includes(name)) gives.set(name, (gives.get(name) ?? 0) + 1)
  }
  const control = moves.find(move => move.partition === controlPartition)
  const partitions = moves.length - (control === undefined ? 0 : 1)
  const told = (verb: string, counts: Map<string, number>) =>
    [...counts].sort().map(([name, count]) => `  ${name} ${verb} ${count}`)
  return [
    `${partitions} ${partitions === 1 ? 'partition moves' : 'partitions move'}`,
    ...told('gets', gets),
    ...told('gives', gives),
    ...(control === undefined ? [] : [`  the control group becomes ${control.to.join(', ')}`]),
  ]
}
