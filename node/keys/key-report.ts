import type { PeerId } from '../../base/ids.ts'
import { keyFingerprint } from '../../crypto/audit/fingerprint.ts'
import type { Registry, SecretEntry } from '../../crypto/registry/registry.ts'
import { keyStatusOf } from '../../crypto/shares/key-collection.ts'
import type { ShareSet } from '../../crypto/shares/share-set.ts'
import type { KeyProgress, KeyShares, SharedSecret } from '../key-control.ts'
import type { Collector } from './collector.ts'

/** Names a key version wherever people see one: a role's by its recipient, as in the audit log, others' by the public check value. */
export const fingerprintOf = ({ recipient, verifier }: Pick<SecretEntry, 'recipient' | 'verifier'>): string =>
  keyFingerprint(recipient ?? Buffer.from(verifier).toString('hex'))

type Names = (peer: PeerId) => string

export function progressOf(
  { entry, collection, isMisdealt }: ReturnType<Collector['list']>[number],
  isReachable: (peer: PeerId) => boolean,
  nameOf: Names,
): KeyProgress & { readonly missing: readonly string[] } {
  const status = keyStatusOf(collection, isReachable, nameOf)
  const { needed, holders, reachable, released, refused, missing } = status
  const dealer = nameOf(entry.set.set.dealer)
  const bad = isMisdealt
    ? [...status.bad, { name: dealer, why: 'What it dealt gives no secret.' }]
    : status.bad
  const state = status.state === 'open' ? 'open' : reachable < needed || isMisdealt ? 'sealed' : 'collecting'
  const { name, keyVersion } = entry
  const fingerprint = fingerprintOf(entry)
  return { name, keyVersion, fingerprint, state, needed, holders, reachable, released, refused, bad, missing }
}

export function sharesOf(
  { secrets, entitlements }: Registry,
  held: readonly ShareSet[],
  holdersWanted: readonly PeerId[],
  nameOf: Names,
): KeyShares {
  const namesOf = new Map<PeerId, Set<string>>()
  for (const { peer, names } of entitlements)
    namesOf.set(peer, new Set([...(namesOf.get(peer) ?? []), ...names]))
  const entitled = [...namesOf].map(([peer, names]) => ({ peer: nameOf(peer), names: [...names].sort() }))
  return {
    secrets: secrets.map(entry => secretText(entry, held, nameOf)),
    entitled: entitled.sort((a, b) => (a.peer < b.peer ? -1 : 1)),
    holdersWanted: holdersWanted.map(nameOf).sort(),
  }
}

function secretText(entry: SecretEntry, held: readonly ShareSet[], nameOf: Names): SharedSecret {
  const { name, keyVersion, state, recipient, set } = entry
  const { setVersion, threshold, setId, holders } = set.set
  return {
    name,
    keyVersion,
    fingerprint: fingerprintOf(entry),
    state,
    recipient,
    setVersion,
    needed: threshold,
    holders: holders.map(({ peer }) => nameOf(peer)).sort(),
    isHeldHere: held.some(each => each.setId === setId),
  }
}
