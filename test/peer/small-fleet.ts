import assert from 'node:assert/strict'
import type { ContextKey, Digest, FleetId, PartitionId, PeerId, Version } from '../../base/ids.ts'
import { toJoint, toLearn, toStable, withAssignments } from '../../dht/stages.ts'
import { type Assignment, defaultMoves, type View } from '../../dht/view.ts'
import type { WriteOperation } from '../../replication/messages.ts'
import { sha256 } from '../dht/fleets.ts'
import type { PureFleet } from './pure-fleet.ts'

/** Five peers and one partition, owned by the first three; those who move in later are members from the start. */
export const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'] as unknown as [
  PeerId,
  PeerId,
  PeerId,
  PeerId,
  PeerId,
]
export const everyone = [a, b, c, d, e]
export const partition = 0 as PartitionId

export function startView(owners: readonly PeerId[] = [a, b, c], partitionCount = 1): View {
  return {
    fleet: 'f'.repeat(64) as FleetId,
    epoch: 1,
    replicas: owners.length,
    members: everyone.map(id => ({ id, name: id, weight: 1, zone: 'z' })),
    partitions: Array.from({ length: partitionCount }, () => ({
      epoch: 1,
      stage: 'stable',
      owners,
      nextOwners: [],
    })),
    control: { epoch: 1, stage: 'stable', owners: [a], nextOwners: [] },
    leaving: [],
    former: [],
    pending: [],
    moves: defaultMoves,
    token: 0,
  }
}

const next = (view: View, which: readonly PartitionId[], change: (before: Assignment) => Assignment): View =>
  withAssignments(view, new Map(which.map(each => [each, change(view.partitions[each]!)])))

/** The next view, in which the first partition, or all of `which`, are a stage further. */
export const learning = (view: View, nextOwners: readonly PeerId[], which = [partition]): View =>
  next(view, which, before => toLearn(before, nextOwners))
export const joint = (view: View, which = [partition]): View => next(view, which, toJoint)
export const stable = (view: View, which = [partition]): View => next(view, which, toStable)

export const keyAt = (number: number): ContextKey => sha256(`key ${number}`)

export function writeOf(id: Version, key: ContextKey, parent: Version | null, bytes = 24): WriteOperation {
  const data = new Uint8Array(bytes).fill(7)
  const value = { kind: 'live', hash: sha256(id) as string as Digest, expiresAtMs: 0, data } as const
  return { kind: 'write', id, attempt: 1, key, expect: 'any', parent, value, epoch: null }
}

/** Writes `versions` versions of a key at `peer`, one after the other; returns the last. */
export function writeChain(
  fleet: PureFleet,
  peer: PeerId,
  key: ContextKey,
  versions: number,
  parent: Version | null = null,
  bytes = 24,
): Version {
  let last = parent
  for (let at = 0; at < versions; at++) {
    const outcome = fleet.do(peer, writeOf(fleet.newId(peer), key, last, bytes))
    assert.ok(outcome.kind === 'written', outcome.kind)
    last = outcome.version
  }
  assert.ok(last !== null)
  return last
}
