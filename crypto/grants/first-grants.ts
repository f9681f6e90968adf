import { join } from 'node:path'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Authority } from '../authority.ts'
import { writeNewSecretFile } from '../secret-file.ts'
import type { SigningKey } from '../signing-key.ts'
import { encodeGrantFile } from './chain-text.ts'
import { newDelegateKey } from './delegate-key.ts'
import { openDelegate } from './grant-chain.ts'
import type { Delegate } from './grant-shape.ts'
import { certify, memberLimits, membershipIdOf, signMembership } from './membership.ts'

export const grantFile = 'grant.json'

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
 * @param key - a new one when left out.
 */
export async function newIssuer(
  authority: Authority,
  grantlessBeforeMs: number,
  key?: SigningKey,
): Promise<FirstIssuer> {
  key ??= await newDelegateKey()
  const certificate = await certify(authority, key.publicKey, Date.now(), { grantlessBeforeMs })
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
