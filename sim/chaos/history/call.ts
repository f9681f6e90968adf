/** What a client asked of one address. `mark` is a text of this write alone, kept in the context that it stores. */
export type Ask =
  | { readonly kind: 'put'; readonly mark: string; readonly ifVersion: string | null }
  | { readonly kind: 'delete'; readonly ifVersion: string | null }
  | { readonly kind: 'get' }
  /** The newest versions, up to `limit` of them. */
  | { readonly kind: 'history'; readonly limit: number }

export type AskKind = Ask['kind']

/** One version as a history shows it. `mark` is null for a tombstone. */
export type ChainEntry = { readonly version: string; readonly mark: string | null; readonly author: string }

/** What the client was told. */
export type Outcome =
  | { readonly kind: 'written'; readonly version: string; readonly parent: string | null }
  | { readonly kind: 'deleted'; readonly version: string }
  | { readonly kind: 'found'; readonly version: string; readonly mark: string | null }
  /** Nothing lives there; to a history: nothing ever did. */
  | { readonly kind: 'nothing' }
  /** Newest first. */
  | { readonly kind: 'versions'; readonly entries: readonly ChainEntry[] }
  | { readonly kind: 'conflict'; readonly current: string | null }
  /** Refused: a write was not carried out and never will be, a read says nothing. */
  | { readonly kind: 'refused'; readonly code: string }
  /** A write that may have been carried out, or may be later. A read without an answer. */
  | { readonly kind: 'unknown'; readonly code: string }

/** One request and what came of it. The whole truth that the checker gets. */
export type Call = {
  readonly worker: string
  /** Name of the peer that was asked. */
  readonly door: string
  readonly address: string
  readonly ask: Ask
  /** Positions in the one order of all calls and returns. */
  readonly calledAt: number
  readonly returnedAt: number
  /** Milliseconds since the start of the load. */
  readonly calledMs: number
  readonly returnedMs: number
  readonly outcome: Outcome
}

/** Whether the client was served: it knows more than before. A conflict and "nothing there" are answers too. */
export const isServed = ({ outcome }: Call): boolean =>
  outcome.kind !== 'refused' && outcome.kind !== 'unknown'
