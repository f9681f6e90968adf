import type { PeerId, RoleName } from '../../base/ids.ts'
import { entitledTo, isRole, type Registry, type SecretEntry } from '../../crypto/registry/registry.ts'
import type { RoleKey } from '../../crypto/roles.ts'
import { fleetSecretName, type SecretName } from '../../crypto/shares/secret-name.ts'
import type { X25519Identity } from '../../crypto/x25519.ts'
import type { RoleVersion } from '../store/api.ts'
import type { StoreKeys } from '../store/role-access.ts'
import type { Collector } from './collector.ts'

type KeyName = Pick<SecretEntry, 'name' | 'keyVersion'>

/** What the store may open now: what was collected, and nothing on any disk. */
export class HeldKeys implements StoreKeys {
  readonly #self: PeerId
  readonly #registry: () => Registry
  readonly #collector: Collector
  readonly #why: () => string
  readonly #catchUp: (wanted: readonly RoleVersion[]) => Promise<void>

  /**
   * @param why - one sentence: why keys are missing.
   * @param catchUp - learns of key versions that others seal to already, and collects them.
   */
  constructor(
    self: PeerId,
    registry: () => Registry,
    collector: Collector,
    why: () => string,
    catchUp: (wanted: readonly RoleVersion[]) => Promise<void>,
  ) {
    this.#self = self
    this.#registry = registry
    this.#collector = collector
    this.#why = why
    this.#catchUp = catchUp
  }

  get fleetSecret(): Uint8Array | null {
    return this.#open(this.#entries(fleetSecretName)) ?? null
  }

  get heldRoles(): readonly RoleName[] {
    const names = this.entitled.filter(isRole) as RoleName[]
    return names.filter(name =>
      this.#entries(name).some(
        entry => entry.state !== 'retired' && this.#collector.identityOf(entry) !== null,
      ),
    )
  }

  get sealedWhy(): string | null {
    const isOpen = this.entitled.every(name => this.#open(this.#entries(name)) !== undefined)
    return isOpen ? null : this.#why()
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

  /** Secrets that this peer is entitled to; none for a blind one. */
  get entitled(): readonly SecretName[] {
    return entitledTo(this.#registry(), this.#self)
  }

  #entries(name: SecretName): readonly SecretEntry[] {
    return this.#registry().secrets.filter(entry => entry.name === name)
  }

  /** The newest of them that is open. */
  #open(entries: readonly SecretEntry[]): Uint8Array | undefined {
    return entries.flatMap(entry => this.#collector.keyOf(entry)?.secret ?? []).at(-1)
  }
}
