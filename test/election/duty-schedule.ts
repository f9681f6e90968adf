import { hlcFrom } from '../../base/hlc.ts'
import type { PeerId } from '../../base/ids.ts'
import { type Random, seeded } from '../../base/random.ts'
import type { Duties } from '../../election/duty-state.ts'
import type { DutyEffect, DutyInput, WishKind } from '../../election/duty-step.ts'
import type { ReadOutcome, SwapOutcome } from '../../election/step.ts'
import { EventHeap } from '../../sim/heap.ts'
import { Trace } from '../../sim/trace.ts'
import { DutyChecker } from './duty-checker.ts'
import { type DutyProtocol, type DutyVerdict, faultyMs, quietMs, specs } from './duty-protocol.ts'
import { DutyRunner, type Ending, type Order } from './duty-runner.ts'

const eventsMax = 60_000
/** So long after the other faults runs may still hang: a leader whose run does not heed its stop has to go. */
const hangMs = 10_000
const judgedAfterMs = 28_000

/** One process; the next boot has new duties and a new runner, and the guard of the last. */
type Process = {
  readonly id: PeerId
  readonly rate: number
  readonly wallSkewMs: number
  runner: DutyRunner
  boot: Boot | null
}

type Boot = {
  readonly process: Process
  readonly bornMs: number
  duties: Duties
  /** Of its last election; it may be long outdated. */
  token: number
  wakes: number
  readonly waiting: Set<number>
}

/** Plays one random schedule: leaders that change, stall and die, over the registers of the duties; then quiet. */
export function playDuties(seed: number, protocol: DutyProtocol): DutyVerdict {
  return new Schedule(seed, protocol).play()
}

class Schedule {
  readonly #protocol: DutyProtocol
  readonly #random: Random
  readonly #heap = new EventHeap()
  readonly #trace = new Trace()
  readonly #checkers: ReadonlyMap<string, DutyChecker>
  readonly #processes: readonly Process[]
  readonly #violations: string[] = []
  readonly #wishes = new Map<number, { kind: WishKind; name: string }>()
  /** Parts of the messages and saves. */
  readonly #loss: number
  readonly #unknown: number
  readonly #slow: number
  /** Nothing is lost or slow, and nobody hangs or dies: then no two peers run one duty at a time. */
  readonly #isGentle: boolean
  readonly #turns = new Map<PeerId, number>()
  readonly #failedAtMs = new Map<string, number>()
  #nowMs = 0
  #token = 0
  #operations = 0
  #elections = 0
  #runs = 0
  #refused = 0
  #pauses = 0
  #rounds = 0
  #fragileRuns = 0

  constructor(seed: number, protocol: DutyProtocol) {
    this.#protocol = protocol
    this.#random = seeded(seed)
    const sometimes = (most: number) => (this.#random.chance(0.5) ? this.#random.next() * most : 0)
    this.#isGentle = this.#random.chance(0.3)
    this.#loss = this.#isGentle ? 0 : sometimes(0.3)
    this.#unknown = sometimes(0.3)
    this.#slow = this.#isGentle ? 0 : sometimes(0.3)
    const complain = (what: string) => this.#complain(what)
    this.#checkers = new Map(specs.map(({ name }) => [name, new DutyChecker(name, complain)]))
    const wrongClocks = this.#random.chance(0.5) ? 3_600_000 : 100
    this.#processes = Array.from({ length: 2 + this.#random.below(3) }, (_, number) => {
      const id = `peer${number}` as PeerId
      return {
        id,
        rate: 1 + (this.#random.next() * 2 - 1) * 0.1,
        wallSkewMs: (this.#random.next() * 2 - 1) * wrongClocks,
        runner: new DutyRunner(id, protocol, this.#worldOf(id)),
        boot: null,
      }
    })
  }

  #worldOf(id: PeerId) {
    return {
      random: this.#random,
      canHang: () => !this.#isGentle && this.#nowMs < faultyMs + hangMs,
      after: (delayMs: number, run: () => void) => this.#after(delayMs, run),
      complain: (what: string) => this.#complain(`${id}: ${what}`),
    }
  }

  play(): DutyVerdict {
    for (const process of this.#processes) this.#start(process)
    this.#after(this.#random.below(300), () => this.#disturb())
    this.#at(faultyMs, () => this.#heal())
    const endMs = faultyMs + quietMs
    let events = 0
    for (let event = this.#heap.pop(); event !== null && event.atMs <= endMs; event = this.#heap.pop()) {
      this.#nowMs = event.atMs
      event.run?.()
      this.#trace.number(event.atMs)
      if (++events > eventsMax) this.#complain('somebody spins')
      if (this.#violations.length > 0) break
    }
    for (const { boot } of this.#processes)
      if (boot !== null && boot.waiting.size > 0) this.#complain('a wish without an answer')
    return {
      violations: this.#violations,
      traceHash: this.#trace.digest(),
      elections: this.#elections,
      runs: this.#runs,
      refused: this.#refused + [...this.#checkers.values()].reduce((sum, each) => sum + each.refused, 0),
      pauses: this.#pauses,
      rounds: this.#rounds,
    }
  }

  #complain(what: string): void {
    this.#violations.push(`at ${Math.round(this.#nowMs)} ms: ${what}`)
  }

  get #isFaulty(): boolean {
    return this.#nowMs < faultyMs
  }

  #at(atMs: number, run: () => void): void {
    this.#heap.push(atMs, run)
  }

  #after(delayMs: number, run: () => void): void {
    this.#at(this.#nowMs + delayMs, run)
  }

  #delayMs(): number {
    const isLong = this.#isFaulty && this.#random.chance(this.#slow)
    return isLong ? this.#random.next() * 3_000 : 0.5 + this.#random.next() * 20
  }

  #isLost(): boolean {
    return this.#isFaulty && this.#random.chance(this.#loss)
  }

  #start(process: Process): void {
    const duties = this.#protocol.newDuties(specs)
    process.boot = { process, bornMs: this.#nowMs, duties, token: 0, wakes: 0, waiting: new Set() }
    this.#give(process.boot, { kind: 'peersChanged', peers: this.#processes.map(({ id }) => id) })
  }

  #die(process: Process): void {
    process.boot = null
    process.runner = process.runner.reborn()
  }

  #give(boot: Boot, input: DutyInput): void {
    if (boot.process.boot !== boot) return
    const { process, bornMs } = boot
    const monotonicMs = (this.#nowMs - bornMs) * process.rate
    const wallMs = 1_000_000_000 + this.#nowMs + process.wallSkewMs
    const now = { monotonicMs, wallMs, jitter: this.#random.next() }
    if (input.kind === 'runEnded') this.#checkers.get(input.name)?.noteEnd(input.token, input.run)
    const { duties, effects } = this.#protocol.step(boot.duties, input, now)
    boot.duties = duties
    this.#trace.text(`${process.id}${input.kind}`)
    for (const effect of effects) this.#carryOut(boot, effect, monotonicMs)
    if (input.kind === 'deposed' && process.runner.isRunningHere)
      this.#complain('a run of a former leader that nobody stopped')
  }

  #carryOut(boot: Boot, effect: DutyEffect, monotonicMs: number): void {
    this.#trace.text(effect.kind)
    switch (effect.kind) {
      case 'load': {
        const { name, call } = effect
        const answer = (outcome: ReadOutcome): DutyInput => ({ kind: 'dutyLoaded', name, call, outcome })
        return this.#carry(
          boot,
          () => answer(this.#checker(name).register.read()),
          answer({ kind: 'unreached' }),
        )
      }
      case 'save':
        return this.#save(boot, effect)
      case 'run':
        this.#begin(boot, effect)
        return boot.process.runner.take(effect, ending => this.#end(boot, null, effect, ending))
      case 'runAt':
        this.#begin(boot, effect)
        return this.#send(effect.peer, process => this.#runAt(boot, process, effect))
      case 'stop':
        return boot.process.runner.stop(effect)
      case 'stopAt':
        return this.#send(effect.peer, ({ runner }) => runner.stop(effect))
      case 'stepDown':
        return this.#elect(this.#random.pick(this.#processes.filter(each => each.boot !== null)))
      case 'answered': {
        if (!boot.waiting.delete(effect.request)) this.#complain('a wish is answered twice')
        const wish = this.#wishes.get(effect.request)
        if (effect.outcome !== 'done' || wish === undefined) return
        this.#pauses++
        return this.#checker(wish.name).acknowledge(boot.token, wish.kind === 'pauseAsked')
      }
      case 'wake':
        return this.#wake(boot, effect.atMs, monotonicMs)
    }
  }

  #wake(boot: Boot, atMs: number, monotonicMs: number): void {
    if (!(atMs > monotonicMs)) this.#complain('a wake that is due already')
    const wake = ++boot.wakes
    if (atMs === Number.POSITIVE_INFINITY) return
    this.#after((atMs - monotonicMs) / boot.process.rate + 0.001, () => {
      if (boot.wakes === wake) this.#give(boot, { kind: 'timePassed' })
    })
  }

  #checker(name: string): DutyChecker {
    return this.#checkers.get(name)!
  }

  #save(boot: Boot, effect: Extract<DutyEffect, { kind: 'save' }>): void {
    const { name, call } = effect
    const id = hlcFrom(++this.#operations, 0, '00000000')
    const answer = (outcome: SwapOutcome): DutyInput => ({ kind: 'dutySaved', name, call, outcome })
    const apply = () => answer(this.#checker(name).save(id, effect))
    if (this.#isFaulty && this.#random.chance(this.#unknown)) {
      // Told unknown; carried out before, after, or never.
      if (this.#random.chance(0.7)) this.#after(this.#delayMs(), apply)
      this.#after(this.#delayMs(), () => this.#give(boot, answer({ kind: 'unknown' })))
      return
    }
    this.#carry(boot, apply, answer({ kind: 'unreached' }))
  }

  /** A question to a register, and its answer: either may be late or lost. */
  #carry(boot: Boot, ask: () => DutyInput, unreached: DutyInput): void {
    if (this.#isFaulty && this.#random.chance(this.#unknown / 2)) {
      this.#after(this.#delayMs(), () => this.#give(boot, unreached))
      return
    }
    if (this.#isLost()) return
    this.#after(this.#delayMs(), () => {
      const input = ask()
      if (!this.#isLost()) this.#after(this.#delayMs(), () => this.#give(boot, input))
    })
  }

  #send(peer: PeerId, deliver: (process: Process) => void): void {
    const process = this.#processes.find(({ id }) => id === peer)
    if (process === undefined || this.#isLost()) return
    this.#after(this.#delayMs(), () => {
      if (process.boot !== null) deliver(process)
    })
  }

  #begin(boot: Boot, order: Order): void {
    this.#runs++
    this.#checker(order.name).begin(order)
    const key = `${boot.process.id} ${order.token} ${order.name}`
    const sinceMs = this.#nowMs - (this.#failedAtMs.get(key) ?? Number.NEGATIVE_INFINITY)
    const isAsked = [...this.#wishes.values()].some(
      ({ kind, name }) => kind === 'runAsked' && name === order.name,
    )
    if (order.kind === 'run' && !isAsked && sinceMs < 400)
      this.#complain(`${order.name} is tried again ${sinceMs} ms after a failure`)
    if (!this.#isFaulty && order.name === 'fragile') this.#fragileRuns++
  }

  #runAt(boot: Boot, process: Process, order: Extract<Order, { kind: 'runAt' }>): void {
    const others = this.#processes.filter(each => each !== process && each.runner.isRunning(order.name))
    const isTaken = process.runner.takes(order)
    if (isTaken && this.#isGentle && others.length > 0)
      this.#complain(`${process.id} and ${others[0]!.id} run ${order.name} at once`)
    if (!isTaken) this.#refused++
    if (!this.#isFaulty) this.#turns.set(process.id, (this.#turns.get(process.id) ?? 0) + 1)
    process.runner.take(order, ending => {
      if (!this.#isLost()) this.#after(this.#delayMs(), () => this.#end(boot, process.id, order, ending))
    })
  }

  #end(boot: Boot, peer: PeerId | null, { name, token, run }: Order, ending: Ending): void {
    if (ending.outcome === 'failed') this.#failedAtMs.set(`${boot.process.id} ${token} ${name}`, this.#nowMs)
    this.#give(boot, { kind: 'runEnded', peer, name, token, run, ...ending })
  }

  #elect(process: Process): void {
    if (process.boot === null) return
    const token = ++this.#token
    const { boot } = process
    this.#elections++
    for (const other of this.#processes) {
      const former = other.boot
      if (other === process || former === null || former.token === 0) continue
      // A zombie: told late, or not before it leads again.
      if (this.#isFaulty && this.#random.chance(0.2)) continue
      const tokenBefore = former.token
      this.#after(this.#random.next() * (this.#isFaulty ? 4_000 : 100), () => {
        if (former.token === tokenBefore) this.#give(former, { kind: 'deposed' })
      })
    }
    if (this.#random.chance(0.5)) this.#give(boot, { kind: 'deposed' })
    boot.token = token
    this.#give(boot, { kind: 'elected', token })
  }

  #disturb(): void {
    if (!this.#isFaulty) return
    const process = this.#random.pick(this.#processes)
    switch (this.#random.pick(['elect', 'elect', 'restart', 'wish', 'wish'] as const)) {
      case 'elect':
        this.#elect(process)
        break
      case 'restart':
        // A dead peer loses orders.
        if (this.#isGentle) break
        this.#die(process)
        this.#after(this.#random.next() * 2_000, () => {
          if (this.#isFaulty && process.boot === null) this.#start(process)
        })
        break
      case 'wish':
        this.#wish(process, this.#random.pick(['pauseAsked', 'resumeAsked', 'runAsked'] as const))
        break
    }
    this.#after(this.#random.next() * 2_500, () => this.#disturb())
  }

  #wish(process: Process, kind: WishKind, name = this.#random.pick(specs).name): void {
    const { boot } = process
    if (boot === null) return
    const request = ++this.#operations
    this.#wishes.set(request, { kind, name })
    this.#checker(name).noteWish(boot.token, kind)
    boot.waiting.add(request)
    this.#give(boot, { kind, request, name })
  }

  /** Faults end. One leader stays; a few peers never come back; what is paused is resumed, or not. */
  #heal(): void {
    const leader = this.#random.pick(this.#processes)
    for (const process of this.#processes) {
      if (process !== leader && this.#random.chance(0.2)) this.#die(process)
      else if (process.boot === null) this.#start(process)
    }
    this.#after(4_000, () => this.#elect(leader))
    this.#after(5_000, () => {
      for (const { name } of specs) if (this.#random.chance(0.7)) this.#wish(leader, 'resumeAsked', name)
    })
    this.#after(judgedAfterMs, () => this.#judge())
  }

  #judge(): void {
    const before = new Map([...this.#checkers].map(([name, { record }]) => [name, record]))
    const turns = new Map(this.#turns)
    const fragileRuns = this.#fragileRuns
    this.#at(faultyMs + quietMs - 1, () => {
      for (const [name, { record }] of this.#checkers) {
        const ran = record.runs - before.get(name)!.runs
        if (record.paused && ran > 0) this.#complain(`${name} ran ${ran} times though it is paused`)
        if (!record.paused && ran < (name === 'fragile' ? 1 : 2))
          this.#complain(`${name} ran ${ran} times in the quiet`)
        if (!record.paused && record.token !== this.#token) this.#complain(`${name} is not its leader's`)
      }
      // Doubled from a second to half a minute.
      if (this.#fragileRuns - fragileRuns > 12) this.#complain('a duty that always fails is run all the time')
      const { paused } = this.#checker('compaction').record
      for (const { id, boot } of this.#processes) {
        const had = (this.#turns.get(id) ?? 0) - (turns.get(id) ?? 0)
        if (!paused && boot !== null && had === 0) this.#complain(`${id} never had its turn`)
        this.#rounds += had
      }
    })
  }
}
