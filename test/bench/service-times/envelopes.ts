// Goal: what it costs to make, check and open an envelope. Method: the real code on distinct envelopes; those that
// are checked have left the memory of checked signatures before.
import { performance } from 'node:perf_hooks'
import { bootTag, hlcFrom } from '../../../base/hlc.ts'
import type { ContextKey, FleetId, RoleName } from '../../../base/ids.ts'
import { openEnvelope, sealEnvelope } from '../../../crypto/envelope.ts'
import { newEnvelopeChecker } from '../../../crypto/envelope-checker.ts'
import { clockTagOf } from '../../../crypto/identity.ts'
import { newRoleKey } from '../../../crypto/roles.ts'
import { newIdentity } from '../../store/identities.ts'
import { medianUs } from './sampled.ts'

/** More than the process remembers (crypto/verified-envelopes.ts). */
const forgottenAfter = 4_200
const measured = 1_500

export type EnvelopeTimes = {
  readonly dataBytes: number
  readonly sealUs: number
  /** Hash, signature and header of an envelope that this process never saw. */
  readonly checkUs: number
  /** The same of one whose signature was checked before. */
  readonly checkAgainUs: number
  /** Opening with one role's key, once checked. */
  readonly openUs: number
}

export async function measureEnvelopes(plaintext: Uint8Array, roleCount: number): Promise<EnvelopeTimes> {
  const author = await newIdentity()
  const keys = Array.from({ length: roleCount }, (_, at) => newRoleKey(`role-${at}` as RoleName))
  const roles = keys.map(({ name, keyVersion, identity }) => ({
    name,
    keyVersion,
    recipient: identity.recipient.text,
  }))
  const fleet = 'ab'.repeat(32) as FleetId
  const checker = newEnvelopeChecker({ fleet, isAuthor: () => true, isGranted: () => true })
  const seal: number[] = []
  const made = []
  for (let i = 0; i < measured + forgottenAfter; i++) {
    const key = i.toString(16).padStart(64, '0') as ContextKey
    const version = hlcFrom(1_800_000_000_000 + i, 0, bootTag(clockTagOf(author.peerId), 1))
    const startMs = performance.now()
    const { data, hash } = await sealEnvelope({
      fleet,
      key,
      version,
      parent: null,
      author,
      expiresAtMs: 0,
      roles,
      plaintext,
    })
    seal.push((performance.now() - startMs) * 1_000)
    if (made.length < measured) made.push({ key, version, data, hash })
  }
  const check: number[] = []
  const again: number[] = []
  const open: number[] = []
  const timed = async (list: number[], run: () => unknown) => {
    const startMs = performance.now()
    await run()
    list.push((performance.now() - startMs) * 1_000)
  }
  for (const { key, version, data, hash } of made) {
    const claim = { key, version, parent: null, kind: 'live', hash, expiresAtMs: 0, data } as const
    await timed(check, () => checker.accepts(claim))
    await timed(again, () => checker.accepts(claim))
    const expected = { fleet, key, version, parent: null }
    await timed(open, () => openEnvelope({ data, expected, identitiesOf: () => [keys[0]!.identity] }))
  }
  return {
    dataBytes: made[0]!.data.length,
    sealUs: medianUs(seal),
    checkUs: medianUs(check),
    checkAgainUs: medianUs(again),
    openUs: medianUs(open),
  }
}
