/** How much of what the asker may read the answer speaks of. */
export type Coverage = {
  /** Partitions that the peer went through for this answer, those that it has a copy of, and those of the fleet. */
  readonly partitions: number
  readonly partitionsHere: number
  readonly partitionsTotal: number
  /** Contexts of these that could be opened and are left out: sealed without their address, or more than a peer lists. */
  readonly unlisted: number
}

type Asking = {
  /** Only what this role may read. */
  readonly role?: string
  readonly timeoutMs?: number
}

export type PrefixOptions = Asking & {
  /**
   * Everything at and below it: an address whose temporal segment is `*^`, or only `project/path`. A name that is `any`
   * stands for every name.
   */
  readonly prefix?: string
  readonly limit?: number
  readonly cursor?: string
}

export type ListedContext = {
  readonly address: string
  readonly version: string
  readonly writtenAt: string
  readonly author: string
  readonly roles: readonly string[]
  readonly title: string | null
  /** Of its decision. */
  readonly status: string | null
}

export type ContextList = {
  /** By project, path, task, agent and role. */
  readonly contexts: readonly ListedContext[]
  /** Of all pages. */
  readonly total: number
  readonly cursor: string | null
  readonly coverage: Coverage
}

export type TreeOptions = PrefixOptions & {
  /** Levels below the prefix. */
  readonly depth?: number
}

export type TreeNode = {
  readonly project: string
  /** As in an address; empty for the project itself. */
  readonly path: string
  /** Levels below the prefix, which is 0; without a prefix projects are 1. */
  readonly depth: number
  /** Contexts at this very path; several where their agents, roles or tasks differ. */
  readonly here: number
  /** Contexts at this path and below. */
  readonly contexts: number
}

export type ContextTree = {
  /** Each above those below it, in the order of the list. */
  readonly nodes: readonly TreeNode[]
  /** Contexts at and below the prefix. */
  readonly total: number
  readonly cursor: string | null
  readonly coverage: Coverage
}

export type Relation = 'follows' | 'supersedes'

/** Whether what a context says still holds: `superseded` and `withdrawn` by its own status, or another one supersedes it. */
export type Standing = 'stands' | 'superseded' | 'withdrawn'

export type DecisionsOptions = Asking & {
  /** How far to walk. */
  readonly hops?: number
  /** `before`: what led here; `after`: what came of it. */
  readonly direction?: 'both' | 'before' | 'after'
  /** Most nodes of the answer. */
  readonly limit?: number
}

export type DecisionNode = {
  readonly address: string
  readonly direction: 'self' | 'before' | 'after' | 'both'
  /** Links from the context that was asked for, at least. */
  readonly hop: number
  /** Null, as all below: nothing is there that the asker may read. */
  readonly version: string | null
  readonly writtenAt: string | null
  readonly author: string | null
  readonly title: string | null
  readonly reason: string | null
  readonly status: string | null
  readonly confidence: number | null
  readonly standing: Standing | null
  /** Those that say that they supersede it, as far as the catalogue knows. */
  readonly supersededBy: readonly string[]
}

export type DecisionLink = { readonly from: string; readonly to: string; readonly relation: Relation }

export type DecisionGraph = {
  readonly address: string
  /** Nearest first. */
  readonly nodes: readonly DecisionNode[]
  /** `from` says that it follows or supersedes `to`; both are nodes. */
  readonly links: readonly DecisionLink[]
  /** What is named in a decision and can be no address. */
  readonly unclear: readonly { readonly from: string; readonly reference: string }[]
  /** Why there may be more: the walk went as far as `hops`, or met more than `limit`. Empty: this is all. */
  readonly truncated: readonly ('hops' | 'limit')[]
  readonly coverage: Coverage
}

export type StaleContext = Pick<
  ListedContext,
  'address' | 'version' | 'writtenAt' | 'author' | 'title' | 'status'
> & {
  readonly follows: readonly {
    readonly address: string
    readonly standing: Exclude<Standing, 'stands'>
    readonly status: string | null
    readonly supersededBy: readonly string[]
  }[]
}

export type StaleList = {
  /** In the order of the list. */
  readonly contexts: readonly StaleContext[]
  readonly total: number
  readonly cursor: string | null
  readonly coverage: Coverage
}

/**
 * What the fleet holds, as far as this peer can tell: it knows what stands on its own disk, and lists of it what its roles
 * open. Every answer says its coverage. Every method throws SlurpError: USAGE, ADDRESS_INVALID, ROLE_UNKNOWN, ROLE_DENIED,
 * SEALED on a blind peer.
 */
export interface Catalogue {
  list(options?: PrefixOptions): Promise<ContextList>
  tree(options?: TreeOptions): Promise<ContextTree>
  /**
   * Walks from a context along what its decision follows and supersedes, and along what follows and supersedes it.
   *
   * @throws SlurpError also NOT_FOUND, QUORUM_UNREACHED, INTEGRITY_FAILED: the context itself, and what the catalogue does
   * not have, is read from a quorum.
   */
  decisions(address: string, options?: DecisionsOptions): Promise<DecisionGraph>
  /** Contexts that stand and follow what was superseded or withdrawn, unless they supersede it themselves. */
  stale(options?: PrefixOptions): Promise<StaleList>
}
