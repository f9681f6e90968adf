import type { Facets, Hit, SearchRequest } from '../search/api.ts'
import type { IndexReport, Work } from '../search/engine/maintenance.ts'
import type { IndexPhase } from './index-keeper.ts'

/** What is looked for, as a door takes it; of a query see `slurp help query`. */
export type SearchQuestion = Omit<SearchRequest, 'roles' | 'partitions' | 'candidates'> & {
  readonly timeoutMs?: number
}

/** Who asks: nothing that none of these roles may read is looked at, counted or weighed. */
export type Asker = {
  /** Left out: every role that this peer holds. */
  readonly roles?: readonly string[]
}

type Shown = 'address' | 'author' | 'signed' | 'score' | 'snippet' | 'snippetOf' | 'highlights'

export type SearchHit = Pick<Hit, Shown> & {
  readonly version: string
  readonly writtenAt: string
  /** As the context says it. */
  readonly createdAt: string | null
  /** Under which of the asker's roles it was read. */
  readonly role: string
  /** The fields that were asked for. */
  readonly context?: Readonly<Record<string, unknown>> | undefined
  /** Texts were cut at the end of a sentence to keep to `maxTokens`. */
  readonly truncated?: true | undefined
}

/** Why a peer has no part in an answer. */
export const absences = [
  'unreachable',
  'late',
  'blind',
  'sealed',
  'opening',
  'filling',
  'damaged',
  'otherIndex',
  'refused',
  'failed',
] as const
export type Absence = (typeof absences)[number]

/** Partitions that an answer does not speak of, with all who could have told. */
export type MissingPart = {
  readonly partitions: number
  readonly peers: readonly { readonly name: string; readonly why: Absence }[]
}

export type SearchResult = {
  readonly hits: readonly SearchHit[]
  /** Contexts that match, on all pages. */
  readonly total: number
  readonly facets: Facets
  /** Part of the partitions that the answer speaks of: 1 is all. */
  readonly coverage: number
  /** Empty when the coverage is 1. */
  readonly missing: readonly MissingPart[]
  readonly cursor: string | null
  /** Some text of some hit was cut, or hits were left to the next page, for `maxTokens`. */
  readonly truncated: boolean
  /** Patterns that stand for more words than are looked at: there may be more hits. */
  readonly cut: readonly string[]
  /** Peers that answered. */
  readonly peers: number
  readonly tookMs: number
}

export type IndexList = {
  readonly phase: IndexPhase
  readonly indexes: readonly IndexReport[]
}

export type IndexLag = { readonly phase: IndexPhase; readonly changes: number; readonly seconds: number }

export type IndexStatistics = IndexList & {
  /** Roles whose contexts are in it. */
  readonly roles: readonly string[]
  readonly partitions: number
  readonly partitionsTotal: number
  /** Changes of the disk that the index does not have yet, and since when it has not had all. */
  readonly lagChanges: number
  readonly lagSeconds: number
  /** Versions that could be opened and are not in it: sealed without their address, or damaged. */
  readonly unindexed: number
  /** False while documents may be missing. */
  readonly complete: boolean
  /** Parts that were dropped since the start because they were damaged. */
  readonly damaged: number
  /** What goes on in the background. */
  readonly work: Work | null
  readonly memoryBytes: number
}

export type IndexVerdict = { readonly pieces: number; readonly damaged: number }

/**
 * The search of a peer over its fleet. Every method throws SlurpError: USAGE, QUERY_INVALID, CURSOR_INVALID, INDEX_UNKNOWN,
 * ROLE_UNKNOWN, ROLE_DENIED, SEALED where this peer cannot open anything, TOO_MANY, SHUTTING_DOWN.
 */
export interface Search {
  /** How far the index is behind the disk, without asking it. */
  readonly lag: IndexLag
  /** What is not covered is named, and never a failure: nobody may be reachable but this peer. */
  search(question: SearchQuestion, asker?: Asker): Promise<SearchResult>
  readonly index: {
    list(): Promise<IndexList>
    stats(): Promise<IndexStatistics>
    /** Makes the index anew from its records, while the old one answers. Resolves when it has begun. */
    rebuild(name?: string): Promise<IndexStatistics>
    /** Merges all segments of each part into one. Resolves when it has begun. */
    optimize(name?: string): Promise<IndexStatistics>
    /** Opens every piece; what is damaged is dropped and fed again. */
    verify(name?: string): Promise<IndexVerdict>
  }
}
