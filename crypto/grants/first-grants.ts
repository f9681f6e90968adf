import { join } from 'node:path'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Authority } from '../authority.ts'
import { writeNewSecretFile } from '../secret-file.ts'
import type { SigningKey } from '../signing-key.ts'
import type { X25519Recipient } from '../x25519.ts'
import { encodeGrantFile } from './chain-text.ts'
import { newDelegateKey, sealDelegateKey } from './delegate-key.ts'
import { type ChainText, newGrantId, openDelegate } from './grant-chain.ts'
import type { Delegate, Limits } from './grant-shape.ts'
import { certify, memberLimits, membershipIdOf, signMembership } from './membership.ts'

export const grantFile = 'grant.json'
/** In the directory of the agent that grants only: the key that signs grants of agents, sealed to that agent. */
export const granterKeyFile = 'granter.age'

/** The first key of a fleet that signs grants, with its certificate. */
export type FirstIssuer = {
  readonly fleet: FleetId
  readonly key: SigningKey
  readonly certificate: string
  readonly delegate: Delegate
}

export type FirstHolder = {
  readonly peer: PeerId
  readonly name: string
  /** Without roles it is blind. */
  readonly hasRoles: boolean
}

/**
 * @param grantlessBeforeMs - versions from before this moment count without a grant; 0: none does.
 * @param more.key - a new one when left out.
 * @param more.signs - as in `certify`.
 */
export async function newIssuer(
  authority: Authority,
  grantlessBeforeMs: number,
  more: { readonly key?: SigningKey; readonly signs?: 'members' | 'agents' } = {},
): Promise<FirstIssuer> {
  const key = more.key ?? (await newDelegateKey())
  const certificate = await certify(authority, key.publicKey, Date.now(), {
    grantlessBeforeMs,
    ...(more.signs === undefined ? {} : { signs: more.signs }),
  })
  const delegate = await openDelegate(certificate, authority.publicKey)
  return { fleet: authority.fleet, key, certificate, delegate }
}

/** Writes what one member shows to the others. */
export async function furnishGrant(dir: string, issuer: FirstIssuer, holder: FirstHolder): Promise<void> {
  const { peer, name, hasRoles } = holder
  const { fleet, key, certificate, delegate } = issuer
  const membership = { peer, name, limits: memberLimits(hasRoles), id: membershipIdOf(fleet, peer) }
  const grant = await signMembership(key, delegate, membership, Date.now())
  await writeNewSecretFile(join(dir, grantFile), encodeGrantFile({ delegate: certificate, grant }))
}

/**
 * Writes the directory of the agent that grants, in a fleet whose members are all blind: its own grant, and the key that signs
 * those of agents.
 *
 * @returns its grant as one text, for the members to know it by.
 */
export async function furnishGranter(
  dir: string,
  { key, certificate, delegate }: FirstIssuer,
  {
    peer,
    name,
    recipient,
  }: { readonly peer: PeerId; readonly name: string; readonly recipient: X25519Recipient },
): Promise<ChainText> {
  const limits = { ...memberLimits(true), operations: granterOperations }
  const asked = { peer, name, limits, id: newGrantId() }
  const grant = await signMembership(key, delegate, asked, Date.now(), 'agent')
  const chain = { delegate: certificate, grant }
  await writeNewSecretFile(join(dir, grantFile), encodeGrantFile(chain))
  await writeNewSecretFile(join(dir, granterKeyFile), await sealDelegateKey(recipient, key))
  return chain
}

const granterOperations: Limits['operations'] = [
  'admin:grants',
  'admin:keys',
  'delete',
  'history',
  'read',
  'search',
  'write',
]
