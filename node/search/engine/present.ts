import type { RoleName } from '../../../base/ids.ts'
import type { Candidate, Highlights, Hit, IndexDocument, SearchRequest, TextField } from '../api.ts'
import { searchLimits } from '../limits.ts'
import type { Shelf } from '../rank/shelf.ts'
import { type Highlighter, shownText } from './highlight.ts'

/** Fields of a context that a hit can carry. */
export const contextFieldNames: readonly string[] = [
  'title',
  'summary',
  'purpose',
  'tags',
  'technologies',
  'insights',
  'content',
  'path',
  'project',
  'task',
  'agent',
  'status',
  'confidence',
]

/** Fields that a snippet is taken from, the better ones first. */
const snippetFields: readonly TextField[] = ['content', 'summary', 'purpose', 'insights', 'title']
/** Text before the first highlight of a snippet. */
const leadChars = 60
/** Text that a model reads as one token, roughly, in English. */
const bytesPerToken = 4

/** One hit, without fields of its context. */
export function present(
  document: IndexDocument,
  candidate: Candidate,
  shelf: Shelf,
  highlighter: Highlighter | null,
  request: SearchRequest,
): Hit {
  const highlights = highlighter?.of(document) ?? {}
  const { text, of } = snippetOf(document, highlights)
  return {
    address: document.address,
    key: document.key,
    version: document.version,
    writtenMs: document.writtenMs,
    createdMs: document.createdMs,
    author: document.author,
    signed: document.signed,
    role: shelf.roles.find(role => request.roles.includes(role)) as RoleName,
    score: candidate.value,
    snippet: text,
    snippetOf: of,
    highlights,
  }
}

function snippetOf(document: IndexDocument, highlights: Highlights): { text: string; of: Hit['snippetOf'] } {
  let best: TextField | null = null
  for (const field of snippetFields) {
    const count = highlights[field]?.length ?? 0
    if (count > (best === null ? 0 : highlights[best]!.length)) best = field
  }
  const field = best ?? snippetFields.find(name => shownText(document, name) !== '') ?? null
  if (field === null) return { text: '', of: null }
  const text = shownText(document, field)
  const start = startOfSnippet(text, highlights[field] ?? [])
  return { text: cutAtWord(text.slice(start), searchLimits.snippetChars), of: { field, start } }
}

/** Where the most highlights fit in, at the beginning of a word. */
function startOfSnippet(text: string, spans: readonly (readonly [number, number])[]): number {
  let [first, most] = [0, 0]
  let behind = 0
  for (const [index, [start]] of spans.entries()) {
    const end = start + searchLimits.snippetChars - leadChars
    while (behind < spans.length && spans[behind]![1] <= end) behind++
    if (behind - index > most) [first, most] = [start, behind - index]
  }
  if (first <= leadChars) return 0
  const space = text.indexOf(' ', first - leadChars)
  return space >= 0 && space < first ? space + 1 : first
}

function cutAtWord(text: string, chars: number): string {
  if (text.length <= chars) return text
  const space = text.lastIndexOf(' ', chars)
  return text.slice(0, space > chars / 2 ? space : chars)
}

/**
 * Adds the fields that were asked for, keeping to a budget of tokens: texts are cut behind a sentence, and when not even
 * a hit itself has room it and those after it are left out, but for the first.
 */
export class Budget {
  #bytesLeft: number

  constructor(maxTokens: number | undefined) {
    this.#bytesLeft = maxTokens === undefined ? Number.POSITIVE_INFINITY : maxTokens * bytesPerToken
  }

  /** @returns null when there is no room for it. */
  take(
    hit: Hit,
    document: Readonly<Record<string, unknown>>,
    fields: readonly string[],
    first: boolean,
  ): Hit | null {
    const bytes = this.#bytesLeft === Number.POSITIVE_INFINITY ? 0 : Buffer.byteLength(JSON.stringify(hit))
    if (bytes > this.#bytesLeft && !first) return null
    this.#bytesLeft -= bytes
    if (fields.length === 0) return hit
    const context: Record<string, unknown> = {}
    let truncated = false
    for (const field of fields) {
      const value = document[field]
      if (
        value === undefined ||
        value === null ||
        value === '' ||
        (Array.isArray(value) && value.length === 0)
      )
        continue
      const fitting = this.#fitting(value)
      if (fitting !== value) truncated = true
      if (fitting !== null) context[field] = fitting
    }
    return truncated ? { ...hit, context, truncated } : { ...hit, context }
  }

  /** As much of a value as there is room for; null: nothing. */
  #fitting(value: unknown): unknown {
    if (typeof value === 'string') {
      const text = cutAtSentence(value, this.#bytesLeft)
      this.#bytesLeft -= Buffer.byteLength(text)
      return text === '' ? null : text
    }
    if (Array.isArray(value)) {
      const fitting: unknown[] = []
      for (const entry of value) {
        const bytes = Buffer.byteLength(String(entry))
        if (bytes > this.#bytesLeft) break
        this.#bytesLeft -= bytes
        fitting.push(entry)
      }
      return fitting.length === value.length ? value : fitting.length === 0 ? null : fitting
    }
    return value
  }
}

/** As many whole sentences of a text as have at most so many bytes. */
export function cutAtSentence(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text
  let [end, bytes] = [0, 0]
  for (const [sentence] of text.matchAll(/[\s\S]*?(?:[.!?][)"'’”]*(?=\s)|\n\s*\n|$)\s*/g)) {
    bytes += Buffer.byteLength(sentence)
    if (sentence === '' || bytes > bytesMax) break
    end += sentence.length
  }
  return text.slice(0, end).trimEnd()
}
