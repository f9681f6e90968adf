import { diffWordsWithSpace, structuredPatch } from 'diff'
import type { LineHunk, WordRun } from './api.ts'

/** Lines shown around a change. */
const contextLines = 3
/**
 * Insertions and deletions up to which a difference is looked for: its cost grows with their square and is paid in one go
 * (60 to 95 ms for this many, measured), and nobody reads two texts that differ in more by their difference.
 */
const editsMax = 600
/** Characters up to which a text of one line is compared word by word. */
const wordsCharsMax = 65_536

export type TextChange =
  | { readonly hunks: LineHunk[] }
  | { readonly words: WordRun[] }
  | { readonly before: string; readonly after: string }

/** How one text became another: by lines where either has several, else by words. Source: Myers 1986. */
export function textChange(before: string, after: string): TextChange {
  const change = /[\r\n]/.test(before + after) ? lineHunks(before, after) : wordRuns(before, after)
  return change ?? { before, after }
}

function lineHunks(before: string, after: string): TextChange | null {
  const patch = structuredPatch('', '', before, after, undefined, undefined, {
    context: contextLines,
    maxEditLength: editsMax,
  })
  if (patch === undefined) return null
  const hunks = patch.hunks.map(({ oldStart, oldLines, newStart, newLines, lines }) => ({
    oldStart,
    oldLines,
    newStart,
    newLines,
    lines,
  }))
  return { hunks }
}

function wordRuns(before: string, after: string): TextChange | null {
  if (Math.max(before.length, after.length) > wordsCharsMax) return null
  const runs = diffWordsWithSpace(before, after, { maxEditLength: editsMax })
  if (runs === undefined) return null
  // Where nothing is the same, the two texts say more than their pieces in turns.
  if (!runs.some(({ added, removed, value }) => !added && !removed && value.trim() !== '')) return null
  const words = runs.map(
    ({ added, removed, value }): WordRun => ({
      kind: added ? 'added' : removed ? 'removed' : 'same',
      text: value,
    }),
  )
  return { words }
}
