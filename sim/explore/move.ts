import { hlcFrom } from '../../base/hlc.ts'
import type { ContextKey, FleetId, PartitionId, PeerId, Version } from '../../base/ids.ts'
import { aborted, nextStages, toJoint, toLearn, toStable, withAssignments } from '../../dht/stages.ts'
import { type Assignment, initialControl, type View } from '../../dht/view.ts'
import type { ValueKind, WriteOperation } from '../../replication/messages.ts'
import { cheapHash, sealedData } from '../envelope.ts'
import { type PureWorld, worldStartMs } from './pure-world.ts'

/** The one partition of these worlds. */
export const partition = 0 as PartitionId

/** A view with one partition, of `owners`; the control group takes no part. */
export function viewOf(names: readonly PeerId[], owners: readonly PeerId[]): View {
  return {
    fleet: '0'.repeat(64) as FleetId,
    epoch: 1,
    replicas: owners.length,
    members: names.map(id => ({ id, name: id, weight: 1, zone: id })),
    partitions: [{ epoch: 1, stage: 'stable', owners, nextOwners: [] }],
    ...initialControl([]),
    control: { epoch: 1, stage: 'stable', owners, nextOwners: [] },
  }
}

const changed = (view: View, change: (before: Assignment) => Assignment): View =>
  withAssignments(view, new Map([[partition, change(view.partitions[0]!)]]))

export const learning = (view: View, owners: readonly PeerId[]): View =>
  changed(view, before => toLearn(before, owners))
export const joint = (view: View): View => changed(view, toJoint)
export const givenUp = (view: View): View => changed(view, aborted)
export const stable = (view: View): View => changed(view, toStable)

/** The next stage of the move under way, as the leader would decide from what the members say; null: it has to wait. */
export function nextView(world: PureWorld): View | null {
  const stages = nextStages(
    world.view,
    (of, epoch, peer) => world.stateOf(of, epoch, peer),
    () => true,
  )
  return stages.size === 0 ? null : withAssignments(world.view, stages)
}

/** @param number - later writes have higher ones. */
export function writeOf(
  key: ContextKey,
  number: number,
  parent: Version | null,
  kind: ValueKind = 'live',
): WriteOperation {
  const id = hlcFrom(worldStartMs - 1_000 + number, 0, '000000ff')
  const data = sealedData({ key, version: id, parent, kind, expiresAtMs: 0 }, 'explored')
  const value = { kind, hash: cheapHash(data), expiresAtMs: 0, data } as const
  return { kind: 'write', id, attempt: 1, epoch: null, key, expect: 'any', parent, value }
}
