import type { RoleName } from '../../base/ids.ts'
import { isRole, type Registry, type SecretEntry } from '../../crypto/registry/registry.ts'
import type { RoleKey } from '../../crypto/roles.ts'
import {
  fleetSecretName,
  membersKeyName,
  type SecretName,
  signingKeyName,
} from '../../crypto/shares/secret-name.ts'
import type { X25519Identity } from '../../crypto/x25519.ts'
import type { RoleVersion } from '../store/api.ts'
import type { StoreKeys } from '../store/role-access.ts'
import type { Collector } from './collector.ts'

type KeyName = Pick<SecretEntry, 'name' | 'keyVersion'>

/** What follows from a registry and from what is open. */
type Held = {
  readonly registry: Registry
  /** Of what is open. */
  readonly revision: number
  readonly entitled: readonly SecretName[]
  readonly isBlind: boolean
  /** Whether all is open that contexts are read and written with. */
  readonly areNeededOpen: boolean
  readonly fleetSecret: Uint8Array | null
  readonly roles: readonly RoleName[]
}

/** What the store may open now: what was collected, and nothing on any disk. */
export class HeldKeys implements StoreKeys {
  readonly #entitled: () => readonly SecretName[]
  readonly #registry: () => Registry
  readonly #collector: Collector
  readonly #why: () => string
  readonly #catchUp: (wanted: readonly RoleVersion[]) => Promise<void>
  #hasOpened = false
  #held: Held | null = null

  /**
   * @param entitled - secrets that this process may have; none for a blind peer.
   * @param why - one sentence: why keys are missing.
   * @param catchUp - learns of key versions that others seal to already, and collects them.
   */
  constructor(
    entitled: () => readonly SecretName[],
    registry: () => Registry,
    collector: Collector,
    why: () => string,
    catchUp: (wanted: readonly RoleVersion[]) => Promise<void>,
  ) {
    this.#entitled = entitled
    this.#registry = registry
    this.#collector = collector
    this.#why = why
    this.#catchUp = catchUp
  }

  get fleetSecret(): Uint8Array | null {
    return this.#now().fleetSecret
  }

  /** 32 bytes: the seed of the key that signs grants here; null while it is not open. Not to be kept. */
  get signingSecret(): Uint8Array | null {
    return this.#open(this.#entries(signingKeyName)) ?? this.#open(this.#entries(membersKeyName)) ?? null
  }

  /** The same list until it changes. */
  get heldRoles(): readonly RoleName[] {
    return this.#now().roles
  }

  /** Contexts are read and written without the key that signs grants, and without a role that was made a moment ago. */
  get sealedWhy(): string | null {
    const { fleetSecret, isBlind, areNeededOpen } = this.#now()
    if (isBlind || areNeededOpen || (this.#hasOpened && fleetSecret !== null)) return null
    return this.#why()
  }

  /** Whether all that this peer is entitled to is open. */
  get isComplete(): boolean {
    return this.#areOpen(this.entitled)
  }

  /** To be called whenever something opened: what comes later does not seal this peer again. */
  noteOpened(): void {
    this.#hasOpened ||= this.#now().areNeededOpen
  }

  /** The keys were given up. */
  noteDropped(): void {
    this.#hasOpened = false
  }

  /** Role keys in memory, all key versions. */
  get roleKeys(): readonly RoleKey[] {
    return this.#collector.list().flatMap(({ entry }) => {
      const { name, keyVersion } = entry
      const identity = this.#collector.identityOf(entry)
      return identity === null ? [] : [{ name: name as RoleName, keyVersion, identity }]
    })
  }

  identitiesOf(role: RoleName, keyVersion: number): readonly X25519Identity[] {
    const identity = this.#collector.identityOf({ name: role, keyVersion })
    return identity === null ? [] : [identity]
  }

  /** Others may seal to a key version that this process has not heard of, or has not collected yet. */
  async ready(roles: readonly RoleVersion[]): Promise<void> {
    const isHeld = (role: RoleVersion) => this.#collector.identityOf(role as KeyName) !== null
    if (roles.some(isHeld)) return
    const entitled = new Set<string>(this.entitled)
    const late = roles.filter(({ name }) => entitled.has(name))
    if (late.length > 0) await this.#catchUp(late)
  }

  /** Secrets that this process may have; none for a blind peer. */
  get entitled(): readonly SecretName[] {
    return this.#now().entitled
  }

  /** Whether this peer is entitled to roles that it could pass on. */
  get canEntitle(): boolean {
    return this.entitled.some(isRole)
  }

  /** Whether it may open no context at all. */
  get isBlind(): boolean {
    return this.#now().isBlind
  }

  /** Asked several times for each request: looked up anew when the registry or what is open has changed. */
  #now(): Held {
    const registry = this.#registry()
    const { revision } = this.#collector
    const before = this.#held
    const entitled = this.#entitled()
    const isSame = before?.registry === registry && before.revision === revision
    if (isSame && sameNames(before.entitled, entitled)) return before
    const needed = entitled.filter(name => !signs(name))
    const isOpen = (entry: SecretEntry) => this.#collector.identityOf(entry) !== null
    // What the newest key says is said of the role: one of before that is to go is past being retired.
    const isUsed = (name: SecretName) => {
      const entries = this.#entries(name)
      return entries.at(-1)?.state !== 'retired' && entries.some(isOpen)
    }
    this.#held = {
      registry,
      revision,
      entitled,
      isBlind: needed.length === 0,
      areNeededOpen: this.#areOpen(needed),
      fleetSecret: this.#open(this.#entries(fleetSecretName)) ?? null,
      roles: (entitled.filter(isRole) as RoleName[]).filter(isUsed),
    }
    return this.#held
  }

  #entries(name: SecretName): readonly SecretEntry[] {
    return this.#registry().secrets.filter(entry => entry.name === name)
  }

  #areOpen(names: readonly SecretName[]): boolean {
    return names.every(name => this.#open(this.#entries(name)) !== undefined)
  }

  /** The newest of them that is open. */
  #open(entries: readonly SecretEntry[]): Uint8Array | undefined {
    return entries.flatMap(entry => this.#collector.keyOf(entry)?.secret ?? []).at(-1)
  }
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  some === others || (some.length === others.length && some.every((name, at) => name === others[at]))

const signs = (name: SecretName): boolean => name === signingKeyName || name === membersKeyName
