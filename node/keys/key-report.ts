import type { PeerId } from '../../base/ids.ts'
import { keyFingerprint } from '../../crypto/audit/fingerprint.ts'
import { isRole, type Registry, type SecretEntry } from '../../crypto/registry/registry.ts'
import { keyStatusOf } from '../../crypto/shares/key-collection.ts'
import type { ShareSet } from '../../crypto/shares/share-set.ts'
import type {
  ContextsOfKeys,
  KeyProgress,
  KeyShares,
  KeyStatus,
  RoleList,
  SharedSecret,
} from '../key-control.ts'
import type { Collector } from './collector.ts'
import type { RotationDesk } from './rotation-desk.ts'

/** Names a key version wherever people see one: a role's by its recipient, as in the audit log, others' by the public check value. */
export const fingerprintOf = ({ recipient, verifier }: Pick<SecretEntry, 'recipient' | 'verifier'>): string =>
  keyFingerprint(recipient ?? Buffer.from(verifier).toString('hex'))

type Names = (peer: PeerId) => string

function progressOf(
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

/**
 * How a peer stands with its keys.
 *
 * @param slots - what it collects.
 */
export function statusOf(
  slots: ReturnType<Collector['list']>,
  { isSealedByWish, isBlind }: { readonly isSealedByWish: boolean; readonly isBlind: boolean },
  isReachable: (peer: PeerId) => boolean,
  nameOf: Names,
): KeyStatus {
  const all = slots.map(slot => progressOf(slot, isReachable, nameOf))
  const missing = [...new Set(all.flatMap(each => each.missing))].sort()
  const keys = all.map(({ missing: _, ...key }) => key)
  const short = Math.max(0, ...keys.map(key => (key.state === 'open' ? 0 : key.needed - key.reachable)))
  if (isSealedByWish) {
    const reason = 'The keys were given up when somebody asked for it.'
    return { state: 'sealed', reason, short, missing, keys }
  }
  if (isBlind) return { state: 'blind', reason: null, short: 0, missing, keys }
  if (keys.length > 0 && keys.every(({ state }) => state === 'open'))
    return { state: 'open', reason: null, short: 0, missing, keys }
  if (short === 0)
    return { state: 'collecting', reason: 'The keys are being collected.', short, missing, keys }
  const reason = `${short} more holders of shares are needed; ${missing.join(', ') || 'nobody'} cannot be reached.`
  return { state: 'sealed', reason, short, missing, keys }
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

/** @param isOpenHere - whether the peer that is asked has a key in memory. */
export function rolesOf(
  registry: Registry,
  rotations: Pick<RotationDesk, 'rotations' | 'everyDays'>,
  isOpenHere: (entry: SecretEntry) => boolean,
  nameOf: Names,
): RoleList {
  const keys = registry.secrets.filter(({ name }) => isRole(name))
  const { entitled } = sharesOf(registry, [], [], nameOf)
  const due = new Map(rotations.rotations().map(each => [each.newest.name, each]))
  const roles = [...new Set(keys.map(({ name }) => name))].map(name => {
    const own = keys.filter(each => each.name === name).reverse()
    const state = own[0]!.state === 'retired' ? ('retired' as const) : ('current' as const)
    return {
      name,
      state,
      keys: own.map(entry => ({
        keyVersion: entry.keyVersion,
        fingerprint: fingerprintOf(entry),
        state: entry.state,
        recipient: entry.recipient!,
        createdAt: entry.createdAtMs === null ? null : new Date(entry.createdAtMs).toISOString(),
        isOpenHere: isOpenHere(entry),
        contexts: null,
      })),
      entitled: entitled.filter(({ names }) => names.includes(name)).map(({ peer }) => peer),
      everyDays: due.get(name)?.everyDays ?? null,
      rotationDue: momentOf(due.get(name)?.dueMs ?? null),
    }
  })
  return { everyDays: rotations.everyDays, roles, reencryption: null }
}

/** The same with what was counted. */
export function withContexts(list: RoleList, contexts: ContextsOfKeys | null): RoleList {
  if (contexts === null) return list
  const { counts, reencryption } = contexts
  const of = (name: string, keyVersion: number) =>
    counts?.find(each => each.name === name && each.keyVersion === keyVersion) ?? { current: 0, history: 0 }
  const counted = (name: string, keyVersion: number) => {
    const { current, history } = of(name, keyVersion)
    return counts === null ? null : { current, history }
  }
  const roles = list.roles.map(({ name, keys, ...role }) => ({
    ...role,
    name,
    keys: keys.map(key => ({ ...key, contexts: counted(name, key.keyVersion) })),
  }))
  return { ...list, roles, reencryption }
}

const momentOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

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
