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
import { fleetSecretName, type SecretName } from '../shares/secret-name.ts'
import { wipe } from '../shares/share.ts'
import { type KeptShare, keepShare } from '../shares/share-directory.ts'
import { setIdBytes } from '../shares/share-set.ts'
import type { X25519Recipient } from '../x25519.ts'
import { holdersChosenMax, inOrder, type Registry, type SecretEntry } from './registry.ts'
import { encodeRegistry } from './registry-codec.ts'
import { endorse, entitle } from './statements.ts'

export const registryFile = 'keys.registry'
export const sharesFolder = 'shares'

export type SecretsPlan = {
  readonly authority: Authority
  /** Every member. All of them hold shares, the blind ones too; the first 31 of a larger fleet. */
  readonly members: readonly {
    readonly peer: PeerId
    readonly recipient: X25519Recipient
    /** Roles that it is entitled to; none makes it blind. */
    readonly roles: readonly RoleName[]
  }[]
  readonly roleKeys: readonly RoleKey[]
  /** 32 bytes. The caller wipes it. */
  readonly fleetSecret: Uint8Array
}

export type DealtSecrets = {
  readonly registry: Registry
  readonly shares: ReadonlyMap<PeerId, readonly KeptShare[]>
}

/** Deals the secrets of a fleet to its members: the first registry, every word of it signed by the authority. */
export async function dealSecrets(plan: SecretsPlan): Promise<DealtSecrets> {
  const { authority, members, roleKeys, fleetSecret } = plan
  const { fleet } = authority
  const dealer = new Identity(authority.privateKey)
  const holders = members.slice(0, holdersChosenMax).map(({ peer, recipient }) => ({ peer, recipient }))
  const shares = new Map<PeerId, KeptShare[]>(holders.map(({ peer }) => [peer, []]))
  const newest = new Map<string, number>()
  for (const { name, keyVersion } of roleKeys) newest.set(name, Math.max(keyVersion, newest.get(name) ?? 0))
  const dealt = async (
    name: SecretName,
    keyVersion: number,
    recipient: string | null,
    secret: Uint8Array,
  ): Promise<SecretEntry> => {
    const setId = randomBytes(setIdBytes).toString('hex')
    const dealing = await deal(secret, {
      fleet,
      secret: name,
      keyVersion,
      setVersion: 1,
      setId,
      holders,
      dealer,
    })
    for (const [peer, sealed] of dealing.shares) shares.get(peer)!.push({ record: dealing.record, sealed })
    const { verifier } = new SecretProver(secret)
    const endorsement = endorse(fleet, { name, keyVersion, recipient, verifier }, authority)
    const isNewest = (newest.get(name) ?? keyVersion) === keyVersion
    return {
      name,
      keyVersion,
      state: isNewest ? 'current' : 'old',
      recipient,
      verifier,
      endorser: authority.publicKey,
      endorsement,
      set: dealing.record,
      proof: proveDealing(secret, dealing.record),
    }
  }
  const secrets = [await dealt(fleetSecretName, 1, null, fleetSecret)]
  for (const { name, keyVersion, identity } of roleKeys) {
    const scalar = identity.scalar()
    secrets.push(await dealt(name, keyVersion, identity.recipient.text, scalar))
    wipe(scalar)
  }
  const entitlements = members.flatMap(({ peer, roles }) =>
    roles.length === 0 ? [] : [entitle(fleet, peer, [fleetSecretName, ...roles], authority)],
  )
  const registry = { fleet, authority: authority.publicKey, secrets: inOrder(secrets), entitlements }
  return { registry, shares }
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
