import type { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Door } from '../fleet/fleet.ts'
import type { Call, ChainEntry } from '../history/call.ts'
import type { Violation } from '../history/check.ts'
import { canaryOf } from '../load/ask.ts'
import { send } from '../load/requests.ts'

/** What stands at an address, with the word that it is to be found by. */
type Standing = { readonly word: string; readonly address: string; readonly version: string }

/** A question to one door, with all that must be found and nothing else. */
type Question = {
  readonly door: Door
  readonly words: readonly string[]
  readonly expected: readonly Standing[]
}

/** `version`: what was found and should not have been. */
export type Missearched = Violation & { readonly version?: string }

export type Searched = {
  readonly violations: readonly Missearched[]
  /** Contexts that stand, and words of others that were deleted, written over or never written. */
  readonly standing: number
  readonly gone: number
}

export type Search = (door: Door, question: object) => Promise<SearchAnswer>
export type SearchAnswer =
  | {
      readonly total: number
      readonly coverage: number
      readonly missing: unknown
      readonly hits: readonly { readonly address: string; readonly version: string }[]
    }
  | { readonly failed: string }

/** Hits of one answer, which the search caps at this. */
const wordsAtOnce = 100
const questionsAtOnce = 4
const againPauseMs = 250
/** What a busy machine may need for an answer. */
const answerMs = 30_000
const graceMs = 5_000

/**
 * Asks every door for the word of each context: it must be found once, as the version that stands, and words of what was deleted,
 * written over or refused must be found nowhere. An index follows its disk within a second, and is made anew after a lost
 * disk, so what is wrong is asked again until the time is over.
 *
 * @param addresses - those to look at.
 * @param chains - all versions of every address, newest first.
 */
export async function searchEverywhere(
  asked: {
    readonly doors: readonly Door[]
    readonly addresses: ReadonlySet<string>
    readonly chains: ReadonlyMap<string, readonly ChainEntry[]>
    readonly calls: readonly Call[]
  },
  withinMs: number,
  search: Search,
): Promise<Searched> {
  const { doors, addresses, chains, calls } = asked
  const standing = [...addresses].flatMap(address => standingAt(address, chains.get(address) ?? []))
  const stands = new Set(standing.map(({ word }) => word))
  const written = calls.flatMap(({ address, ask }) =>
    ask.kind === 'put' && addresses.has(address) ? [canaryOf(ask.mark)] : [],
  )
  const gone = [...new Set(written)].filter(word => !stands.has(word))
  let left = questionsOf(doors, standing, gone)
  const endMs = performance.now() + withinMs
  for (;;) {
    const complaints = await ask(left, search)
    left = [...complaints.keys()]
    if (left.length > 0 && performance.now() < endMs) {
      await delay(againPauseMs)
      continue
    }
    const violations = [...complaints.values()].flat()
    return { violations, standing: standing.length, gone: gone.length }
  }
}

function standingAt(address: string, [newest]: readonly ChainEntry[]): Standing[] {
  if (newest === undefined || newest.mark === null) return []
  return [{ word: canaryOf(newest.mark), address, version: newest.version }]
}

/** Every word alone at one door, so that it is the word that finds; many together at every door. */
function questionsOf(
  doors: readonly Door[],
  standing: readonly Standing[],
  gone: readonly string[],
): Question[] {
  const alone = standing.map((each, at) => ({
    door: doors[at % doors.length]!,
    words: [each.word],
    expected: [each],
  }))
  const together = doors.flatMap(door => [
    ...inGroups(standing).map(expected => ({ door, words: expected.map(({ word }) => word), expected })),
    ...inGroups(gone).map(words => ({ door, words, expected: [] })),
  ])
  return [...alone, ...together]
}

function inGroups<T>(all: readonly T[]): T[][] {
  const groups: T[][] = []
  for (let at = 0; at < all.length; at += wordsAtOnce) groups.push(all.slice(at, at + wordsAtOnce))
  return groups
}

/** @returns those whose answers were wrong, with what was wrong. */
async function ask(questions: readonly Question[], search: Search): Promise<Map<Question, Missearched[]>> {
  const complaints = new Map<Question, Missearched[]>()
  const waiting = questions[Symbol.iterator]()
  const hand = async () => {
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      const query = next.value.words.join(' ')
      const answer = await search(next.value.door, {
        query,
        limit: wordsAtOnce,
        highlights: false,
        timeoutMs: answerMs,
      })
      const wrong = complaintsOf(next.value, answer)
      if (wrong.length > 0) complaints.set(next.value, wrong)
    }
  }
  await Promise.all(Array.from({ length: questionsAtOnce }, hand))
  return complaints
}

function complaintsOf({ door: { name }, words, expected }: Question, answer: SearchAnswer): Missearched[] {
  if ('failed' in answer) return [{ address: '', what: `a search at ${name} fails: ${answer.failed}` }]
  const { hits, total, coverage, missing: untold } = answer
  if (coverage < 1) {
    const why = JSON.stringify(untold)
    return [{ address: '', what: `${name} searches only ${coverage} of the fleet: ${why}` }]
  }
  const nameOf = ({ address, version }: { address: string; version: string }) => `${address} ${version}`
  const found = hits.map(nameOf)
  const wanted = new Set(expected.map(nameOf))
  const missing = expected.filter(each => !found.includes(nameOf(each)))
  const surplus = hits.filter((hit, at) => !wanted.has(nameOf(hit)) || found.indexOf(nameOf(hit)) < at)
  return [
    ...missing.map(({ address, word }) => ({ address, what: `${name} does not find it by ${word}` })),
    ...surplus.map(({ address, version }) => ({
      address,
      version,
      what: `${name} finds its version ${version} by one of ${words.length} words, and should not, or not twice`,
    })),
    ...(missing.length + surplus.length === 0 && total !== expected.length
      ? [{ address: '', what: `${name} counts ${total} hits where there are ${expected.length}` }]
      : []),
  ]
}

/** Searches through the doors of the peers. */
export const searchOver =
  (agent: Agent): Search =>
  async (door, body) => {
    const asked = { door, agent, method: 'POST', path: '/v1/search', body, patienceMs: answerMs + graceMs }
    const answer = await send(asked)
    if (answer.kind !== 'answered') return { failed: answer.code }
    if (answer.status !== 200) return { failed: JSON.stringify(answer.body) }
    return answer.body as SearchAnswer
  }
