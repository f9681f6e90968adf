import { LRUCache } from 'lru-cache'
import { sameBytes } from '../../base/bytes.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import { sha256, sha256Hex } from '../digest.ts'
import { ed25519From, isSignedWith } from '../peer-keys.ts'
import { isProven, SecretProver } from '../shares/dealing-proof.ts'
import { type SecretName, signingKeyName } from '../shares/secret-name.ts'
import { labelled, rawKeyOf } from '../shares/share-set-codec.ts'
import type { Entitlement, Registry, SecretEntry } from './registry.ts'

const keyPurpose = 'slurp/v1/key version\0'
const entitlementPurpose = 'slurp/v1/entitlement\0'

/** Who signs for others: the authority, a peer, or a secret itself. */
type Signer = { sign(bytes: Uint8Array): Uint8Array }

/** A new key version, without the dealing that is still to come. */
type KeyStatement = Pick<SecretEntry, 'name' | 'keyVersion' | 'recipient' | 'verifier' | 'createdAtMs'>

/** @param signer - the authority, or the `SecretProver` of a key version before this one. */
export const endorse = (fleet: FleetId, key: KeyStatement, signer: Signer): Uint8Array =>
  signer.sign(keyBytes(fleet, key))

/** @param signer - the authority, or the identity of a peer that is entitled to these names itself. */
export function entitle(
  fleet: FleetId,
  peer: PeerId,
  names: readonly SecretName[],
  signer: Signer & { readonly publicKey: Uint8Array },
): Entitlement {
  const sorted = [...new Set(names)].sort()
  const signature = signer.sign(entitlementBytes(fleet, peer, sorted))
  return { peer, names: sorted, by: Uint8Array.from(signer.publicKey), signature }
}

/** Whether a key version may stand in this registry: endorsed, and dealt by somebody who has the secret. */
export function isGenuine(
  registry: Pick<Registry, 'fleet' | 'authority' | 'secrets'>,
  entry: SecretEntry,
): boolean {
  const { set, proof, name, keyVersion, verifier, endorser } = entry
  const { fleet, secret } = set.set
  if (fleet !== registry.fleet || secret !== name || set.set.keyVersion !== keyVersion) return false
  const isKnown =
    sameBytes(endorser, registry.authority) ||
    registry.secrets.some(
      each =>
        (each.name === name ? each.keyVersion < keyVersion : each.name === signingKeyName) &&
        sameBytes(each.verifier, endorser),
    )
  return (
    isKnown &&
    once([endorser, entry.endorsement, keyBytes(registry.fleet, entry)], () =>
      isSignedWith(ed25519From(endorser), keyBytes(registry.fleet, entry), entry.endorsement),
    ) &&
    once([verifier, proof, set.hash], () => isProven(verifier, set, proof))
  )
}

/**
 * Whether every statement is by the authority, by a peer that is entitled to as much by other statements, or by the
 * secret itself that it is about: whoever has it could pass it on.
 */
export function areEntitled({ fleet, authority, secrets, entitlements }: Registry): boolean {
  const granted = new Map<string, Set<SecretName>>()
  let waiting = [...entitlements]
  for (let before = -1; waiting.length !== before; ) {
    before = waiting.length
    waiting = waiting.filter(statement => {
      const { by, names, peer } = statement
      const own = granted.get(hexOf(by))
      const isBySecret = (name: SecretName) =>
        secrets.some(entry => entry.name === name && sameBytes(entry.verifier, by))
      if (!sameBytes(by, authority) && !names.every(name => own?.has(name) || isBySecret(name))) return true
      if (!isSigned(fleet, statement)) return true
      const key = hexOf(rawKeyOf(peer))
      granted.set(key, new Set([...(granted.get(key) ?? []), ...names]))
      return false
    })
  }
  return waiting.length === 0
}

/** Whether a collected secret is the one that the registry speaks of. */
export const isSecretOf = ({ verifier }: SecretEntry, secret: Uint8Array): boolean =>
  sameBytes(new SecretProver(secret).verifier, verifier)

const isSigned = (fleet: FleetId, { by, names, peer, signature }: Entitlement): boolean => {
  const bytes = entitlementBytes(fleet, peer, names)
  return once([by, signature, bytes], () => isSignedWith(ed25519From(by), bytes, signature))
}

const keyBytes = (
  fleet: FleetId,
  { name, keyVersion, recipient, verifier, createdAtMs }: KeyStatement,
): Uint8Array =>
  labelled(
    keyPurpose,
    Buffer.from(`${fleet}\0${name}\0${keyVersion}\0${recipient ?? ''}\0`, 'latin1'),
    verifier,
    Buffer.from(createdAtMs === null ? '' : `\0${createdAtMs}`, 'latin1'),
  )

const entitlementBytes = (fleet: FleetId, peer: PeerId, names: readonly SecretName[]): Uint8Array =>
  labelled(entitlementPurpose, Buffer.from(`${fleet}\0${peer}\0${names.join(',')}`, 'latin1'))

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A registry is read again and again, and little of it changes: what was found good stays good. */
const good = new LRUCache<string, true>({ max: 8192 })

function once(parts: readonly Uint8Array[], check: () => boolean): boolean {
  const key = sha256Hex(Buffer.concat(parts.map(part => sha256(part))))
  if (good.has(key)) return true
  const isGood = check()
  if (isGood) good.set(key, true)
  return isGood
}
