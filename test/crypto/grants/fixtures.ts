import { generateKeyPair } from '@libp2p/crypto/keys'
import type { RoleName } from '../../../base/ids.ts'
import { Authority } from '../../../crypto/authority.ts'
import type { GrantRequest } from '../../../crypto/grants/decide.ts'
import { newGrantId, openGrantChain, signDelegate, signGrant } from '../../../crypto/grants/grant-chain.ts'
import type { Delegate, Grant, GrantId, Limits } from '../../../crypto/grants/grant-shape.ts'
import { projectScopeOf } from '../../../crypto/grants/project-scope.ts'
import { SigningKey } from '../../../crypto/signing-key.ts'
import { newIdentity } from '../fixtures.ts'

export const dayMs = 24 * 60 * 60 * 1000
/** Wednesday 2026-07-01 12:00 UTC. */
export const nowMs = Date.UTC(2026, 6, 1, 12)

export const newAuthority = async (): Promise<Authority> => new Authority(await generateKeyPair('Ed25519'))
export const newKey = async (): Promise<SigningKey> => new SigningKey(await generateKeyPair('Ed25519'))

export const authority = await newAuthority()
export const delegateKey = await newKey()
export const holder = await newIdentity()
export const stranger = await newIdentity()
export const fleetSecret = new Uint8Array(32).fill(7)
export const atlas = projectScopeOf(fleetSecret, 'atlas')
export const borealis = projectScopeOf(fleetSecret, 'borealis')
export const developer = 'developer' as RoleName
export const tester = 'tester' as RoleName

/** Nothing is limited but what is allowed at all. */
export const wide: Limits = {
  operations: ['delete', 'history', 'read', 'search', 'write'],
  roles: 'any',
  projects: 'any',
  paths: 'any',
  networks: 'any',
  hours: 'any',
}

export const publicHex = (key: SigningKey): string => Buffer.from(key.publicKey).toString('hex')

export const delegateWith = (more: Partial<Delegate> = {}): Omit<Delegate, 'format' | 'fleet'> => ({
  id: 'd0'.repeat(16) as GrantId,
  publicKey: publicHex(delegateKey),
  issuedAtMs: nowMs - 10 * dayMs,
  notBeforeMs: nowMs - 10 * dayMs,
  expiresMs: nowMs + 90 * dayMs,
  subjectKinds: ['agent', 'peer'],
  grantMsMax: 30 * dayMs,
  grantlessBeforeMs: 0,
  limits: { ...wide, operations: ['admin:*', ...wide.operations] },
  ...more,
})

export const grantWith = (more: Partial<Grant> = {}): Omit<Grant, 'format' | 'fleet' | 'issuer'> => ({
  id: newGrantId(),
  subjectKind: 'agent',
  subject: holder.peerId,
  name: 'holder',
  bearer: null,
  issuedAtMs: nowMs - dayMs,
  notBeforeMs: nowMs - dayMs,
  expiresMs: nowMs + 20 * dayMs,
  limits: wide,
  ...more,
})

export async function chainText(delegate: Partial<Delegate> = {}, grant: Partial<Grant> = {}) {
  const issuer = delegateWith(delegate)
  return {
    delegate: await signDelegate(authority, issuer),
    grant: await signGrant(delegateKey, { id: issuer.id, fleet: authority.fleet }, grantWith(grant)),
  }
}

export const chainWith = async (delegate: Partial<Delegate> = {}, grant: Partial<Grant> = {}) =>
  openGrantChain(await chainText(delegate, grant), authority.publicKey)

/** A chain whose grant has these limits and whose delegate has none. */
export const limitedTo = (limits: Partial<Limits>) => chainWith({}, { limits: { ...wide, ...limits } })

export const readAt = (path = '/notes/today', project = atlas): GrantRequest => ({
  subject: holder.peerId,
  address: '10.1.2.3',
  operation: 'read',
  target: { sight: 'open', roles: [developer], project, path },
})
