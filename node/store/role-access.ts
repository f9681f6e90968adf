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
  /** Roles of which at least one key version is held. */
  readonly heldRoles: readonly RoleName[]
  /** One sentence: why keys that this process may have are not there now. Null when all are, and for a blind peer. */
  readonly sealedWhy: string | null
}

/** The roles of a fleet as they are now: another list once they have changed. */
export type FleetRoles = { readonly roles: readonly RoleRecipient[] }

/** Who reads what is written here, and what is read here. */
export class RoleAccess {
  readonly #keys: StoreKeys
  readonly #fleet: FleetRoles
  #known: { readonly roles: readonly RoleRecipient[]; readonly newest: ReadonlyMap<string, RoleRecipient> }

  /** @param fleet - every key version of every role, in any order; asked again for every operation. */
  constructor(keys: StoreKeys, fleet: FleetRoles) {
    this.#keys = keys
    this.#fleet = fleet
    this.#known = { roles: fleet.roles, newest: newestOf(fleet.roles) }
  }

  /** Where a canonical address lies; null on a blind peer. @throws SlurpError SEALED while keys are missing. */
  keyOf(place: string): ContextKey | null {
    const { fleetSecret, sealedWhy } = this.#keys
    if (sealedWhy !== null) throw sealed(sealedWhy)
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
    return wanted.map(name => this.#newest(name))
  }

  /** @throws SlurpError ROLE_UNKNOWN, ROLE_DENIED when this process does not hold it. */
  checkReader(role: string | undefined): void {
    if (role === undefined) return
    const { name } = this.#newest(role)
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

  #newest(name: string): RoleRecipient {
    const { roles } = this.#fleet
    if (this.#known.roles !== roles) this.#known = { roles, newest: newestOf(roles) }
    const found = this.#known.newest.get(name)
    if (found !== undefined) return found
    // Only what could be a role name is repeated: the text may be anything, and messages may reach a log.
    throw new SlurpError(
      'ROLE_UNKNOWN',
      isRoleName(name) ? `This fleet has no role "${name}".` : 'A role is named by a-z, 0-9 and "-".',
    )
  }
}

/** What an operation that needs keys fails with while they are not there. */
export const sealed = (why: string): SlurpError =>
  new SlurpError('SEALED', `This peer is sealed. ${why}`, {
    hint: '`slurp key status` shows which holders of shares are missing; `slurp key unseal` collects the keys.',
  })

function newestOf(roles: readonly RoleRecipient[]): ReadonlyMap<string, RoleRecipient> {
  const newest = new Map<string, RoleRecipient>()
  for (const role of roles)
    if ((newest.get(role.name)?.keyVersion ?? 0) < role.keyVersion) newest.set(role.name, role)
  return newest
}
