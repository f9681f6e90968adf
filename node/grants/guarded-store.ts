import type { RoleName } from '../../base/ids.ts'
import type { ContextOperation } from '../../crypto/grants/operations.ts'
import { type Address, parseAddress } from '../store/address.ts'
import type {
  ContextStore,
  DeletedContext,
  DeleteOptions,
  HistoryOptions,
  HistoryPage,
  RetrievedContext,
  RetrieveOptions,
  StoredContext,
  StoreOptions,
} from '../store/api.ts'
import type { CompareOptions, Comparison } from '../store/compare/api.ts'
import type { ResolvedContext, ResolveOptions } from '../store/hierarchy/api.ts'
import type { GatedStore, ReadGate } from '../store/read-gate.ts'

/** What one caller may do with contexts. */
export type ContextRights = {
  /** Roles that it is granted; null for any. */
  readonly roles: () => readonly string[] | null
  /** @throws SlurpError GRANT_DENIED. */
  check(operation: ContextOperation, place: Place, roles: readonly RoleName[]): void
}

/** Where a context lies, as grants speak of it. */
export type Place = { readonly project: string; readonly path: string }

/** A store that one caller uses: what its grant does not allow is refused before anything is read or written. */
export class GuardedStore implements ContextStore {
  readonly #store: GatedStore
  readonly #rights: ContextRights
  readonly #heldRoles: () => readonly string[]

  /** @param heldRoles - by which a context is sealed when its writer names none. */
  constructor(store: GatedStore, rights: ContextRights, heldRoles: () => readonly string[]) {
    this.#store = store
    this.#rights = rights
    this.#heldRoles = heldRoles
  }

  async storeContext(address: string, context: unknown, options: StoreOptions = {}): Promise<StoredContext> {
    const roles = options.roles ?? this.#defaultRoles()
    this.#rights.check('write', placeOf(address), roles as RoleName[])
    return await this.#store.storeContext(address, context, { ...options, roles })
  }

  /** What a context is sealed to is seen when it is there, so it is looked at twice. */
  async retrieveContext(address: string, options: RetrieveOptions = {}): Promise<RetrievedContext> {
    const place = placeOf(address)
    this.#rights.check('read', place, this.#someRole(options.role))
    const found = await this.#store.retrieveContext(address, options)
    this.#rights.check('read', place, namesOf(found.roles))
    return found
  }

  async deleteContext(address: string, options: DeleteOptions = {}): Promise<DeletedContext> {
    const place = placeOf(address)
    this.#rights.check('delete', place, [])
    if (this.#rights.roles() === null) return await this.#store.deleteContext(address, options)
    const { versions } = await this.#store.contextHistory(address, { ...timeoutOf(options), limit: 1 })
    const [head] = versions
    if (head !== undefined && !head.deleted) this.#rights.check('delete', place, namesOf(head.roles))
    // Exactly what was looked at: another version may be for other roles.
    const ifVersion = options.ifVersion ?? head?.version
    return await this.#store.deleteContext(address, {
      ...options,
      ...(ifVersion === undefined ? {} : { ifVersion }),
    })
  }

  /** Versions for other roles are listed, without what was decided in them. */
  async contextHistory(address: string, options: HistoryOptions = {}): Promise<HistoryPage> {
    const place = placeOf(address)
    this.#rights.check('history', place, this.#someRole(undefined))
    const page = await this.#store.contextHistory(address, options)
    const granted = this.#rights.roles()
    if (granted === null) return page
    const fits = (roles: readonly { name: string }[]) => roles.some(({ name }) => granted.includes(name))
    const versions = page.versions.map(each => (fits(each.roles) ? each : { ...each, decision: null }))
    return { ...page, versions }
  }

  /** Of what is above the address only what is granted takes part. */
  async resolveContext(address: string, options: ResolveOptions = {}): Promise<ResolvedContext> {
    const gate = this.#gate(['read'], options.role)
    gate(parseAddress(address), null)
    return await this.#store.resolveContext(address, options, gate)
  }

  /** It shows what versions say, and which there were. */
  async compareContexts(from: string, to?: string, options: CompareOptions = {}): Promise<Comparison> {
    return await this.#store.compareContexts(from, to, options, this.#gate(['read', 'history'], options.role))
  }

  #gate(operations: readonly ContextOperation[], role: string | undefined): ReadGate {
    return (address, sealedTo) => {
      const roles = sealedTo === null ? this.#someRole(role) : namesOf(sealedTo)
      for (const operation of operations) this.#rights.check(operation, placeAt(address), roles)
    }
  }

  #defaultRoles(): readonly string[] {
    const granted = this.#rights.roles()
    return granted === null ? this.#heldRoles() : this.#heldRoles().filter(role => granted.includes(role))
  }

  #someRole(role: string | undefined): RoleName[] {
    return (role === undefined ? (this.#rights.roles() ?? this.#heldRoles()) : [role]) as RoleName[]
  }
}

export const namesOf = (roles: readonly { name: string }[]): RoleName[] =>
  roles.map(({ name }) => name as RoleName)
const timeoutOf = ({ timeoutMs }: DeleteOptions) => (timeoutMs === undefined ? {} : { timeoutMs })

/** @throws SlurpError ADDRESS_INVALID. */
const placeOf = (text: string): Place => placeAt(parseAddress(text))

export const placeAt = ({ project, path }: Pick<Address, 'project' | 'path'>): Place => ({
  project,
  path: `/${path.join('/')}`,
})
