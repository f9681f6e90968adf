import { sameBytes } from '../../base/bytes.ts'
import { type FleetId, isRoleName, type PeerId } from '../../base/ids.ts'
import type { RoleRecipient } from '../roles.ts'
import type { SecretName } from '../shares/secret-name.ts'
import type { ShareSet } from '../shares/share-set.ts'
import type { SignedShareSet } from '../shares/share-set-codec.ts'

/** Key versions of all secrets, and statements of who is entitled, at most. */
export const secretsMax = 256
export const entitlementsMax = 1024
/** Bytes of a whole registry, at most: it is the body of one control register. */
export const registryBytesMax = 1024 * 1024
/** Peers that a secret is dealt to, at most: with all 32 roles in eight versions the registry stays below its cap. */
export const holdersChosenMax = 31

/**
 * `current`: seals and opens. `old`: opens what was sealed before. `retired`: its role is used no more. `ending`: is to go,
 * and history that is sealed to it goes before; `destroyed`: nobody has it any more, or a share of it. A key version only
 * ever goes on to a later one of them.
 */
export const keyStates = ['current', 'old', 'retired', 'ending', 'destroyed'] as const
export type KeyState = (typeof keyStates)[number]

/** One key version of one shared secret: all that everybody may know of it. */
export type SecretEntry = {
  readonly name: SecretName
  readonly keyVersion: number
  readonly state: KeyState
  /** `age1…`, to which contexts are sealed; null for a secret that is no role's. */
  readonly recipient: string | null
  /** 32 bytes: check value of the secret (`SecretProver`). */
  readonly verifier: Uint8Array
  /** Milliseconds since the epoch, by the clock of whoever made it; null in registries of before. */
  readonly createdAtMs: number | null
  /** 32 bytes: the authority's public key, the verifier of the key version before this one, or that of `@signing`. */
  readonly endorser: Uint8Array
  /** 64 bytes by the endorser over name, key version, recipient and verifier. */
  readonly endorsement: Uint8Array
  /** The dealing in force. */
  readonly set: SignedShareSet
  /** 64 bytes: its dealer had the secret. */
  readonly proof: Uint8Array
}

/** Who may have which secrets. Whoever is entitled can pass it on, as it could pass on the secrets themselves. */
export type Entitlement = {
  readonly peer: PeerId
  /** Ascending, each once. */
  readonly names: readonly SecretName[]
  /** 32 bytes: public key of the authority, of a peer that is entitled to all of them, or verifier of the secret itself. */
  readonly by: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
}

/** What a fleet agrees on about its shared secrets. */
export type Registry = {
  readonly fleet: FleetId
  /** 32 bytes; the fleet id is their hash. */
  readonly authority: Uint8Array
  /** Ascending by name, then key version. */
  readonly secrets: readonly SecretEntry[]
  readonly entitlements: readonly Entitlement[]
}

export const isRole = (name: SecretName): boolean => isRoleName(name)

/**
 * Public halves of every key version of every role that is not retired, but for those that are destroyed.
 *
 * @param before - what they were: the same list comes back where they still are, however the shares lie now. Whoever made
 * something of a list, such as an index that is open, may go on with that.
 */
export function recipientsOf(
  { secrets }: Registry,
  before: readonly RoleRecipient[] = [],
): readonly RoleRecipient[] {
  // A key of before that is to go is past being retired: what the newest one says is said of the role.
  const newest = new Map(secrets.map(entry => [entry.name, entry.state]))
  const now = secrets.flatMap(({ name, keyVersion, recipient, state }) =>
    recipient === null || state === 'retired' || state === 'destroyed' || newest.get(name) === 'retired'
      ? []
      : [{ name: name as RoleRecipient['name'], keyVersion, recipient }],
  )
  const isSame = (role: RoleRecipient, at: number) =>
    role.name === before[at]?.name &&
    role.keyVersion === before[at].keyVersion &&
    role.recipient === before[at].recipient
  return now.length === before.length && now.every(isSame) ? before : now
}

export const entryOf = (
  { secrets }: Registry,
  { secret, keyVersion }: Pick<ShareSet, 'secret' | 'keyVersion'>,
): SecretEntry | undefined => secrets.find(each => each.name === secret && each.keyVersion === keyVersion)

/** Names of the secrets that a peer is entitled to, ascending. */
export const entitledTo = ({ entitlements }: Registry, peer: PeerId): SecretName[] =>
  [...new Set(entitlements.flatMap(each => (each.peer === peer ? each.names : [])))].sort()

/** Whether any peer may have a secret; of those that none may, agents see to the keys. */
export const isAnyEntitled = ({ entitlements }: Registry, name: SecretName): boolean =>
  entitlements.some(({ names }) => names.includes(name))

/**
 * What both say, together: of two dealings the later one, of two states the further one, every entitlement. Of two
 * dealings with one number that of `agreed` counts, which is what the fleet agreed on.
 */
export function merged(own: Registry, agreed: Registry): Registry {
  const entries = new Map(agreed.secrets.map(entry => [slotOf(entry), entry]))
  for (const entry of own.secrets) {
    const other = entries.get(slotOf(entry))
    entries.set(slotOf(entry), other === undefined ? entry : later(entry, other))
  }
  const known = new Set(agreed.entitlements.map(textOf))
  return {
    ...agreed,
    secrets: inOrder([...entries.values()]),
    entitlements: [...agreed.entitlements, ...own.entitlements.filter(each => !known.has(textOf(each)))],
  }
}

/** With these entries in place of those of the same secrets and key versions. */
export function withEntries(registry: Registry, entries: readonly SecretEntry[]): Registry {
  const taken = new Set(entries.map(slotOf))
  const rest = registry.secrets.filter(entry => !taken.has(slotOf(entry)))
  return { ...registry, secrets: inOrder([...rest, ...entries]) }
}

export const withEntitlement = (registry: Registry, entitlement: Entitlement): Registry => ({
  ...registry,
  entitlements: [...registry.entitlements.filter(each => textOf(each) !== textOf(entitlement)), entitlement],
})

export const inOrder = (entries: readonly SecretEntry[]): SecretEntry[] =>
  [...entries].sort((a, b) => (a.name === b.name ? a.keyVersion - b.keyVersion : a.name < b.name ? -1 : 1))

function later(own: SecretEntry, agreed: SecretEntry): SecretEntry {
  // Another key under the same number: what the fleet agreed on is the one.
  if (!sameBytes(own.verifier, agreed.verifier)) return agreed
  const { state } = keyStates.indexOf(own.state) > keyStates.indexOf(agreed.state) ? own : agreed
  const { set, proof } = own.set.set.setVersion > agreed.set.set.setVersion ? own : agreed
  return { ...agreed, state, set, proof }
}

/** Names a key version. */
export const slotOf = ({
  name,
  keyVersion,
}: {
  readonly name: string
  readonly keyVersion: number
}): string => `${name}/${keyVersion}`

const textOf = ({ peer, names, by }: Entitlement): string =>
  `${peer}/${names.join(',')}/${Buffer.from(by).toString('hex')}`
