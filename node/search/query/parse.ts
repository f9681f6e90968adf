import type { TextField } from '../api.ts'
import { searchLimits } from '../limits.ts'
import { readTokens, type Token, unreadable } from './lexer.ts'
import type { Leaf, Node } from './tree.ts'

/**
 * Reads a query: words beside each other, `"phrases"`, `begin*`, `*middle*`, `misspelt~`, `field:word`, `-not`,
 * `a OR b`, `a AND b`, brackets. AND binds closer than OR, both closer than standing beside each other.
 *
 * @returns null for a query without a word.
 * @throws SlurpError QUERY_INVALID that names the character.
 */
export function parseQuery(query: string): Node | null {
  if (query.length > searchLimits.queryCharsMax) {
    throw unreadable(
      searchLimits.queryCharsMax,
      `it is longer than ${searchLimits.queryCharsMax} characters.`,
      'Ask for fewer words.',
    )
  }
  const parser = new Parser(readTokens(query))
  const node = parser.loose(0)
  parser.expectEnd()
  return node
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0
  #leaves = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  expectEnd(): void {
    const token = this.#peek()
    if (token.kind === 'close') throw unreadable(token.at, 'no bracket was opened that this one closes.')
    if (token.kind !== 'end') throw unreadable(token.at, 'a word is missing before this.')
  }

  loose(depth: number): Node | null {
    const children: Node[] = []
    while (!['close', 'end'].includes(this.#peek().kind)) children.push(this.#joined('or', depth))
    return children.length === 0 ? null : group('loose', children)
  }

  #joined(by: 'or' | 'and', depth: number): Node {
    const operand = () => (by === 'or' ? this.#joined('and', depth) : this.#unary(depth))
    const children = [operand()]
    while (this.#peek().kind === by) {
      this.#take()
      children.push(operand())
    }
    return group(by === 'or' ? 'any' : 'all', children)
  }

  #unary(depth: number): Node {
    const token = this.#take()
    switch (token.kind) {
      case 'not': {
        const child = this.#unary(depth)
        return child.kind === 'not' ? child.child : { kind: 'not', child }
      }
      case 'open':
        return this.#bracket(token.at, depth)
      case 'field': {
        const of = this.#take()
        if (of.kind === 'text' || of.kind === 'quoted') return this.#leaf(of, token.field)
        throw unreadable(of.at, 'a word or a phrase must follow the name of a field.')
      }
      case 'text':
      case 'quoted':
        return this.#leaf(token, null)
      case 'end':
        throw unreadable(token.at, 'a word is missing at the end.')
      case 'close':
      case 'or':
      case 'and':
        throw unreadable(
          token.at,
          'a word is missing before this.',
          'OR and AND stand between two words; to search for the word, put it in "quotes".',
        )
    }
  }

  #bracket(at: number, depth: number): Node {
    if (depth >= searchLimits.depthMax) throw unreadable(at, 'there are too many brackets within brackets.')
    const inner = this.loose(depth + 1)
    if (this.#take().kind !== 'close') throw unreadable(at, 'this bracket is not closed.')
    if (inner === null) throw unreadable(at, 'there is nothing in these brackets.')
    return inner
  }

  #leaf(token: Token & { kind: 'text' | 'quoted' }, field: TextField | null): Leaf {
    if (++this.#leaves > searchLimits.leavesMax) {
      throw unreadable(
        token.at,
        `there are more than ${searchLimits.leavesMax} words.`,
        'Ask for fewer words.',
      )
    }
    const { text, at } = token
    if (token.kind === 'quoted') return { kind: 'phrase', text, field, at }
    const fuzzy = /^(.*[\p{L}\p{N}])~([12])?$/u.exec(text)
    if (fuzzy !== null) {
      return {
        kind: 'fuzzy',
        text: fuzzy[1]!,
        edits: fuzzy[2] === undefined ? null : Number(fuzzy[2]),
        field,
        at,
      }
    }
    if (/[\p{L}\p{N}]\*|\*[\p{L}\p{N}]/u.test(text)) return this.#pattern(text, field, at)
    return { kind: 'word', text, field, at }
  }

  #pattern(text: string, field: TextField | null, at: number): Leaf {
    const parts = text
      .normalize('NFKD')
      .replace(/\p{M}+/gu, '')
      .toLowerCase()
      .split(/\*+/)
    if (parts.some(part => !/^[\p{L}\p{N}_.]*$/u.test(part))) {
      throw unreadable(at, 'a pattern with * consists of letters and digits.', 'Split it into words.')
    }
    if (Math.max(...parts.map(part => part.length)) < searchLimits.patternCharsMin) {
      throw unreadable(
        at,
        `a pattern needs ${searchLimits.patternCharsMin} letters beside each other.`,
        'Write more of the word.',
      )
    }
    return { kind: 'pattern', parts, field, at }
  }

  #peek(): Token {
    return this.#tokens[this.#next]!
  }

  /** The end is taken as often as somebody asks. */
  #take(): Token {
    const token = this.#peek()
    if (token.kind !== 'end') this.#next++
    return token
  }
}

const group = (kind: 'loose' | 'any' | 'all', children: readonly Node[]): Node =>
  children.length === 1 && !(kind === 'loose' && children[0]!.kind === 'not')
    ? children[0]!
    : { kind, children }
