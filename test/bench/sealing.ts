import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import type { ContextKey, FleetId, RoleName } from '../../base/ids.ts'
import { openEnvelope, sealEnvelope } from '../../crypto/envelope.ts'
import { clockTagOf, createIdentity } from '../../crypto/identity.ts'
import { newRoleKey } from '../../crypto/roles.ts'

const rounds = 400
const warmUps = 100

export type SealingResult = { readonly roles: number; readonly sealMs: number; readonly openMs: number }

/** Median time to seal and to open one context in this process: what a store does besides the protocol. */
export async function measureSealing(
  dir: string,
  plaintext: Uint8Array,
  roleCount: number,
): Promise<SealingResult> {
  mkdirSync(dir, { recursive: true })
  const author = await createIdentity(join(dir, `identity-${roleCount}.key`))
  const keys = Array.from({ length: roleCount }, (_, i) => newRoleKey(`role-${i}` as RoleName))
  const readers = keys.map(({ name, keyVersion, identity }) => {
    return { name, keyVersion, recipient: identity.recipient.text }
  })
  const fleet = 'ab'.repeat(32) as FleetId
  const seals: number[] = []
  const opens: number[] = []
  for (let i = 0; i < warmUps + rounds; i++) {
    const key = i.toString(16).padStart(64, '0') as ContextKey
    const version = hlcFrom(1_800_000_000_000 + i, 0, bootTag(clockTagOf(author.peerId), 1))
    const expected = { fleet, key, version, parent: null }
    const startMs = performance.now()
    const { data } = await sealEnvelope({ ...expected, author, expiresAtMs: 0, roles: readers, plaintext })
    const sealedMs = performance.now()
    await openEnvelope({ data, expected, identitiesOf: () => [keys[0]!.identity] })
    const openedMs = performance.now()
    if (i < warmUps) continue
    seals.push(sealedMs - startMs)
    opens.push(openedMs - sealedMs)
  }
  return { roles: roleCount, sealMs: median(seals), openMs: median(opens) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
