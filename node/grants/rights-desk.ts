import { LRUCache } from 'lru-cache'
import { SlurpError } from '../../base/errors.ts'
import type { Digest, RoleName } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import type { GrantRequest } from '../../crypto/grants/decide.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import type { AdminOperation, ContextOperation } from '../../crypto/grants/operations.ts'
import { type ProjectScope, projectScopeOf } from '../../crypto/grants/project-scope.ts'
import type { Search } from '../fleet-search/api.ts'
import type { ContextStore } from '../store/api.ts'
import type { Catalogue } from '../store/catalogue/api.ts'
import type { Finder } from '../store/catalogue/finder.ts'
import type { GatedStore } from '../store/read-gate.ts'
import type { Caller, Rights } from './api.ts'
import { denied } from './denials.ts'
import { finderOf } from './finder.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import { GuardedSearch } from './guarded-search.ts'
import { GuardedStore, type Place } from './guarded-store.ts'

export type RightsParts = {
  readonly keeper: GrantKeeper
  readonly store: GatedStore
  readonly catalogue: { seenBy(finder: Finder): Catalogue }
  /** As they are now. The secret is null on a blind peer and a sealed one: their store refuses everything by itself. */
  readonly keys: { readonly fleetSecret: Uint8Array | null; readonly heldRoles: readonly string[] }
  /** The search here goes through nothing but what this process itself may find: an agent's. */
  readonly searchIsOwn?: boolean
}

const purpose = 'slurp/v1/door token\0'
const scopesMax = 1_024

/** What of the secret of a door token is in its grant. */
export const bearerOf = (secret: string): Digest => sha256Hex(`${purpose}${secret}`)

/** Decides for the doors of one peer: each request by the grant of who asks, as it stands at that moment. */
export class RightsDesk implements Rights {
  readonly self = { name: 'this peer', id: null } as Caller
  readonly #parts: RightsParts
  readonly #chains = new WeakMap<Caller, GrantChain>()
  readonly #callers = new WeakMap<GrantChain, Caller>()
  readonly #scopes = new LRUCache<string, ProjectScope>({ max: scopesMax })

  constructor(parts: RightsParts) {
    this.#parts = parts
  }

  callerOf(bearer: string): Caller | null {
    const chain = this.#parts.keeper.grants.byBearer(bearerOf(bearer))
    if (chain === null) return null
    const known = this.#callers.get(chain)
    if (known !== undefined) return known
    const caller = { name: chain.grant.name, id: chain.grant.id as string } as Caller
    this.#callers.set(chain, caller)
    this.#chains.set(caller, chain)
    return caller
  }

  check(caller: Caller, operation: AdminOperation | 'link', address: string | null): void {
    // An index of its own is nobody's to administer but its own.
    const isOwn = operation === 'admin:index' && this.#isOwnSearch(caller)
    this.#decide(caller, address, { operation: isOwn ? 'link' : operation, target: 'fleet' })
  }

  storeOf(caller: Caller, address: string | null): ContextStore {
    const { store, keys } = this.#parts
    const rights = {
      roles: () => {
        const { grant, delegate } = this.chainOf(caller)
        if (grant.limits.roles === 'any')
          return delegate.limits.roles === 'any' ? null : delegate.limits.roles
        return grant.limits.roles
      },
      check: (operation: ContextOperation, place: Place, roles: readonly RoleName[]) => {
        // Nothing can be told apart without it, but whether anything is granted at all.
        if (keys.fleetSecret === null)
          return this.#decide(caller, address, { operation: 'link', target: 'fleet' })
        const target = {
          sight: 'open',
          roles,
          path: place.path,
          project: this.scopeOf(place.project),
        } as const
        this.#decide(caller, address, { operation, target })
      },
    }
    return new GuardedStore(store, rights, () => keys.heldRoles)
  }

  catalogueOf(caller: Caller, address: string | null): Catalogue {
    return this.#parts.catalogue.seenBy(this.#finderOf(caller, address))
  }

  searchOf(caller: Caller, address: string | null, search: Pick<Search, 'search'>): Pick<Search, 'search'> {
    return new GuardedSearch({
      search,
      chain: () => this.chainOf(caller),
      finder: this.#finderOf(caller, address),
      heldRoles: () => this.#parts.keys.heldRoles,
      isOwn: this.#isOwnSearch(caller),
    })
  }

  #isOwnSearch(caller: Caller): boolean {
    return caller === this.self && this.#parts.searchIsOwn === true
  }

  /** Whether this process itself may find something that it can open. @throws SlurpError SEALED. */
  mayFind(found: Parameters<Finder['sees']>[0]): boolean {
    return this.#finderOf(this.self, null).sees(found)
  }

  #finderOf(caller: Caller, address: string | null): Finder {
    return finderOf({
      chain: () => this.chainOf(caller),
      scopeOf: project => this.scopeOf(project),
      decide: asked => this.#decide(caller, address, asked),
    })
  }

  /** The grant by which a caller is judged. @throws SlurpError GRANT_DENIED when this peer has none yet. */
  chainOf(caller: Caller): GrantChain {
    const chain = caller === this.self ? this.#parts.keeper.own : this.#chains.get(caller)
    if (chain != null) return chain
    throw new SlurpError('GRANT_DENIED', 'This peer was not granted anything yet.')
  }

  /** @throws SlurpError SEALED on a blind peer. */
  scopeOf(project: string): ProjectScope {
    const { fleetSecret } = this.#parts.keys
    if (fleetSecret === null) throw new SlurpError('SEALED', 'A blind peer cannot tell projects apart.')
    const known = this.#scopes.get(project)
    if (known !== undefined) return known
    const scope = projectScopeOf(fleetSecret, project)
    this.#scopes.set(project, scope)
    return scope
  }

  /** The peer itself asks from inside: where it calls from was looked at when it was linked. */
  #decide(caller: Caller, from: string | null, asked: Pick<GrantRequest, 'operation' | 'target'>): void {
    const chain = this.chainOf(caller)
    const address = caller === this.self ? 'notAsked' : from
    const request = { ...asked, subject: chain.grant.subject, address } as GrantRequest
    const { judge } = this.#parts.keeper
    if (judge.allows(chain, request, judge.nowMs)) return
    const verdict = judge.decide(chain, request, judge.nowMs)
    if (!verdict.allowed) throw denied(chain.grant.name, verdict)
  }
}
