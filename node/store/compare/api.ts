export type CompareOptions = {
  /** Open both with this role only. */
  role?: string
  timeoutMs?: number
}

export type ComparedVersion = { address: string; version: string; writtenAt: string; author: string }

/** A stretch of a text, in the order of the text. */
export type WordRun = { kind: 'same' | 'added' | 'removed'; text: string }

/**
 * Lines around a change, as in a unified diff: each with its first character ` `, `-`, `+`, or `\` for a remark on the line
 * before. Lines count from 1.
 */
export type LineHunk = {
  oldStart: number
  oldLines: number
  newStart: number
  newLines: number
  lines: string[]
}

/** What became of one field; those of `decision` and `metadata` are named with a dot, as in `decision.status`. */
export type FieldChange = { field: string } & (
  | { change: 'added'; value: unknown }
  | { change: 'removed'; value: unknown }
  /** A text of several lines. */
  | { change: 'changed'; hunks: LineHunk[] }
  /** A text of one line. */
  | { change: 'changed'; words: WordRun[] }
  /** A list of texts: order and repetitions do not count. */
  | { change: 'changed'; added: string[]; removed: string[] }
  /** Anything else, and texts that have next to nothing in common. */
  | { change: 'changed'; before: unknown; after: unknown }
)

export type Comparison = {
  from: ComparedVersion
  to: ComparedVersion
  /** By name of the field. Empty: they say the same. */
  changes: FieldChange[]
}
