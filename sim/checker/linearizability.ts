/**
 * What one kind of object does. `State` is a value: `step` never changes it.
 */
export type Model<State, Operation> = {
  readonly init: State
  /**
   * The states that the object may be in after `operation` with the outcome that its caller saw; none when that
   * outcome is impossible in `state`.
   */
  step(state: State, operation: Operation): readonly State[]
  /** Equal exactly for states that no later operation can tell apart. */
  key(state: State): string
  /** True for an operation that leaves every state as it is. */
  readsOnly(operation: Operation): boolean
}

/** One operation as its caller saw it. Times are positions in one global order; equal ones count as concurrent. */
export type Interval<Operation> = {
  readonly operation: Operation
  readonly calledAt: number
  /** Null where the outcome is unknown: it may take effect at any time after the call, or never. */
  readonly returnedAt: number | null
}

export type Verdict = {
  /** `unknown`: the budget ran out first; whoever tests counts that as a failure. */
  readonly kind: 'linearizable' | 'illegal' | 'unknown'
  /** Calls of `step`. */
  readonly steps: number
  /** The longest order found that respects the outcomes; of the whole history when it is linearizable. */
  readonly longest: readonly number[]
}

/** A call or a return in the list of events that are not linearized yet. */
type Event = {
  readonly index: number
  readonly returned: Event | null
  isCall: boolean
  before: Event
  after: Event
}

/** One choice of the search: `event` linearized, reaching `successors[choice]`. */
type Frame<State> = {
  readonly event: Event
  readonly stateBefore: State
  readonly successors: readonly State[]
  readonly choice: number
  /** A read that fitted: putting it later cannot help, so there is nothing to come back to. */
  readonly forced: boolean
}

/**
 * Searches an order of the operations in which every outcome is right and whoever returned before another was
 * called comes first.
 *
 * Depth first over the operations whose call comes before the first outstanding return. A pair of linearized set
 * and state is never entered twice, nor one that only spends more operations of unknown outcome on the same state;
 * a read that fits is taken at once. Exponential in the worst case, hence the budget.
 *
 * @param budgetSteps - calls of `step` after which it gives up with `unknown`.
 * Source: Wing and Gong 1993; Lowe 2017 for the memoisation.
 */
export function checkLinearizable<State, Operation>(
  model: Model<State, Operation>,
  history: readonly Interval<Operation>[],
  budgetSteps: number,
): Verdict {
  const head = listOf(history)
  const seen = new SeenStates(history.map(interval => interval.returnedAt === null))
  const frames: Frame<State>[] = []
  let outstanding = history.reduce((count, interval) => count + (interval.returnedAt === null ? 0 : 1), 0)
  let longest: readonly number[] = []
  let state = model.init
  let event = head.after
  let steps = 0
  let resume: { successors: readonly State[]; from: number } | null = null

  while (outstanding > 0) {
    if (event !== head && event.isCall) {
      let successors: readonly State[]
      let choice = 0
      if (resume !== null) {
        successors = resume.successors
        choice = resume.from
        resume = null
      } else {
        if (steps++ >= budgetSteps) return { kind: 'unknown', steps, longest }
        successors = model.step(state, history[event.index]!.operation)
      }
      const idle = event.returned === null ? model.key(state) : null
      const forced = model.readsOnly(history[event.index]!.operation) && successors.length > 0
      seen.add(event.index)
      while (choice < successors.length) {
        const key = model.key(successors[choice]!)
        if (key !== idle && (forced || seen.enter(key))) break
        choice++
      }
      if (choice === successors.length) {
        seen.remove(event.index)
        event = event.after
        continue
      }
      frames.push({ event, stateBefore: state, successors, choice, forced })
      state = successors[choice]!
      lift(event)
      if (event.returned !== null) outstanding--
      if (frames.length > longest.length) longest = frames.map(frame => frame.event.index)
      event = head.after
      continue
    }
    const frame = frames.pop()
    if (frame === undefined) return { kind: 'illegal', steps, longest }
    state = frame.stateBefore
    event = frame.event
    if (event.returned !== null) outstanding++
    unlift(event)
    seen.remove(event.index)
    if (!frame.forced) resume = { successors: frame.successors, from: frame.choice + 1 }
    else event = head
  }
  return { kind: 'linearizable', steps, longest }
}

function listOf<Operation>(history: readonly Interval<Operation>[]): Event {
  const events: { at: number; event: Event }[] = []
  for (const [index, { calledAt, returnedAt }] of history.entries()) {
    const returned = returnedAt === null ? null : newEvent(index, false, null)
    events.push({ at: calledAt, event: newEvent(index, true, returned) })
    if (returned !== null && returnedAt !== null) events.push({ at: returnedAt, event: returned })
  }
  events.sort((a, b) => a.at - b.at || Number(b.event.isCall) - Number(a.event.isCall))
  const head = newEvent(-1, false, null)
  for (const { event } of events) {
    event.before = head.before
    event.after = head
    head.before.after = event
    head.before = event
  }
  return head
}

function newEvent(index: number, isCall: boolean, returned: Event | null): Event {
  const event = { index, isCall, returned } as Event
  event.before = event
  event.after = event
  return event
}

function lift(call: Event): void {
  call.before.after = call.after
  call.after.before = call.before
  if (call.returned !== null) {
    call.returned.before.after = call.returned.after
    call.returned.after.before = call.returned.before
  }
}

/** Undoes the latest `lift`: in the opposite order, so that neighbours lifted together find each other. */
function unlift(call: Event): void {
  if (call.returned !== null) {
    call.returned.before.after = call.returned
    call.returned.after.before = call.returned
  }
  call.before.after = call
  call.after.before = call
}

/** The linearized set of the moment, and every (set, state) that the search entered. */
class SeenStates {
  private readonly unknown: readonly boolean[]
  private readonly definite: Uint32Array
  private readonly spent: Uint32Array
  private readonly marks: Uint32Array
  /** Of the definite operations only. */
  private mark = 0
  private readonly entered = new Map<string, { definite: Uint32Array; spent: Uint32Array }[]>()

  /** @param unknown - for each operation, whether its outcome is unknown. */
  constructor(unknown: readonly boolean[]) {
    this.unknown = unknown
    this.definite = new Uint32Array((unknown.length + 31) >>> 5)
    this.spent = new Uint32Array((unknown.length + 31) >>> 5)
    this.marks = new Uint32Array(unknown.length)
    let value = 0x9e3779b9
    for (let i = 0; i < unknown.length; i++) {
      value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + i
      value = Math.imul(value ^ (value >>> 12), 0x297a2d39)
      this.marks[i] = value ^ (value >>> 15)
    }
  }

  add(index: number): void {
    this.flip(index)
  }

  remove(index: number): void {
    this.flip(index)
  }

  /** @returns false when this state was entered before with the same definite operations and no unknown one more. */
  enter(state: string): boolean {
    const key = `${this.mark} ${state}`
    const sets = this.entered.get(key) ?? []
    if (sets.length === 0) this.entered.set(key, sets)
    for (const set of sets) if (this.isCovered(set)) return false
    sets.push({ definite: this.definite.slice(), spent: this.spent.slice() })
    return true
  }

  private flip(index: number): void {
    const words = this.unknown[index] ? this.spent : this.definite
    words[index >>> 5]! ^= 1 << (index & 31)
    if (!this.unknown[index]) this.mark = (this.mark ^ this.marks[index]!) >>> 0
  }

  private isCovered(set: { definite: Uint32Array; spent: Uint32Array }): boolean {
    for (let i = 0; i < this.definite.length; i++) {
      if (set.definite[i] !== this.definite[i]) return false
      if ((set.spent[i]! & ~this.spent[i]!) !== 0) return false
    }
    return true
  }
}
