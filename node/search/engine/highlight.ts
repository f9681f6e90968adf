import { eachPlace, textsOf } from '../analysis/analyze.ts'
import { type Analyzers, isExactTerm, plainTerm } from '../analysis/analyzers.ts'
import type { Lexicon } from '../analysis/lexicon.ts'
import { fold, termCharsMax } from '../analysis/tokens.ts'
import { type Highlights, type IndexDocument, type TextField, textFields } from '../api.ts'
import { searchLimits } from '../limits.ts'
import type { Resolved } from '../rank/lookup.ts'

type Span = readonly [number, number]
type Found = { readonly id: number; readonly position: number; readonly start: number; readonly end: number }

/** Finds where the words of a query stand in documents. */
export class Highlighter {
  readonly #asked: readonly (Asked | null)[]

  /** @param analyzers - of the index that the terms were looked up in. */
  constructor(lexicon: Lexicon, terms: readonly Resolved[], analyzers: Analyzers) {
    const isUniform = new Set(analyzers).size === 1 && terms.every(({ term }) => term.field === null)
    const askedOf = (field: number) => askedIn(lexicon, terms, field, analyzers[field]!)
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

  /** @param ids - all of them words with their kin, or all of them exact ones. */
  constructor(lexicon: Lexicon, ids: Iterable<number>) {
    for (const id of ids) {
      const text = plainTerm(lexicon.textOf(id))
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
  /** A text in which none of these stands, in lower case, has none of the words; null: there are too many. */
  readonly probes: readonly string[] | null
}

function askedIn(
  lexicon: Lexicon,
  terms: readonly Resolved[],
  field: number,
  analyzer: Analyzers[number],
): Asked | null {
  if (analyzer === 'none') return null
  const isWrittenSo = (id: number) => isExactTerm(lexicon.textOf(id)) === (analyzer === 'exact')
  const asked = terms
    .filter(({ term }) => term.boost > 0 && (term.field === null || term.field === field))
    .map(({ slots, ...rest }) => ({
      ...rest,
      slots: slots.map(({ ids, offset }) => ({ ids: ids.filter(isWrittenSo), offset })),
    }))
    .filter(({ slots }) => slots.every(({ ids }) => ids.length > 0))
  const words = new Set(asked.filter(({ slots }) => slots.length === 1).flatMap(({ slots }) => slots[0]!.ids))
  const phrases = asked.filter(({ slots }) => slots.length > 1)
  const all = new Set([...words, ...phrases.flatMap(({ slots }) => slots.flatMap(({ ids }) => ids))])
  if (all.size === 0) return null
  return { wanted: new Wanted(lexicon, all), words, phrases, probes: probesOf(lexicon, asked) }
}

/** To look for one of them takes about a twelfth of what it takes to find all words of a text. */
const probesMax = 8

function probesOf(lexicon: Lexicon, asked: readonly Resolved[]): string[] | null {
  const texts: string[] = []
  for (const { term, slots } of asked) {
    const { what } = term
    if (what.kind === 'pattern') texts.push(longestOf(what.parts.map(plainTerm)))
    else for (const { ids } of slots) for (const id of ids) texts.push(plainTerm(lexicon.textOf(id)))
    if (texts.length > 8 * probesMax) return null
  }
  texts.sort((a, b) => a.length - b.length)
  const probes: string[] = []
  for (const text of texts) if (!probes.some(probe => text.includes(probe))) probes.push(text)
  return probes.length > probesMax ? null : probes
}

const longestOf = (texts: readonly string[]): string => texts.reduce((a, b) => (b.length > a.length ? b : a))

function spansIn(whole: string, asked: Asked): Span[] {
  const text =
    whole.length > searchLimits.highlightCharsMax ? whole.slice(0, searchLimits.highlightCharsMax) : whole
  const { probes, phrases } = asked
  // What is folded further than to lower case is looked through word by word.
  if (probes === null || Buffer.byteLength(text) !== text.length)
    return spansBetween(text, 0, text.length, asked)
  const lower = text.toLowerCase()
  if (phrases.length > 0) {
    return probes.some(probe => lower.includes(probe)) ? spansBetween(text, 0, text.length, asked) : []
  }
  return runsWith(lower, probes).flatMap(([start, end]) => spansBetween(text, start, end, asked))
}

/** The runs without space in which one of some texts stands, ascending: no word reaches across a space. */
function runsWith(text: string, probes: readonly string[]): Span[] {
  const runs: Span[] = []
  for (const probe of probes) {
    for (let at = text.indexOf(probe); at >= 0; ) {
      let [start, end] = [at, at + probe.length]
      while (start > 0 && text.charCodeAt(start - 1) > 32) start--
      while (end < text.length && text.charCodeAt(end) > 32) end++
      runs.push([start, end])
      at = text.indexOf(probe, end)
    }
  }
  return probes.length > 1 && runs.length > 1 ? joined(runs) : runs
}

function spansBetween(all: string, from: number, to: number, { wanted, words, phrases }: Asked): Span[] {
  const spans: Span[] = []
  const ofPhrases: Found[] = []
  const text = from === 0 && to === all.length ? all : all.slice(from, to)
  eachPlace(text, 0, (textStart, textEnd, position, whole) => {
    const id = wanted.find(text, textStart, textEnd)
    if (id === null) return
    const [start, end] = [from + textStart, from + textEnd]
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
