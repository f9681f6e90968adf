import { SlurpError } from '../../../base/errors.ts'
import { type TextField, textFields } from '../api.ts'

export type Token =
  | { readonly kind: 'open' | 'close' | 'not' | 'or' | 'and' | 'end'; readonly at: number }
  | { readonly kind: 'field'; readonly field: TextField; readonly at: number }
  | { readonly kind: 'text' | 'quoted'; readonly text: string; readonly at: number }

/** Names that a field goes by in a query, besides its own. */
const otherNames: Readonly<Record<string, TextField>> = {
  path: 'title',
  tag: 'tags',
  technology: 'technologies',
  tech: 'technologies',
  insight: 'insights',
}

/** A query that cannot be read. @param at - first character of what is wrong, from 0. */
export const unreadable = (at: number, what: string, hint?: string): SlurpError =>
  new SlurpError(
    'QUERY_INVALID',
    `Character ${at + 1} of the query: ${what}`,
    hint === undefined ? {} : { hint },
  )

/**
 * Cuts a query into words and signs. Brackets without a partner are punctuation in a question that has no other sign of
 * the language, as people write them; where there is one they are a mistake.
 *
 * @throws SlurpError QUERY_INVALID.
 */
export function readTokens(query: string): Token[] {
  const tokens = cut(query)
  const plain = tokens.every(({ kind }) => ['text', 'open', 'close', 'end'].includes(kind))
  return plain ? tokens.filter(({ kind }) => kind === 'text' || kind === 'end') : tokens
}

function cut(query: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < query.length) {
    const char = query[at]!
    if (/\s/.test(char)) at++
    else if (char === '(' || char === ')') tokens.push({ kind: char === '(' ? 'open' : 'close', at: at++ })
    else if (char === '"') {
      const end = query.indexOf('"', at + 1)
      if (end < 0) throw unreadable(at, 'this quotation mark is not closed.', 'Close it, or leave it out.')
      tokens.push({ kind: 'quoted', text: query.slice(at + 1, end), at })
      at = end + 1
    } else if (char === '-') {
      // A dash between spaces is punctuation.
      if (/[^\s)-]/.test(query[at + 1] ?? ' ')) tokens.push({ kind: 'not', at })
      at++
    } else at = readWord(query, at, tokens)
  }
  tokens.push({ kind: 'end', at })
  return tokens
}

function readWord(query: string, start: number, tokens: Token[]): number {
  const field = /^([A-Za-z_]+):(?=[^\s:/])/.exec(query.slice(start, start + 64))
  if (field !== null) {
    tokens.push({ kind: 'field', field: fieldNamed(field[1]!, start), at: start })
    return start + field[0].length
  }
  let end = start
  while (end < query.length && !/[\s()"]/.test(query[end]!)) end++
  const text = query.slice(start, end)
  if (text === 'OR' || text === 'AND' || text === 'NOT') {
    tokens.push({ kind: text === 'OR' ? 'or' : text === 'AND' ? 'and' : 'not', at: start })
  } else tokens.push({ kind: 'text', text, at: start })
  return end
}

function fieldNamed(name: string, at: number): TextField {
  const lower = name.toLowerCase()
  if ((textFields as readonly string[]).includes(lower)) return lower as TextField
  if (Object.hasOwn(otherNames, lower)) return otherNames[lower]!
  throw unreadable(
    at,
    `there is no field with this name.`,
    `Fields are ${textFields.join(', ')} and path; put words with a colon in "quotes", and what is no text (project, author, status …) in the filters.`,
  )
}
