import type { Address } from './address.ts'
import type { ContextStore, RoleVersion } from './api.ts'
import type { CompareOptions, Comparison } from './compare/api.ts'
import type { ResolvedContext, ResolveOptions } from './hierarchy/api.ts'

/**
 * Whether one caller may read a context: asked before it is looked for, with null, and again with the roles that it is
 * sealed to, before anything of it is answered.
 *
 * @throws SlurpError GRANT_DENIED.
 */
export type ReadGate = (address: Address, roles: readonly RoleVersion[] | null) => void

/** A store whose answers from several contexts can be made for one caller: each context has to pass the gate. */
export interface GatedStore extends ContextStore {
  /** What does not pass takes no part, as what cannot be opened. */
  resolveContext(address: string, options?: ResolveOptions, gate?: ReadGate): Promise<ResolvedContext>
  compareContexts(from: string, to?: string, options?: CompareOptions, gate?: ReadGate): Promise<Comparison>
}

export const openGate: ReadGate = () => undefined
