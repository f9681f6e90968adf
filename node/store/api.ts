import type { Operation, Outcome } from '../../replication/messages.ts'
import type { CompareOptions, Comparison } from './compare/api.ts'
import type { ResolvedContext, ResolveOptions } from './hierarchy/api.ts'

/** Carries one operation to the owners of its key. Never rejects for a missed quorum: that is an outcome. */
export interface Submitter {
  submit(operation: Operation, timeoutMs: number): Promise<Outcome>
}

/** Why a version was written: one hop of the decision history. */
export type Decision = {
  reason?: string | null
  status?: string | null
  /** Addresses or paths of what this decision builds on. */
  follows?: string[]
  /** Address or path of what it replaces; null for nothing. */
  supersedes?: string | null
  author?: string | null
  confidence?: number | null
  [more: string]: unknown
}

/** One record of knowledge, as a reader gets it. Fields that were not stored are absent. */
export type Context = {
  title?: string
  kind?: string
  path?: string
  project?: string
  task?: string
  /** The agent that speaks; the author shown for the version. */
  agent?: string
  createdAt?: string
  summary?: string
  purpose?: string
  technologies?: string[]
  tags?: string[]
  insights?: string[]
  content?: string
  appliesToChildren?: 'none' | 'children' | 'descendants'
  overridesParent?: boolean
  decision?: Decision
  /** Whatever else the writer wanted kept. */
  metadata?: Record<string, unknown>
}

export type RoleVersion = { name: string; keyVersion: number }

export type StoreOptions = {
  /** Roles that may read it. Default: every role that this peer holds the keys of. */
  roles?: readonly string[]
  /** `none`: must not exist; a version: must be the current one; absent: the last writer wins. */
  ifVersion?: string
  ttlSeconds?: number
  timeoutMs?: number
  /**
   * For a second try whose first one may have succeeded: nothing is written when a version above this one says
   * the same to the same roles already; it is the answer then. Any 24 hex digits, a version or not.
   */
  unlessStoredAfter?: string
}

export type StoredContext = {
  address: string
  version: string
  parent: string | null
  acks: number
  replicas: number
  roles: RoleVersion[]
}

export type RetrieveOptions = {
  /** Open with this role only. */
  role?: string
  /** `cached` may answer from this process's memory; the default is linearizable. */
  consistency?: 'linearizable' | 'cached'
  timeoutMs?: number
}

export type RetrievedContext = {
  address: string
  version: string
  parent: string | null
  writtenAt: string
  author: string
  roles: RoleVersion[]
  context: Context
}

export type DeleteOptions = { ifVersion?: string; timeoutMs?: number }
export type DeletedContext = { address: string; version: string }

export type HistoryOptions = { limit?: number; cursor?: string; timeoutMs?: number }
export type HistoryEntry = {
  version: string
  writtenAt: string
  author: string
  roles: RoleVersion[]
  /** Null for a tombstone, or where none of this peer's roles opens the version. */
  decision: Decision | null
  deleted: boolean
}
export type HistoryPage = {
  address: string
  versions: HistoryEntry[]
  cursor: string | null
  /** On the last page: the oldest version that is kept, where older ones were trimmed. Null where none were. */
  keptFrom: string | null
}

/**
 * The use cases that every door calls. Every method throws SlurpError: ADDRESS_INVALID, CONTEXT_INVALID,
 * ROLE_UNKNOWN, ROLE_DENIED, TOO_LARGE, TOO_DEEP, VERSION_CONFLICT, VERSION_UNKNOWN, NOT_FOUND, QUORUM_UNREACHED
 * (for a write: the outcome is unknown), INTEGRITY_FAILED, SEALED, SHUTTING_DOWN.
 */
export interface ContextStore {
  storeContext(address: string, context: unknown, options?: StoreOptions): Promise<StoredContext>
  retrieveContext(address: string, options?: RetrieveOptions): Promise<RetrievedContext>
  deleteContext(address: string, options?: DeleteOptions): Promise<DeletedContext>
  contextHistory(address: string, options?: HistoryOptions): Promise<HistoryPage>
  /** What holds at an address: the contexts from the root of the project down to it, merged. */
  resolveContext(address: string, options?: ResolveOptions): Promise<ResolvedContext>
  /**
   * What changed from one version to another, of one context or of two.
   *
   * @param from - an address, or an address, `#` and a version as `contextHistory` lists it.
   * @param to - the same; or only a temporal segment or a version, of the place of `from`. Left out: what stands now,
   * and where `from` says just that, the last change.
   */
  compareContexts(from: string, to?: string, options?: CompareOptions): Promise<Comparison>
}
