import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, isRoleName, type RoleName } from '../../base/ids.ts'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { rolesOfContextMax } from '../../crypto/envelope-codec.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import type { X25519Identity } from '../../crypto/x25519.ts'
import type { RoleVersion } from './api.ts'

/** What this process may open. */
export type StoreKeys = {
  /** Null for a blind peer: it cannot even tell where an address lies. */
  readonly fleetSecret: Uint8Array | null
  /** Identities held for one key version of a role; empty for none. */
  identitiesOf(role: RoleName, keyVersion: number): readonly X25519Identity[]
  readonly heldRoles: readonly RoleName[]
}

/** Who reads what is written here, and what is read here. */
export class RoleAccess {
  readonly #keys: StoreKeys
  /** The newest key version of every role of the fleet. */
  readonly #recipients = new Map<string, RoleRecipient>()

  /** @param roles - every key version of every role of the fleet, in any order. */
  constructor(keys: StoreKeys, roles: readonly RoleRecipient[]) {
    this.#keys = keys
    for (const role of roles) {
      const newest = this.#recipients.get(role.name)
      if (newest === undefined || newest.keyVersion < role.keyVersion) this.#recipients.set(role.name, role)
    }
  }

  /** Where a canonical address lies; null on a blind peer. */
  keyOf(place: string): ContextKey | null {
    const { fleetSecret } = this.#keys
    return fleetSecret === null ? null : contextKeyOf(fleetSecret, place)
  }

  /**
   * Recipients of a new version, ordered by name.
   *
   * @param names - by default every role that this process holds.
   * @throws SlurpError ROLE_UNKNOWN, USAGE for none or too many, ROLE_DENIED when none is named and none held.
   */
  readersOf(names: readonly string[] | undefined): RoleRecipient[] {
    const wanted = [...new Set(names ?? this.#keys.heldRoles)].sort()
    if (wanted.length === 0) {
      throw names === undefined
        ? new SlurpError('ROLE_DENIED', 'This peer holds no role; name the roles that may read the context.')
        : new SlurpError('USAGE', 'A context needs at least one role that may read it.')
    }
    if (wanted.length > rolesOfContextMax)
      throw new SlurpError('USAGE', `A context has at most ${rolesOfContextMax} roles.`)
    return wanted.map(name => this.#known(name))
  }

  /** @throws SlurpError ROLE_UNKNOWN, ROLE_DENIED when this process does not hold it. */
  checkReader(role: string | undefined): void {
    if (role === undefined) return
    const { name } = this.#known(role)
    if (!this.#keys.heldRoles.includes(name))
      throw new SlurpError('ROLE_DENIED', `This peer does not hold the role "${name}".`)
  }

  /**
   * The identities to open a context with, none where it may not be read: the same answer for a context that is in
   * memory already, so that a cache never shows more than the keys would.
   *
   * @param role - open with this role only.
   * @throws SlurpError ROLE_DENIED
   */
  identitiesFor(
    roles: readonly RoleVersion[],
    role?: string,
  ): (name: RoleName, keyVersion: number) => readonly X25519Identity[] {
    const usable = roles.filter(({ name }) => role === undefined || name === role)
    if (usable.length === 0)
      throw new SlurpError('ROLE_DENIED', `The role "${role}" is not among those that may read this context.`)
    if (
      !usable.some(({ name, keyVersion }) => this.#keys.identitiesOf(name as RoleName, keyVersion).length > 0)
    )
      throw new SlurpError('ROLE_DENIED', 'This peer holds no key of the roles that may read this context.')
    return (name, keyVersion) =>
      role === undefined || name === role ? this.#keys.identitiesOf(name, keyVersion) : []
  }

  #known(name: string): RoleRecipient {
    const found = this.#recipients.get(name)
    if (found !== undefined) return found
    // Only what could be a role name is repeated: the text may be anything, and messages may reach a log.
    throw new SlurpError(
      'ROLE_UNKNOWN',
      isRoleName(name) ? `This fleet has no role "${name}".` : 'A role is named by a-z, 0-9 and "-".',
    )
  }
}
