import type { Version } from '../../base/ids.ts'
import { type DutyRecord, decodeDuty, firstRecord } from '../../election/duty-record.ts'
import type { DutyEffect, WishKind } from '../../election/duty-step.ts'
import type { SwapOutcome } from '../../election/step.ts'
import { LeaseRegister } from './lease-register.ts'

type Order = Extract<DutyEffect, { kind: 'run' | 'runAt' }>
type Save = Extract<DutyEffect, { kind: 'save' }>

const nameOf = (token: number, run: number): string => `${token}/${run}`

/** The register of one duty, and what may never be seen there or be begun from it. */
export class DutyChecker {
  readonly register = new LeaseRegister()
  record: DutyRecord
  refused = 0
  /** Runs that leaders were told the end of, or gave up. */
  readonly #ended = new Set<string>()
  /** What operators asked each tenure for. */
  readonly #wished = new Set<string>()
  readonly #complain: (what: string) => void

  constructor(name: string, complain: (what: string) => void) {
    this.record = firstRecord(name)
    this.#complain = what => complain(`${name}: ${what}`)
  }

  noteEnd(token: number, run: number): void {
    this.#ended.add(nameOf(token, run))
  }

  noteWish(token: number, kind: WishKind): void {
    this.#wished.add(`${token}${kind}`)
  }

  save(id: Version, effect: Save): SwapOutcome {
    const outcome = this.register.swap(id, 1, effect.expected, effect.data)
    if (outcome.kind === 'conflict') this.refused++
    // A late duplicate finds its answer, and is no other write.
    if (outcome.kind === 'success' && this.register.version === id) this.#compare(effect)
    return outcome
  }

  #compare({ token, data }: Save): void {
    const before = this.record
    const after = decodeDuty(data)
    if (after === null) return this.#complain('a record that nobody can read')
    if (sameRecord(before, after)) return
    this.record = after
    if (after.token !== token) this.#complain(`token ${token} signs as ${after.token}`)
    if (after.token < before.token) this.#complain(`token ${after.token} writes over ${before.token}`)
    if (after.paused !== before.paused) {
      const wish = after.paused ? 'pauseAsked' : 'resumeAsked'
      if (!this.#wished.has(`${token}${wish}`)) this.#complain(`token ${token} changes the pause unasked`)
    }
    const ran = after.runs - before.runs
    if (ran !== 0 && ran !== 1) this.#complain(`runs go from ${before.runs} to ${after.runs}`)
    const gaveUp = after.lastOutcome === 'timedOut' && after.name === 'compaction'
    if (ran === 1 && !gaveUp && !this.#ended.has(nameOf(token, after.runs)))
      this.#complain(`token ${token} records run ${after.runs}, which never ended under it`)
    const made = countOf(after.state) - countOf(before.state)
    if (this.record.name !== 'compaction' && (made < 0 || made > ran))
      this.#complain(`state goes from ${countOf(before.state)} to ${countOf(after.state)}`)
  }

  /** A run that begins under the token of the record begins from what the record says. */
  begin(order: Order): void {
    const { record } = this
    if (order.token < record.token) return
    if (order.token > record.token)
      return this.#complain(`token ${order.token} runs over ${record.token} unrecorded`)
    if (record.paused) this.#complain('a run of a paused duty')
    if (order.run !== record.runs + 1) this.#complain(`run ${order.run} follows ${record.runs} recorded ones`)
    const isFresh = order.kind === 'runAt' && !(record.isMidTurn && record.cursor === order.peer)
    const expected = isFresh ? 0 : countOf(record.state)
    if (countOf(order.state) !== expected)
      this.#complain(`a run from state ${countOf(order.state)} instead of ${expected}`)
  }

  /** A pause or resumption that is told to be done is in the record. */
  acknowledge(token: number, paused: boolean): void {
    if (token < this.record.token) return
    if (this.record.paused !== paused) this.#complain(`told to be ${paused ? '' : 'not '}paused before it is`)
  }
}

function sameRecord(a: DutyRecord, b: DutyRecord): boolean {
  return (
    a.token === b.token &&
    a.runs === b.runs &&
    a.paused === b.paused &&
    a.cursor === b.cursor &&
    countOf(a.state) === countOf(b.state)
  )
}

/** The state of a simulated run: how often it got on. */
export function countOf(state: Uint8Array): number {
  return state.length < 2 ? 0 : state[0]! * 256 + state[1]!
}

export const stateOf = (count: number): Uint8Array => new Uint8Array([count >> 8, count & 255])
