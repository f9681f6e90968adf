import type { PeerId, RoleName } from '../../base/ids.ts'
import { entitledTo, isRole, type Registry, type SecretEntry } from '../../crypto/registry/registry.ts'
import { fleetSecretName, type SecretName } from '../../crypto/shares/secret-name.ts'
import type { X25519Identity } from '../../crypto/x25519.ts'
import type { StoreKeys } from '../store/role-access.ts'
import type { Collector } from './collector.ts'

/** What the store may open now: what was collected, and nothing on any disk. */
export class HeldKeys implements StoreKeys {
  readonly #self: PeerId
  readonly #registry: () => Registry
  readonly #collector: Collector
  readonly #why: () => string

  /** @param why - one sentence: why keys are missing. */
  constructor(self: PeerId, registry: () => Registry, collector: Collector, why: () => string) {
    this.#self = self
    this.#registry = registry
    this.#collector = collector
    this.#why = why
  }

  get fleetSecret(): Uint8Array | null {
    return this.#open(this.#entries(fleetSecretName)) ?? null
  }

  get heldRoles(): readonly RoleName[] {
    const names = this.entitled.filter(isRole) as RoleName[]
    return names.filter(name => this.#entries(name).some(entry => this.#collector.identityOf(entry) !== null))
  }

  get sealedWhy(): string | null {
    const isOpen = this.entitled.every(name => this.#open(this.#entries(name)) !== undefined)
    return isOpen ? null : this.#why()
  }

  identitiesOf(role: RoleName, keyVersion: number): readonly X25519Identity[] {
    const identity = this.#collector.identityOf({ name: role, keyVersion })
    return identity === null ? [] : [identity]
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
