import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PeerId, RoleName } from '../../base/ids.ts'
import type { Authority } from '../authority.ts'
import { Identity } from '../identity.ts'
import type { RoleKey } from '../roles.ts'
import { writeNewSecretFile } from '../secret-file.ts'
import { deal } from '../shares/deal.ts'
import { proveDealing, SecretProver } from '../shares/dealing-proof.ts'
import { fleetSecretName, membersKeyName, type SecretName, signingKeyName } from '../shares/secret-name.ts'
import { wipe } from '../shares/share.ts'
import { type KeptShare, keepShare } from '../shares/share-directory.ts'
import { setIdBytes } from '../shares/share-set.ts'
import type { X25519Recipient } from '../x25519.ts'
import {
  holdersChosenMax,
  inOrder,
  type KeyState,
  type Registry,
  type SecretEntry,
  withEntitlement,
  withEntries,
} from './registry.ts'
import { encodeRegistry } from './registry-codec.ts'
import { endorse, entitle } from './statements.ts'

export const registryFile = 'keys.registry'
export const sharesFolder = 'shares'

export type DealingPlan = {
  readonly authority: Authority
  /** Every member. All of them hold shares, the blind ones too; the first 31 of a larger fleet. */
  readonly members: readonly {
    readonly peer: PeerId
    readonly recipient: X25519Recipient
    /** Roles that it is entitled to; none makes it blind. */
    readonly roles: readonly RoleName[]
  }[]
  /** When the keys were made, in milliseconds since the epoch; null where nobody knows. */
  readonly createdAtMs: number | null
}

export type SecretsPlan = DealingPlan & {
  readonly roleKeys: readonly RoleKey[]
  /** 32 bytes. The caller wipes it. */
  readonly fleetSecret: Uint8Array
  /** 32 bytes: the seed of the key that signs grants. The caller wipes it. */
  readonly signingSecret: Uint8Array
  /** That key is certified for memberships without roles only: every member may have it, as none has any role. */
  readonly signsMembersOnly?: boolean
}

export type DealtSecrets = {
  readonly registry: Registry
  readonly shares: ReadonlyMap<PeerId, readonly KeptShare[]>
}

/** Deals the secrets of a fleet to its members: the first registry, every word of it signed by the authority. */
export async function dealSecrets(plan: SecretsPlan): Promise<DealtSecrets> {
  const { authority, members, roleKeys, fleetSecret, signingSecret, signsMembersOnly = false } = plan
  const signing: SecretName = signsMembersOnly ? membersKeyName : signingKeyName
  const { fleet } = authority
  const newest = new Map<string, number>()
  for (const { name, keyVersion } of roleKeys) newest.set(name, Math.max(keyVersion, newest.get(name) ?? 0))
  const first = { keyVersion: 1, state: 'current', recipient: null } as const
  const dealt = [
    await dealOne(plan, { ...first, name: fleetSecretName }, fleetSecret),
    await dealOne(plan, { ...first, name: signing }, signingSecret),
  ]
  for (const { name, keyVersion, identity } of roleKeys) {
    const scalar = identity.scalar()
    const state = newest.get(name) === keyVersion ? 'current' : 'old'
    const recipient = identity.recipient.text
    dealt.push(await dealOne(plan, { name, keyVersion, state, recipient }, scalar))
    wipe(scalar)
  }
  const entitlements = members.flatMap(({ peer, roles }) => {
    const held: SecretName[] = roles.length > 0 ? [fleetSecretName, ...roles] : []
    const names = roles.length > 0 || signsMembersOnly ? [...held, signing] : held
    return names.length === 0 ? [] : [entitle(fleet, peer, names, authority)]
  })
  const secrets = inOrder(dealt.map(({ entry }) => entry))
  const registry = { fleet, authority: authority.publicKey, secrets, entitlements }
  return { registry, shares: byHolder(dealt) }
}

/**
 * For a registry of a release in which peers with roles kept the key that signs grants whole.
 *
 * @param signingSecret - 32 bytes. The caller wipes it.
 * @returns shares of this secret only: those of the others stay where they are.
 */
export async function dealSigning(
  registry: Registry,
  plan: DealingPlan,
  signingSecret: Uint8Array,
): Promise<DealtSecrets> {
  const { authority, members } = plan
  const key = { name: signingKeyName, keyVersion: 1, state: 'current', recipient: null } as const
  const dealt = await dealOne(plan, key, signingSecret)
  let whole = withEntries(registry, [dealt.entry])
  for (const { peer, roles } of members)
    if (roles.length > 0)
      whole = withEntitlement(whole, entitle(authority.fleet, peer, [signingKeyName], authority))
  return { registry: whole, shares: byHolder([dealt]) }
}

type Dealt = { readonly entry: SecretEntry; readonly shares: ReadonlyMap<PeerId, Uint8Array> }
type NewKey = {
  readonly name: SecretName
  readonly keyVersion: number
  readonly state: KeyState
  readonly recipient: string | null
}

async function dealOne(
  { authority, members, createdAtMs }: DealingPlan,
  key: NewKey,
  secret: Uint8Array,
): Promise<Dealt> {
  const { fleet } = authority
  const { name, keyVersion, recipient } = key
  const { record, shares } = await deal(secret, {
    fleet,
    secret: name,
    keyVersion,
    setVersion: 1,
    setId: randomBytes(setIdBytes).toString('hex'),
    holders: members.slice(0, holdersChosenMax).map(each => ({ peer: each.peer, recipient: each.recipient })),
    dealer: new Identity(authority.privateKey),
  })
  const { verifier } = new SecretProver(secret)
  const endorsement = endorse(fleet, { name, keyVersion, recipient, verifier, createdAtMs }, authority)
  const endorser = authority.publicKey
  const proof = proveDealing(secret, record)
  return { entry: { ...key, createdAtMs, verifier, endorser, endorsement, set: record, proof }, shares }
}

function byHolder(dealt: readonly Dealt[]): Map<PeerId, KeptShare[]> {
  const kept = new Map<PeerId, KeptShare[]>()
  for (const { entry, shares } of dealt)
    for (const [peer, sealed] of shares)
      kept.set(peer, [...(kept.get(peer) ?? []), { record: entry.set, sealed }])
  return kept
}

/** Writes what one member keeps: the registry for everybody's eyes, and its own shares. */
export async function furnishKeys(
  dir: string,
  peer: PeerId,
  { registry, shares }: DealtSecrets,
): Promise<void> {
  await writeNewSecretFile(join(dir, registryFile), encodeRegistry(registry))
  await mkdir(join(dir, sharesFolder), { recursive: true, mode: 0o700 })
  for (const share of shares.get(peer) ?? []) await keepShare(join(dir, sharesFolder), share)
}
