import { stemmer } from 'stemmer'
import type { Random } from '../../base/random.ts'
import { type IndexDocument, type TextField, textFields } from '../../node/search/api.ts'

/** A question as a tree, from which both its text and its plain meaning are made. */
export type Asked =
  | { kind: 'word' | 'prefix'; word: string; field: TextField | null }
  | { kind: 'phrase'; words: string[]; field: TextField | null }
  | { kind: 'any' | 'all'; of: Asked[] }
  | { kind: 'not'; of: Asked }

/** Words with stems in common, and a stop word in the texts that is in no question. */
export const vocabulary =
  'token tokens connect connected connection cat cats auth author authority dog run running'.split(' ')

export function writeAsked(asked: Asked): string {
  const field = 'field' in asked && asked.field !== null ? `${asked.field}:` : ''
  switch (asked.kind) {
    case 'word':
      return field + asked.word
    case 'prefix':
      return `${field}${asked.word}*`
    case 'phrase':
      return `${field}"${asked.words.join(' ')}"`
    case 'not':
      return `-${writeAsked(asked.of)}`
    default:
      return `(${asked.of.map(writeAsked).join(asked.kind === 'any' ? ' OR ' : ' AND ')})`
  }
}

export function randomAsked(random: Random, depth: number): Asked {
  const field = random.chance(0.2) ? random.pick(textFields) : null
  const word = random.pick(vocabulary)
  if (depth > 0 && random.chance(0.6)) {
    const of = Array.from({ length: 2 + random.below(2) }, () => randomAsked(random, depth - 1))
    const negated = of.map(
      (one, index): Asked => (index > 0 && random.chance(0.2) ? { kind: 'not', of: one } : one),
    )
    return { kind: random.chance(0.5) ? 'any' : 'all', of: negated }
  }
  if (random.chance(0.2)) return { kind: 'prefix', word: word.slice(0, 3), field }
  if (random.chance(0.2)) return { kind: 'phrase', words: [word, random.pick(vocabulary)], field }
  return { kind: 'word', word, field }
}

type Words = Readonly<Record<TextField, readonly (readonly string[])[]>>

function wordsOf(document: IndexDocument): Words {
  const entries = textFields.map(field => {
    const value: string | readonly string[] = document[field]
    return [field, (typeof value === 'string' ? [value] : value).map(text => text.split(' ').filter(Boolean))]
  })
  return Object.fromEntries(entries) as Words
}

/** How often a leaf occurs, each time as much as its field weighs. */
function occurrences(words: Words, asked: Asked, weights: Readonly<Record<string, number>>): number {
  let sum = 0
  for (const field of textFields) {
    if ('field' in asked && asked.field !== null && asked.field !== field) continue
    for (const text of words[field]) {
      const hits = text.filter((_, at) => isAt(text, at, asked)).length
      sum += hits * (weights[field] ?? 1)
    }
  }
  return sum
}

function isAt(text: readonly string[], at: number, asked: Asked): boolean {
  switch (asked.kind) {
    case 'word':
      return stemmer(text[at]!) === stemmer(asked.word)
    case 'prefix':
      return text[at]!.startsWith(asked.word)
    case 'phrase':
      return asked.words.every(
        (word, i) => text[at + i] !== undefined && stemmer(text[at + i]!) === stemmer(word),
      )
    default:
      return false
  }
}

function weighed(asked: Asked): Asked[] {
  if (asked.kind === 'not') return []
  return 'of' in asked ? asked.of.flatMap(weighed) : [asked]
}

function matches(words: Words, asked: Asked): boolean {
  switch (asked.kind) {
    case 'not':
      return !matches(words, asked.of)
    case 'any':
      return asked.of.some(one => matches(words, one))
    case 'all':
      return asked.of.every(one => matches(words, one))
    default:
      return occurrences(words, asked, {}) > 0
  }
}

/** The answer by the book: every document looked at, BM25 as Lucene has it. */
export function naiveRanking(
  documents: readonly IndexDocument[],
  asked: Asked,
  weights: Readonly<Record<string, number>>,
): { key: string; score: number }[] {
  const all = documents.map(document => ({ document, words: wordsOf(document) }))
  const lengthOf = (words: Words) =>
    textFields.reduce((sum, field) => {
      const counted = words[field].flat().filter(word => word !== 'the').length
      return sum + counted * (weights[field] ?? 1)
    }, 0)
  const average = all.reduce((sum, { words }) => sum + lengthOf(words), 0) / all.length
  const terms = weighed(asked).map(leaf => {
    const frequency = all.filter(({ words }) => occurrences(words, leaf, weights) > 0).length
    return { leaf, idf: Math.log(1 + (all.length - frequency + 0.5) / (frequency + 0.5)) }
  })
  const ranked = all
    .filter(({ words }) => matches(words, asked))
    .map(({ document, words }) => {
      const norm = 1.2 * (0.25 + (0.75 * lengthOf(words)) / average)
      const score = terms.reduce((sum, { leaf, idf }) => {
        const frequency = occurrences(words, leaf, weights)
        return sum + (idf * frequency * 2.2) / (frequency + norm)
      }, 0)
      return { key: document.key as string, score: Number(score.toFixed(9)) }
    })
  return ranked.sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
}
