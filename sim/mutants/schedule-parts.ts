import { hlcFrom } from '../../base/hlc.ts'
import type { ContextKey, FleetId, PeerId, Version } from '../../base/ids.ts'
import { initialControl, type View } from '../../dht/view.ts'
import type { ValueKind, WriteOperation } from '../../replication/messages.ts'
import { writeOperation } from '../envelope.ts'
import { type Stage, stageStartMs } from './stage.ts'

/** The peers and the key of every directed schedule. */
export const names = ['a', 'b', 'c', 'd'] as PeerId[]
export const [a, b, c, d] = names as [PeerId, PeerId, PeerId, PeerId]
export const key = 'ab'.repeat(32) as ContextKey

/** The first thing that went wrong, and if nothing did, whether the callers were told what they should be. */
export function judged(stage: Stage, expected: string): string | null {
  const kinds = stage.answers.map(answer => answer.kind).join(' ')
  return stage.complaints[0] ?? (kinds === expected ? null : `answers: ${kinds}`)
}

/** One partition with these owners, stable. */
export function viewOf(epoch: number, owners: readonly PeerId[]): View {
  return {
    fleet: '0'.repeat(64) as FleetId,
    epoch,
    replicas: owners.length,
    members: names.map(id => ({ id, name: id, weight: 1, zone: id })),
    partitions: [{ epoch, stage: 'stable', owners, nextOwners: [] }],
    ...initialControl([]),
    control: { epoch: 1, stage: 'stable', owners, nextOwners: [] },
  }
}

/** The write of this number, from 1: later ones have later ids. */
export function writeOf(number: number, parent: Version | null, kind: ValueKind = 'live'): WriteOperation {
  const id = hlcFrom(stageStartMs - 1_000 + number, 0, '000000ff')
  return writeOperation({ key, version: id, parent, kind, expiresAtMs: 0 }, 'directed')
}
