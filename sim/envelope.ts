import { fromHex, toHex } from '../base/bytes.ts'
import type { ContextKey, Digest, Version } from '../base/ids.ts'
import type { ControlSealer, EnvelopeChecker } from '../node/ports/ports.ts'
import type { Expected, ValueKind, WriteOperation } from '../replication/messages.ts'

/** What a simulated author puts under its name. */
export type EnvelopeFacts = {
  readonly key: ContextKey
  readonly version: Version
  readonly parent: Version | null
  readonly kind: ValueKind
  readonly expiresAtMs: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The stand-in for a signed envelope: the facts and some filling, as text. */
export function sealedData(facts: EnvelopeFacts, filling: string): Uint8Array {
  return encoder.encode(
    [facts.key, facts.version, facts.parent ?? 'none', facts.kind, facts.expiresAtMs, filling].join('|'),
  )
}

/** 256 bits that change with every bit of `data`; no secret hangs on it here, so it need not be SHA-256. */
export function cheapHash(data: Uint8Array): Digest {
  const words = new Uint32Array(8)
  for (let lane = 0; lane < words.length; lane++) words[lane] = 0x811c9dc5 + lane * 0x9e3779b1
  for (let i = 0; i < data.length; i++) {
    const lane = i & 7
    words[lane] = Math.imul(words[lane]! ^ data[i]!, 0x01000193)
  }
  for (let round = 0; round < 16; round++) {
    const lane = round & 7
    const met = words[(lane + 7) & 7]! ^ data.length
    words[lane] = Math.imul(words[lane]! ^ (met >>> 13) ^ met, 0x5bd1e995)
  }
  return toHex(new Uint8Array(words.buffer)) as Digest
}

/** The first attempt to write what these facts say. */
export function writeOperation(
  facts: EnvelopeFacts,
  filling: string,
  expect: Expected = 'any',
): WriteOperation {
  const { key, version, parent, kind, expiresAtMs } = facts
  const data = sealedData(facts, filling)
  const value = { kind, hash: cheapHash(data), expiresAtMs, data }
  return { kind: 'write', id: version, attempt: 1, epoch: null, key, expect, parent, value }
}

/** The stand-in for signed control records: the body as hex behind the facts. */
export const simControlSealer: ControlSealer = {
  seal({ key, version, parent }, body) {
    const data = sealedData({ key, version, parent, kind: 'live', expiresAtMs: 0 }, toHex(body))
    return { data, hash: cheapHash(data) }
  },
  open(data) {
    return fromHex(decoder.decode(data).split('|')[5] ?? '') ?? new Uint8Array(0)
  },
}

/** Refuses whatever the real checker refuses: another hash, or facts that are not those under the author's name. */
export const simEnvelopeChecker: EnvelopeChecker = {
  accepts(claim) {
    if (cheapHash(claim.data) !== claim.hash) return false
    const [key, version, parent, kind, expiresAtMs] = decoder.decode(claim.data).split('|')
    return (
      key === claim.key &&
      version === claim.version &&
      kind === claim.kind &&
      expiresAtMs === String(claim.expiresAtMs) &&
      parent === (claim.parent ?? 'none')
    )
  },
}
