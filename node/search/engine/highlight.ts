import { eachPlace, textsOf } from '../analysis/analyze.ts'
import { type Analyzers, english, isExactTerm, plainTerm } from '../analysis/analyzers.ts'
import { fold, termCharsMax } from '../analysis/tokens.ts'
import { type Highlights, type IndexDocument, type TextField, textFields } from '../api.ts'
import { searchLimits } from '../limits.ts'
import type { Resolved } from '../rank/lookup.ts'
import type { Shelf } from '../rank/shelf.ts'

type Span = readonly [number, number]
type Found = { readonly id: number; readonly position: number; readonly start: number; readonly end: number }

/** Finds where the words of a query stand in documents of one shelf. */
export class Highlighter {
  readonly #asked: readonly (Asked | null)[]

  constructor(shelf: Shelf, terms: readonly Resolved[], analyzers: Analyzers = english) {
    const isUniform = new Set(analyzers).size === 1 && terms.every(({ term }) => term.field === null)
    const askedOf = (field: number) => askedIn(shelf, terms, field, analyzers[field]!)
    const everywhere = isUniform ? askedOf(0) : null
    this.#asked = textFields.map((_, field) => (isUniform ? everywhere : askedOf(field)))
  }

  of(document: IndexDocument): Highlights {
    const highlights: Partial<Record<TextField, Span[]>> = {}
    for (const [index, field] of textFields.entries()) {
      const asked = this.#asked[index] ?? null
      if (asked === null) continue
      const spans: Span[] = []
      let offset = 0
      for (const text of shownTexts(document, field)) {
        for (const [start, end] of spansIn(text, asked)) spans.push([offset + start, offset + end])
        offset += text.length + 1
      }
      if (spans.length > 0) highlights[field] = spans.slice(0, searchLimits.highlightsMax)
    }
    return highlights
  }
}

/** The text of a field as it is shown: a path is searched with the title and is none of its text. */
export const shownTexts = (document: IndexDocument, field: TextField): readonly string[] =>
  field === 'title' ? [document.title] : textsOf(document, field)

export const shownText = (document: IndexDocument, field: TextField): string =>
  shownTexts(document, field).join('\n')

/** The words that are looked for, with a quick look by length and first letter before a word is cut out and folded. */
class Wanted {
  readonly #ids = new Map<string, number>()
  /** For each length the first letters, one of 32 bits a letter. */
  readonly #starts = new Int32Array(termCharsMax + 1)

  constructor(shelf: Shelf, ids: Iterable<number>, exact: boolean) {
    for (const id of ids) {
      const term = shelf.lexicon.textOf(id)
      if (isExactTerm(term) !== exact) continue
      const text = plainTerm(term)
      this.#ids.set(text, id)
      this.#starts[text.length]! |= 1 << (text.charCodeAt(0) & 31)
    }
  }

  /** Number of the word in a text from `start` to `end`, null when it is not looked for. */
  find(text: string, start: number, end: number): number | null {
    const length = end - start
    const code = text.charCodeAt(start)
    // Letters of both cases have the same lowest five bits; what is folded further is looked at in any case.
    const plain = code < 128 && length <= termCharsMax
    if (plain && (this.#starts[length]! & (1 << (code & 31))) === 0 && isAscii(text, start, end)) return null
    return this.#ids.get(fold(text, start, end)) ?? null
  }
}

function isAscii(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (text.charCodeAt(at) > 127) return false
  return true
}

/** What is looked for in a field. */
type Asked = {
  readonly wanted: Wanted
  readonly words: ReadonlySet<number>
  readonly phrases: readonly Resolved[]
}

function askedIn(
  shelf: Shelf,
  terms: readonly Resolved[],
  field: number,
  analyzer: Analyzers[number],
): Asked | null {
  if (analyzer === 'none') return null
  const asked = terms.filter(({ term }) => term.boost > 0 && (term.field === null || term.field === field))
  const words = new Set(asked.filter(({ slots }) => slots.length === 1).flatMap(({ slots }) => slots[0]!.ids))
  const phrases = asked.filter(({ slots }) => slots.length > 1)
  const all = new Set([...words, ...phrases.flatMap(({ slots }) => slots.flatMap(({ ids }) => ids))])
  return all.size === 0 ? null : { wanted: new Wanted(shelf, all, analyzer === 'exact'), words, phrases }
}

function spansIn(text: string, { wanted, words, phrases }: Asked): Span[] {
  const spans: Span[] = []
  const ofPhrases: Found[] = []
  const seen =
    text.length > searchLimits.highlightCharsMax ? text.slice(0, searchLimits.highlightCharsMax) : text
  eachPlace(seen, 0, (start, end, position, whole) => {
    const id = wanted.find(text, start, end)
    if (id === null) return
    if (words.has(id)) spans.push([start, end])
    if (!whole && phrases.length > 0) ofPhrases.push({ id, position, start, end })
  })
  for (const { slots } of phrases) spans.push(...phraseSpans(ofPhrases, slots))
  return spans.length > 1 ? joined(spans) : spans
}

function phraseSpans(found: readonly Found[], slots: Resolved['slots']): Span[] {
  const at = new Map(found.map(one => [one.position, one]))
  return found.flatMap(first => {
    const words = slots.map(({ offset }) => at.get(first.position + offset))
    const all = words.every((word, index) => word !== undefined && slots[index]!.ids.includes(word.id))
    return all ? [[first.start, words.at(-1)!.end] as const] : []
  })
}

/** In order, those that overlap as one. */
function joined(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort((a, b) => a[0] - b[0] || b[1] - a[1])
  const result: Span[] = []
  for (const [start, end] of sorted) {
    const last = result.at(-1)
    if (last === undefined || start >= last[1]) result.push([start, end])
    else if (end > last[1]) result[result.length - 1] = [last[0], end]
  }
  return result
}
