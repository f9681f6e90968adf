import type { ContextKey, RoleName, Version } from '../../base/ids.ts'

/** The texts of a context that are searched, in the order in which their words stand in the index. */
export const textFields = [
  'title',
  'summary',
  'purpose',
  'tags',
  'technologies',
  'insights',
  'content',
] as const
export type TextField = (typeof textFields)[number]

/** What hits are counted and filtered by: one value or several a document. */
export const valueFields = ['project', 'task', 'agent', 'author', 'status', 'path'] as const
export const listFields = ['tags', 'technologies'] as const
export type ValueField = (typeof valueFields)[number]
export type ListField = (typeof listFields)[number]
export type FacetField = ValueField | ListField

/** One version of one context, opened, as the feed hands it in. */
export type IndexDocument = {
  readonly key: ContextKey
  readonly version: Version
  readonly address: string
  /** Below 65,536. */
  readonly partition: number
  /** Every role that the envelope is sealed to, also those that this process does not hold. */
  readonly roles: readonly RoleName[]
  /** When this version was written, in milliseconds: from then on it holds, until a higher version of the key does. */
  readonly writtenMs: number
  /** Time of creation as the context says it, null when it says none. */
  readonly createdMs: number | null
  /** Who signed the envelope. */
  readonly author: string
  readonly signed: boolean
  readonly project: string | null
  readonly task: string | null
  readonly agent: string | null
  readonly path: string | null
  /** Of the decision. */
  readonly status: string | null
  /** 0 to 1. */
  readonly confidence: number | null
  readonly tags: readonly string[]
  readonly technologies: readonly string[]
  /** Title or, without one, nothing: the path is searched with it anyway. */
  readonly title: string
  readonly summary: string
  readonly purpose: string
  readonly insights: readonly string[]
  readonly content: string
}

/** Up to where in the order of the store's changes an index has everything. `source` names that order. */
export type Checkpoint = { readonly source: string; readonly sequence: number }

/**
 * One change, in the store's order. Doing one again changes nothing, so a feed may begin anew at an older checkpoint.
 * `put` of a higher version ends the one before it; `remove` takes every version of a key out, its text for good.
 */
export type Change =
  | { readonly kind: 'put'; readonly document: IndexDocument }
  | { readonly kind: 'remove'; readonly key: ContextKey }
  /** A history was trimmed: versions below `keepFrom` go. */
  | { readonly kind: 'trim'; readonly key: ContextKey; readonly keepFrom: Version }
  /** This process does not serve it any more. */
  | { readonly kind: 'removePartition'; readonly partition: number }

/**
 * What a store has of some keys: everything else of them goes from the index.
 *
 * A range says that `held` is all that the store has of a partition, behind `after` and up to `through`; null: from its
 * beginning, up to its end.
 */
export type Stock = {
  /** Versions that are to be found, ascending; none: nothing of this key is. */
  readonly held: readonly { readonly key: ContextKey; readonly versions: readonly Version[] }[]
  readonly range: {
    readonly partition: number
    readonly after: ContextKey | null
    readonly through: ContextKey | null
  } | null
}

export type Sort = 'relevance' | 'time' | 'confidence'

/** A document passes when, for every filter that is given, it has one of the values. */
export type Filters = { readonly [field in FacetField]?: readonly string[] } & {
  /** The path itself and everything below it. */
  readonly pathPrefix?: string
  readonly role?: readonly string[]
  /** ISO time or milliseconds, inclusive; `before` exclusive. */
  readonly createdFrom?: number
  readonly createdBefore?: number
  /** When the version, the decision that it carries, was written. */
  readonly decidedFrom?: number
  readonly decidedBefore?: number
}

/** What is looked for, and in what: all that decides which documents match and in which order. */
export type RankRequest = {
  /** Those of the asker; nothing else is looked at, counted or weighed. */
  readonly roles: readonly RoleName[]
  /** Which configuration of the index; `main` without it. */
  readonly index?: string
  /** Empty: everything that passes the filters. */
  readonly query: string
  /** Whether all words must occur or any. Default `any`. */
  readonly mode?: 'any' | 'all'
  readonly filters?: Filters
  readonly facets?: readonly string[]
  readonly sort?: Sort
  /** 1 to 100, 10 without it. */
  readonly limit?: number
  readonly cursor?: string
  /** What held at that time, in milliseconds. */
  readonly asOfMs?: number
  /** Only these, for a fan-out that asks each partition once. */
  readonly partitions?: readonly number[]
  /** Candidates wanted, for a fan-out that weighs them again: more than `limit`, at most 300. */
  readonly candidates?: number
}

export type SearchRequest = RankRequest & {
  /** Fields of the context to return with each hit. */
  readonly fields?: readonly string[]
  /** Most tokens of text in the whole answer, at four bytes of UTF-8 a token. */
  readonly maxTokens?: number
  /** Default true. */
  readonly highlights?: boolean
}

/** What the weight of words is made of; those of disjoint sets of documents add up. */
export type Statistics = {
  readonly documents: number
  /** Words of all documents, weighed by field. */
  readonly lengthSum: number
  /** Documents for each weighed term of the query, in its order. */
  readonly frequencies: readonly number[]
}

/** A document that matched, with what is needed to weigh it again under the statistics of a whole fleet. */
export type Candidate = {
  readonly key: ContextKey
  readonly version: Version
  /** Relevance, time in milliseconds or confidence, as sorted; higher is first. */
  readonly value: number
  readonly length: number
  /** Of each weighed term of the query, in its order. */
  readonly termFrequencies: readonly number[]
  /** Where the document lies in this process; means nothing in another or after a restart. */
  readonly place: { readonly shelf: string; readonly record: number }
}

export type FacetCount = { readonly value: string; readonly count: number }
export type Facets = Readonly<Record<string, readonly FacetCount[]>>

export type Ranking = {
  readonly candidates: readonly Candidate[]
  /** Documents that match, exactly. */
  readonly total: number
  readonly facets: Facets
  readonly statistics: Statistics
  /** The time that the pages behind this one hold on to, in milliseconds. */
  readonly asOfMs: number
  /** Factor of each weighed term, in the order of `statistics.frequencies`. */
  readonly boosts: readonly number[]
  readonly cursor: string | null
  /** Patterns that stand for more words than are looked at. */
  readonly cut: readonly string[]
  /** False while documents are still missing, as the index is being filled. */
  readonly complete: boolean
}

/** Start and end in UTF-16 code units; fields that are lists are joined by line ends. */
export type Highlights = Readonly<Partial<Record<TextField, readonly (readonly [number, number])[]>>>

export type Hit = {
  readonly address: string
  readonly key: ContextKey
  readonly version: Version
  readonly writtenMs: number
  readonly createdMs: number | null
  readonly author: string
  readonly signed: boolean
  /** Under which of the asker's roles it was read. */
  readonly role: RoleName
  readonly score: number
  readonly snippet: string
  readonly snippetOf: { readonly field: TextField; readonly start: number } | null
  readonly highlights: Highlights
  readonly context?: Readonly<Record<string, unknown>>
  /** Texts were cut at the end of a sentence to keep to `maxTokens`. */
  readonly truncated?: true
}

export type SearchAnswer = Omit<Ranking, 'candidates' | 'boosts' | 'asOfMs'> & {
  readonly hits: readonly Hit[]
  /** Some text of some hit was cut, or hits were left out for `maxTokens`. */
  readonly truncated: boolean
  readonly tookMs: number
}
