import { eachWord, textsOf } from '../analysis/analyze.ts'
import { type Highlights, type IndexDocument, type TextField, textFields } from '../api.ts'
import { searchLimits } from '../limits.ts'
import type { Resolved } from '../rank/lookup.ts'
import type { Shelf } from '../rank/shelf.ts'

type Span = readonly [number, number]
type Found = { readonly id: number; readonly position: number; readonly start: number; readonly end: number }

/** Where the words of a query stand in a document. */
export function highlightsOf(document: IndexDocument, shelf: Shelf, terms: readonly Resolved[]): Highlights {
  const highlights: Partial<Record<TextField, Span[]>> = {}
  for (const [index, field] of textFields.entries()) {
    const asked = terms.filter(({ term }) => term.boost > 0 && (term.field === null || term.field === index))
    const spans: Span[] = []
    let offset = 0
    for (const text of shownTexts(document, field)) {
      for (const [start, end] of spansIn(text, shelf, asked)) spans.push([offset + start, offset + end])
      offset += text.length + 1
    }
    if (spans.length > 0) highlights[field] = spans.slice(0, searchLimits.highlightsMax)
  }
  return highlights
}

/** The text of a field as it is shown: a path is searched with the title and is none of its text. */
export const shownTexts = (document: IndexDocument, field: TextField): readonly string[] =>
  field === 'title' ? [document.title] : textsOf(document, field)

export const shownText = (document: IndexDocument, field: TextField): string =>
  shownTexts(document, field).join('\n')

function spansIn(text: string, shelf: Shelf, asked: readonly Resolved[]): Span[] {
  const words = new Set(asked.filter(({ slots }) => slots.length === 1).flatMap(({ slots }) => slots[0]!.ids))
  const phrases = asked.filter(({ slots }) => slots.length > 1)
  const inPhrases = new Set(phrases.flatMap(({ slots }) => slots.flatMap(({ ids }) => ids)))
  if (words.size + inPhrases.size === 0) return []
  const spans: Span[] = []
  const ofPhrases: Found[] = []
  eachWord(text.slice(0, searchLimits.highlightCharsMax), 0, (term, position, whole, start, end) => {
    const id = shelf.lexicon.find(term)
    if (id === null) return
    if (words.has(id)) spans.push([start, end])
    if (!whole && inPhrases.has(id)) ofPhrases.push({ id, position, start, end })
  })
  for (const { slots } of phrases) spans.push(...phraseSpans(ofPhrases, slots))
  return joined(spans)
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
