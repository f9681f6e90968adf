import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { SlurpError } from '../../base/errors.ts'
import { bootTag, hlcFrom } from '../../base/hlc.ts'
import type { ContextKey, FleetId, RoleName, Version } from '../../base/ids.ts'
import { clockTagOf, Identity } from '../../crypto/identity.ts'
import { newRoleKey, type RoleKey } from '../../crypto/roles.ts'

export const fleet = 'f1'.repeat(32) as FleetId
export const key = '0c'.repeat(32) as ContextKey
export const otherKey = '0d'.repeat(32) as ContextKey

/** An identity that lives in memory only. */
export const newIdentity = async (): Promise<Identity> => new Identity(await generateKeyPair('Ed25519'))

export const versionOf = (author: Identity, ms: number): Version =>
  hlcFrom(ms, 0, bootTag(clockTagOf(author.peerId), 1))

export const roleKeys = (...names: string[]): RoleKey[] => names.map(name => newRoleKey(name as RoleName))

export const recipientsOf = (keys: readonly RoleKey[]) =>
  keys.map(({ name, keyVersion, identity }) => ({ name, keyVersion, recipient: identity.recipient.text }))

/** What a peer with these role keys answers when asked for identities. */
export const identitiesAmong = (keys: readonly RoleKey[]) => (role: RoleName, keyVersion: number) =>
  keys.filter(held => held.name === role && held.keyVersion === keyVersion).map(held => held.identity)

/** For assert.throws and assert.rejects: a SlurpError with this code, whose text carries none of the secrets. */
export const refusedAs =
  (code: SlurpError['code'], ...secrets: readonly string[]) =>
  (failure: unknown): boolean =>
    failure instanceof SlurpError &&
    failure.code === code &&
    secrets.every(secret => !`${failure.message} ${failure.hint} ${failure.cause ?? ''}`.includes(secret))

/** A directory that is gone after the test. */
export async function directoryFor(context: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'slurp-crypto-'))
  context.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** A copy with one bit turned over. */
export function flipped(bytes: Uint8Array, at: number, bit = 0): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[at]! ^= 1 << bit
  return copy
}
