import { eachWord } from '../analysis/analyze.ts'
import { type Analyzers, english, exactTerm } from '../analysis/analyzers.ts'
import { textFields } from '../api.ts'
import { searchLimits } from '../limits.ts'
import { unreadable } from './lexer.ts'
import { parseQuery } from './parse.ts'
import type { Leaf, Node } from './tree.ts'

/** One list of documents that the ranking looks up: a word with its kin, a phrase, a pattern, what is nearly a word. */
export type Term = {
  readonly what:
    | { readonly kind: 'stem'; readonly word: string }
    | { readonly kind: 'exact'; readonly word: string }
    | {
        readonly kind: 'phrase'
        readonly words: readonly { readonly word: string; readonly offset: number }[]
      }
    | { readonly kind: 'pattern'; readonly parts: readonly string[] }
    /** Exactly this many mistakes. */
    | { readonly kind: 'near'; readonly word: string; readonly edits: number }
  /** Place in `textFields`; null: in any. */
  readonly field: number | null
  /** How much it adds to the relevance; 0: it decides only whether a document matches. */
  readonly boost: number
  /** Which condition it fulfils; null: none, it only adds. */
  readonly condition: number | null
}

export type Plan = {
  readonly terms: readonly Term[]
  /** Whether a document matches, by the set of the conditions that it fulfils, one bit each. */
  readonly matches: (conditions: number) => boolean
  /** Conditions without all of which no document matches, one bit each. */
  readonly required: number
  /** A document matches that has any one of the terms. */
  readonly any: boolean
  /** A document matches that has every one of the terms. */
  readonly each: boolean
  /** A document may match without a single term of the plan. */
  readonly all: boolean
}

type Test = { readonly passes: (conditions: number) => boolean; readonly required: number }
/** A misspelt word counts less the further it is away. */
const fuzzyBoosts = [1, 0.6, 0.3]

/**
 * What has to be looked up for a query, and how it decides.
 *
 * @param analyzers - of the index that is asked.
 * @throws SlurpError QUERY_INVALID.
 */
export function planQuery(query: string, mode: 'any' | 'all', analyzers: Analyzers = english): Plan {
  const node = parseQuery(query)
  if (node === null) {
    if (query.trim() === '')
      return { terms: [], matches: () => true, required: 0, any: false, each: false, all: true }
    throw unreadable(0, 'there is no word in it.', 'Ask for a word, or leave the query empty for everything.')
  }
  const planner = new Planner(mode, analyzers)
  const test = planner.test(node, true)
  if (test === null) {
    throw unreadable(0, 'all of its words are too common to be indexed.', 'Add a word that says more.')
  }
  const { passes: matches, required } = test
  const { terms } = planner
  const one = terms.every(({ condition }) => condition === 0)
  return {
    terms,
    matches,
    required,
    any: one && matches(1) && !matches(0),
    each: matches(required) && isOneOfEach(terms, required),
    all: matches(0),
  }
}

/** Whether each term has a condition for itself, and all of these are required. */
function isOneOfEach(terms: readonly Term[], required: number): boolean {
  const conditions = new Set(terms.map(({ condition }) => condition))
  return (
    conditions.size === terms.length &&
    terms.every(({ condition }) => condition !== null && (required & (1 << condition)) !== 0)
  )
}

/** How a word stands in an index: with its kin, or for itself alone. */
type Writing = 'kin' | 'exact'

class Planner {
  readonly terms: Term[] = []
  readonly #mode: 'any' | 'all'
  readonly #analyzers: Analyzers
  #conditions = 0

  constructor(mode: 'any' | 'all', analyzers: Analyzers) {
    this.#mode = mode
    this.#analyzers = analyzers
  }

  /** @returns null when nothing is left of it: words too common to be indexed. */
  test(node: Node, weighed: boolean): Test | null {
    switch (node.kind) {
      case 'not': {
        const test = this.test(node.child, false)
        return test === null ? null : { passes: conditions => !test.passes(conditions), required: 0 }
      }
      case 'all':
        return every(node.children.map(child => this.test(child, weighed)))
      case 'any':
        return some(node.children.map(child => this.test(child, weighed)))
      case 'loose':
        return this.#loose(node.children, weighed)
      default:
        return this.#mode === 'any' && node.kind === 'word' && node.field === null && weighed
          ? this.#shared([node])
          : this.#leaf(node, weighed)
    }
  }

  #loose(children: readonly Node[], weighed: boolean): Test | null {
    const not = children.filter(child => child.kind === 'not')
    const others = children.filter(child => child.kind !== 'not')
    const excluded = not.map(child => this.test(child, weighed))
    if (this.#mode === 'all') return every([...others.map(child => this.test(child, weighed)), ...excluded])
    const leaves = others.filter((child): child is Leaf => isLeaf(child))
    const groups = others.filter(child => !isLeaf(child)).map(child => this.test(child, weighed))
    const shared =
      leaves.length === 0
        ? null
        : weighed
          ? this.#shared(leaves)
          : some(leaves.map(leaf => this.#leaf(leaf, false)))
    return every([some([shared, ...groups]), ...excluded])
  }

  /** Terms of which any one is enough fulfil one condition together, so that a long question needs one bit. */
  #shared(leaves: readonly Leaf[]): Test | null {
    const before = this.terms.length
    const condition = this.#newCondition(leaves[0]!.at)
    for (const leaf of leaves) this.#addTerms(leaf, true, condition)
    if (this.terms.length > before) return bit(condition)
    this.#conditions--
    return null
  }

  /** A leaf on its own: all parts of a joined word are wanted. */
  #leaf(leaf: Leaf, weighed: boolean): Test | null {
    if (leaf.kind !== 'word') return this.#alone(leaf, weighed)
    const writings = this.#writingsOf(leaf)
    const { parts, wholes } = wordsOf(leaf.text, writings)
    if (parts.length === 0) return null
    const field = fieldOf(leaf)
    if (parts.length > 1 && (field !== null || !weighed)) {
      return this.#alone({ ...leaf, kind: 'phrase' }, weighed)
    }
    for (const word of weighed ? wholes : []) {
      for (const writing of writings)
        this.terms.push({ what: itself(word, writing), field, boost: 1, condition: null })
    }
    return every(
      parts.map(({ word }) => {
        const condition = this.#newCondition(leaf.at)
        for (const writing of writings)
          this.terms.push({ what: kinOf(word, writing), field, boost: weighed ? 1 : 0, condition })
        return bit(condition)
      }),
    )
  }

  #alone(leaf: Leaf, weighed: boolean): Test | null {
    const before = this.terms.length
    const condition = this.#newCondition(leaf.at)
    this.#addTerms(leaf, weighed, condition)
    if (this.terms.length > before) return bit(condition)
    this.#conditions--
    return null
  }

  #addTerms(leaf: Leaf, weighed: boolean, condition: number): void {
    const writings = this.#writingsOf(leaf)
    for (const writing of writings) {
      for (const [what, boost] of this.#lookupsOf(leaf, writing, writings))
        this.terms.push({ what, field: fieldOf(leaf), boost: weighed ? boost : 0, condition })
    }
  }

  /** What is looked up for a leaf in the fields of one writing, and how much each counts. */
  #lookupsOf(leaf: Leaf, writing: Writing, writings: readonly Writing[]): [Term['what'], number][] {
    switch (leaf.kind) {
      case 'pattern':
        return patternsOf(leaf.parts, writing, writings).map(what => [what, 1])
      case 'fuzzy': {
        const word = fuzzyWord(leaf, writings)
        const edits = leaf.edits ?? (word.length < 9 ? 1 : 2)
        const near = Array.from({ length: edits }, (_, at): [Term['what'], number] => [
          { kind: 'near', word: written(word, writing), edits: at + 1 },
          fuzzyBoosts[at + 1]!,
        ])
        return [[kinOf(word, writing), 1], ...near]
      }
      case 'phrase': {
        const { parts } = wordsOf(leaf.text, writings)
        if (parts.length > searchLimits.phraseWordsMax) {
          throw unreadable(
            leaf.at,
            `a phrase has at most ${searchLimits.phraseWordsMax} words.`,
            'Shorten it.',
          )
        }
        if (parts.length === 1) return [[kinOf(parts[0]!.word, writing), 1]]
        return parts.length > 1 ? [[phraseOf(parts, writing), 1]] : []
      }
      case 'word': {
        const { parts, wholes } = wordsOf(leaf.text, writings)
        if (parts.length > 1 && leaf.field !== null) return [[phraseOf(parts, writing), 1]]
        return [
          ...parts.map(({ word }): [Term['what'], number] => [kinOf(word, writing), 1]),
          ...wholes.map((word): [Term['what'], number] => [itself(word, writing), 1]),
        ]
      }
    }
  }

  /** How words stand in the fields that a leaf is looked for in. @throws SlurpError QUERY_INVALID for a field that is not indexed. */
  #writingsOf(leaf: Leaf): Writing[] {
    const field = fieldOf(leaf)
    const meant = field === null ? this.#analyzers : [this.#analyzers[field]!]
    if (field !== null && meant[0] === 'none')
      throw unreadable(
        leaf.at,
        `the field ${leaf.field} is not searched in this index.`,
        'Ask the index main, or leave the field out.',
      )
    const kin = meant.includes('english')
    return meant.includes('exact') ? (kin ? ['kin', 'exact'] : ['exact']) : ['kin']
  }

  #newCondition(at: number): number {
    if (this.#conditions >= searchLimits.conditionsMax) {
      throw unreadable(
        at,
        `there are more than ${searchLimits.conditionsMax} words that must be told apart.`,
        'Leave out words, or ask with the mode "any".',
      )
    }
    return this.#conditions++
  }
}

const written = (word: string, writing: Writing): string => (writing === 'exact' ? exactTerm(word) : word)
/** One word as it is. */
const itself = (word: string, writing: Writing): Term['what'] => ({
  kind: 'exact',
  word: written(word, writing),
})
const kinOf = (word: string, writing: Writing): Term['what'] =>
  writing === 'exact' ? itself(word, writing) : { kind: 'stem', word }
const phraseOf = (parts: readonly { word: string; offset: number }[], writing: Writing): Term['what'] => ({
  kind: 'phrase',
  words: parts.map(({ word, offset }) => ({ word: written(word, writing), offset })),
})

/** One whose end is open finds words however they are written. */
function patternsOf(
  parts: readonly string[],
  writing: Writing,
  writings: readonly Writing[],
): Term['what'][] {
  const end = parts.at(-1)!
  if (end === '') return writing === writings[0] ? [{ kind: 'pattern', parts }] : []
  return [{ kind: 'pattern', parts: [...parts.slice(0, -1), written(end, writing)] }]
}

/**
 * Words of a text with their distance from the first, and the identifiers that some of them are parts of. Those that are
 * too common to be indexed are left out, unless all that is looked through has them.
 */
function wordsOf(
  text: string,
  writings: readonly Writing[],
): { parts: { word: string; offset: number }[]; wholes: string[] } {
  const parts: { word: string; offset: number }[] = []
  const wholes: string[] = []
  eachWord(
    text,
    0,
    (word, position, whole) => {
      if (whole) wholes.push(word)
      else parts.push({ word, offset: position })
    },
    !writings.includes('kin'),
  )
  const first = parts[0]?.offset ?? 0
  return { parts: parts.map(({ word, offset }) => ({ word, offset: offset - first })), wholes }
}

function fuzzyWord(leaf: Leaf & { kind: 'fuzzy' }, writings: readonly Writing[]): string {
  const { parts } = wordsOf(leaf.text, writings)
  const [part] = parts
  if (parts.length !== 1 || part === undefined || part.word.length < searchLimits.fuzzyCharsMin) {
    throw unreadable(
      leaf.at,
      `~ follows one word of at least ${searchLimits.fuzzyCharsMin} letters that is not too common to be indexed.`,
      'Put it behind each word that may be misspelt.',
    )
  }
  return part.word
}

const fieldOf = (leaf: Leaf): number | null => (leaf.field === null ? null : textFields.indexOf(leaf.field))
const isLeaf = (node: Node): boolean => !['loose', 'all', 'any', 'not'].includes(node.kind)
const bit = (condition: number): Test => {
  const value = 1 << condition
  return { passes: conditions => (conditions & value) !== 0, required: value }
}

function every(tests: readonly (Test | null)[]): Test | null {
  const present = tests.filter(test => test !== null)
  if (present.length <= 1) return present[0] ?? null
  return {
    passes: conditions => present.every(test => test.passes(conditions)),
    required: present.reduce((all, { required }) => all | required, 0),
  }
}

function some(tests: readonly (Test | null)[]): Test | null {
  const present = tests.filter(test => test !== null)
  if (present.length <= 1) return present[0] ?? null
  return {
    passes: conditions => present.some(test => test.passes(conditions)),
    required: present.reduce((all, { required }) => all & required, -1),
  }
}
