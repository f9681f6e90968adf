import type { ContextKey, Digest, PartitionId, Version } from '../../../base/ids.ts'
import {
  type CopiedHead,
  type CopyQuestion,
  decodeChanges,
  decodeHeads,
  decodeVersions,
  encodeChanges,
  encodeHeads,
  encodeVersions,
} from '../../../node/agents/copy-wire.ts'
import {
  type AgentAnswer,
  type AgentQuestion,
  decodeAnswer,
  decodeOutcome,
  decodePulse,
  decodeQuestion,
  encodeAnswer,
  encodeOutcome,
  encodePulse,
  encodeQuestion,
} from '../../../node/agents/wire.ts'
import { writer } from '../keys.ts'
import { holds, refusesOr, same, type Target } from '../target.ts'

const key = 'a1'.repeat(32) as ContextKey
const version = '0123456789abcdef01234567' as Version
const heads: readonly CopiedHead[] = [
  { key, version, keptFrom: null },
  { key, version, keptFrom: version },
  { key, version: null, keptFrom: null },
]
const copies: readonly CopyQuestion[] = [
  { kind: 'changes', after: null },
  { kind: 'changes', after: 12 },
  { kind: 'heads', first: 0 as PartitionId, last: 31 as PartitionId, after: key },
  { kind: 'versions', wanted: [{ key, from: version, until: null }] },
]
const questions: readonly AgentQuestion[] = [
  { kind: 'pulse', isFirst: true },
  { kind: 'operate', operation: { kind: 'read', key }, timeoutMs: 500 },
  { kind: 'registry' },
  { kind: 'grants', question: Uint8Array.of(1, 2) },
  ...copies,
]
const answers: readonly AgentAnswer[] = [
  { kind: 'done', body: Uint8Array.of(1) },
  { kind: 'denied', rule: 'roles', opensAtMs: null },
  { kind: 'denied', rule: 'hours', opensAtMs: 1_780_000_000_000 },
  { kind: 'busy', afterMs: 20 },
  { kind: 'unable' },
]

/** What is taken is written as it was read, to the last byte from then on. */
const readAsWritten = <T>(
  name: string,
  seeds: readonly Uint8Array[],
  decode: (bytes: Uint8Array) => T | null,
  encode: (value: T) => Uint8Array,
): Target => ({
  name,
  seeds,
  weight: 1,
  run: input =>
    refusesOr(
      () => decode(input),
      read => {
        const once = encode(read!)
        const again = decode(once)
        holds(again !== null && same(encode(again), once), `${name}: it is read as it was written`)
      },
    ),
})

const pulse = {
  wallMs: 1_780_000_000_000,
  registry: 'b2'.repeat(32) as Digest,
  epoch: 7,
  grant: 'delegate~grant',
  members: [{ id: writer.peerId, name: 'p1', addresses: ['/ip4/192.0.2.7/tcp/4100'] }],
}

export const agentTargets = (): Target[] => [
  readAsWritten('agent question', questions.map(encodeQuestion), decodeQuestion, encodeQuestion),
  readAsWritten('agent answer', answers.map(encodeAnswer), decodeAnswer, encodeAnswer),
  readAsWritten('agent pulse', [encodePulse(pulse)], decodePulse, encodePulse),
  readAsWritten(
    'agent outcome',
    [encodeOutcome(version, { kind: 'absent' }), encodeOutcome(version, { kind: 'unknown' })],
    decodeOutcome,
    ({ clock, outcome }) => encodeOutcome(clock, outcome),
  ),
  readAsWritten(
    'copied changes',
    [
      encodeChanges({ last: 9, partitions: [0, 3] as PartitionId[], through: 9, heads }),
      encodeChanges({ last: 9, partitions: [], through: null, heads: [] }),
    ],
    decodeChanges,
    encodeChanges,
  ),
  readAsWritten(
    'copied heads',
    [encodeHeads({ through: key, heads }), encodeHeads({ through: null, heads: [] })],
    decodeHeads,
    encodeHeads,
  ),
  readAsWritten(
    'copied versions',
    [encodeVersions({ more: true, envelopes: [Uint8Array.of(1, 2, 3), new Uint8Array(40)] })],
    decodeVersions,
    encodeVersions,
  ),
]
