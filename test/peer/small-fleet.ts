import assert from 'node:assert/strict'
import type { ContextKey, Digest, FleetId, PartitionId, PeerId, Version } from '../../base/ids.ts'
import { toLearn, withAssignments } from '../../dht/stages.ts'
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

export function startView(owners: readonly PeerId[] = [a, b, c]): View {
  return {
    fleet: 'f'.repeat(64) as FleetId,
    epoch: 1,
    replicas: owners.length,
    members: everyone.map(id => ({ id, name: id, weight: 1, zone: 'z' })),
    partitions: [{ epoch: 1, stage: 'stable', owners, nextOwners: [] }],
    control: { epoch: 1, stage: 'stable', owners: [a], nextOwners: [] },
    leaving: [],
    former: [],
    pending: [],
    moves: defaultMoves,
    token: 0,
  }
}

/** The next view, in which the one partition is `assignment`. */
export const nextView = (view: View, assignment: Assignment): View =>
  withAssignments(view, new Map([[partition, assignment]]))

export const learning = (view: View, nextOwners: readonly PeerId[]): View =>
  nextView(view, toLearn(view.partitions[0]!, nextOwners))

export const keyAt = (number: number): ContextKey => sha256(`key ${number}`)

export function writeOf(id: Version, key: ContextKey, parent: Version | null): WriteOperation {
  const data = new TextEncoder().encode(`bytes of ${id}`)
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
): Version {
  let last = parent
  for (let at = 0; at < versions; at++) {
    const outcome = fleet.do(peer, writeOf(fleet.newId(peer), key, last))
    assert.ok(outcome.kind === 'written', outcome.kind)
    last = outcome.version
  }
  assert.ok(last !== null)
  return last
}
