import { termCharsMax } from './tokens.ts'

// Two words are compared at a time, some thousands for one query.
const rows = Array.from({ length: 3 }, () => new Uint16Array(termCharsMax + 1))

/**
 * Insertions, deletions, replacements and swaps of neighbours between two words, or a number above `most` as soon as
 * there are more. Source: optimal string alignment; Damerau 1964.
 */
export function withinEdits(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j
  for (let i = 1; i <= a.length; i++) {
    if (nextRow(a, b, i, most) > most) return most + 1
  }
  return rows[a.length % 3]![b.length]!
}

/** Only as far from the diagonal as `most` edits lead. @returns the least of the row: no later row has less. */
function nextRow(a: string, b: string, i: number, most: number): number {
  const row = rows[i % 3]!
  const last = rows[(i + 2) % 3]!
  const beforeLast = rows[(i + 1) % 3]!
  const char = a.charCodeAt(i - 1)
  const charBefore = i > 1 ? a.charCodeAt(i - 2) : -1
  const from = Math.max(1, i - most)
  const to = Math.min(b.length, i + most)
  let least = from === 1 ? i : most + 1
  row[from - 1] = least
  if (to < b.length) row[to + 1] = most + 1
  for (let j = from; j <= to; j++) {
    const other = b.charCodeAt(j - 1)
    let edits = last[j - 1]! + (char === other ? 0 : 1)
    if (last[j]! + 1 < edits) edits = last[j]! + 1
    if (row[j - 1]! + 1 < edits) edits = row[j - 1]! + 1
    const swapped = i > 1 && j > 1 && char === b.charCodeAt(j - 2) && charBefore === other
    if (swapped && beforeLast[j - 2]! + 1 < edits) edits = beforeLast[j - 2]! + 1
    row[j] = edits
    if (edits < least) least = edits
  }
  return least
}
