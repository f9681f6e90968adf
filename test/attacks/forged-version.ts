import { randomBytes } from 'node:crypto'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import { type ContextKey, controlKey, type Digest, type FleetId, noHlc } from '../../base/ids.ts'
import { sealEnvelope, sealTombstone, signControl } from '../../crypto/envelope.ts'
import type { FleetRecord } from '../../crypto/fleet-record.ts'
import { clockTagOf, type Identity } from '../../crypto/identity.ts'
import type { Value } from '../../replication/messages.ts'
import type { Attacker } from './attacker.ts'

export type Forgery = {
  readonly roles?: readonly string[]
  readonly grant?: Digest
  readonly atMs?: number
  readonly kind?: 'live' | 'tombstone' | 'control'
  readonly author?: Identity
  readonly fleet?: FleetId
}
export type Forged = { readonly key: ContextKey; readonly value: Value }

const newKey = () => randomBytes(32).toString('hex') as ContextKey

/** A version as its author would make it, but for what a test changes. */
export async function forgedVersion(
  attacker: Attacker,
  record: FleetRecord,
  forgery: Forgery,
): Promise<Forged> {
  const { roles = ['tester'], atMs = Date.now(), kind = 'live', author = attacker.identity } = forgery
  const { grant = attacker.grant, fleet = record.view.fleet } = forgery
  const version = hlcFrom(atMs, 0, bootTag(clockTagOf(author.peerId), 1))
  const key = kind === 'control' ? controlKey(3) : newKey()
  const plan = { fleet, key, version, parent: null, author, grant, expiresAtMs: 0 }
  const sealedTo = record.roles.filter(({ name }) => roles.includes(name))
  const sealed =
    kind === 'live'
      ? await sealEnvelope({ ...plan, roles: sealedTo, plaintext: Buffer.from('x') })
      : kind === 'tombstone'
        ? await sealTombstone(plan)
        : signControl(plan, Buffer.from('x'))
  const value = {
    version,
    parent: null,
    kind: kind === 'tombstone' ? ('tombstone' as const) : ('live' as const),
    expiresAtMs: 0,
    ...sealed,
    recentOps: [],
    opsFloor: noHlc,
  }
  return { key, value }
}
