import { mergeHlc, nextHlc } from '../base/hlc.ts'
import type { ContextKey, Hlc, Version } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Expected, Outcome, WriteOperation } from '../replication/messages.ts'
import type { Breach } from './checker/invariants.ts'
import { writeOperation } from './envelope.ts'
import type { Fleet, Member, Seen } from './fleet.ts'
import type { History } from './history.ts'
import type { Telling } from './story-event.ts'
import type { World } from './world.ts'

export type ClientOptions = {
  readonly name: string
  readonly world: World
  readonly fleet: Fleet
  readonly history: History
  readonly keys: readonly ContextKey[]
  readonly home: Member
  readonly thinkMs: number
  /** Share of the writes that delete. */
  readonly deletes: number
  /** Share of what it does that shortens a history. */
  readonly trims: number
  /** Takes one operation from the run's budget; false when it is spent. */
  readonly take: () => boolean
  readonly breached: (breach: Breach) => void
  /** For the checks that belong to an acknowledgement. */
  readonly acknowledged: (key: ContextKey, version: Version) => void
  readonly told: (key: ContextKey, what: Telling) => void
}

/** What a client last saw of a key: its next guess of the parent. */
type Guess = { readonly version: Version | null; readonly isLive: boolean }

const retriesMax = 3
const sealsMax = 4

/**
 * One caller, as the store and its doors are: one operation at a time, an id and exact bytes per write, retries
 * under the same id after an unknown outcome, seals again when the parent has moved.
 */
export class Client {
  isIdle = true
  private readonly options: ClientOptions
  private readonly random: Random
  private readonly guesses = new Map<ContextKey, Guess>()

  constructor(options: ClientOptions) {
    this.options = options
    this.random = options.world.random(`client ${options.name}`)
  }

  /** Thinks, acts, and again until the budget is spent. */
  start(): void {
    const { world, thinkMs, take } = this.options
    this.isIdle = false
    world.after(-Math.log(1 - this.random.next()) * thinkMs, () => {
      if (!take()) {
        this.isIdle = true
        return
      }
      const key = this.random.pick(this.options.keys)
      const choice = this.random.next()
      if (choice >= 1 - this.options.trims) return this.trim(key)
      if (choice < 0.55) this.write(key, 1)
      else if (choice < 0.92) this.read(key, () => this.start())
      else this.walk(key, () => this.start())
    })
  }

  /** One read; `done` is told whether it was answered. */
  read(key: ContextKey, done: (isAnswered: boolean) => void, from: Member | null = null): void {
    const { history, told, breached, name } = this.options
    const member = from ?? this.member()
    if (member === null) return this.later(() => done(false))
    const calledAt = history.now()
    const peer = member.machine.name
    told(key, { kind: 'called', client: name, peer, what: `reads at ${peer}` })
    this.options.fleet.submit(member, { kind: 'read', key }, this.timeoutMs(), outcome => {
      const returnedAt = history.now()
      told(key, answer(name, peer, outcome, `reads at ${peer}: ${wordsOf(outcome)}`))
      if (outcome.kind === 'found') {
        const wrong = history.verify(key, outcome.value)
        if (wrong !== null) breached({ invariant: 13, what: wrong, key })
        this.saw(key, outcome.value.version, isLive(outcome.value), calledAt, returnedAt)
      } else if (outcome.kind === 'absent') this.saw(key, null, false, calledAt, returnedAt)
      done(outcome.kind === 'found' || outcome.kind === 'absent')
    })
  }

  /** One walk along the history; `done` is given the versions when it was answered to the end. */
  walk(key: ContextKey, done: (chain: readonly Version[] | null) => void, from: Member | null = null): void {
    const { history, told, breached, name } = this.options
    const member = from ?? this.member()
    if (member === null) return this.later(() => done(null))
    const calledAt = history.now()
    const chain: Version[] = []
    const ask = (at: Version | null, pages: number) => {
      const operation = { kind: 'history', key, from: at, limit: 64 } as const
      this.options.fleet.submit(member, operation, this.timeoutMs(), outcome => {
        const peer = member.machine.name
        told(key, answer(name, peer, outcome, `walks the history at ${peer}: ${wordsOf(outcome)}`))
        if (outcome.kind !== 'versions') return done(null)
        let wanted = at
        for (const record of outcome.records) {
          const wrong = history.verify(key, record)
          if (wrong !== null) breached({ invariant: 13, what: wrong, key })
          if (wanted !== null && record.version !== wanted) {
            breached({ invariant: 13, what: `the history skips from ${wanted} to ${record.version}`, key })
          }
          wanted = record.parent
          chain.push(record.version)
        }
        if (at === null) {
          const first = outcome.records[0]
          this.saw(key, first?.version ?? null, first !== undefined && isLive(first), calledAt, history.now())
        }
        if (outcome.next === null) return done(chain)
        if (pages === 0 || outcome.records.length === 0) return done(null)
        ask(outcome.next, pages - 1)
      })
    }
    ask(null, 20)
  }

  /** Keeps nothing of a history below what this client saw last. Whatever the answer, nobody sees anything else but there. */
  private trim(key: ContextKey): void {
    const member = this.member()
    const keepFrom = this.guesses.get(key)?.version ?? null
    if (member === null || keepFrom === null) return this.later(() => this.start())
    const { told, name } = this.options
    told(key, `${name} asks ${member.machine.name} to keep the history from ${keepFrom} on`)
    this.options.fleet.submit(member, { kind: 'trim', key, keepFrom }, this.timeoutMs(), outcome => {
      told(key, `${name} is told of the history from ${keepFrom} on: ${wordsOf(outcome)}`)
      this.start()
    })
  }

  private write(key: ContextKey, seals: number): void {
    const { history, told, name } = this.options
    const member = this.member()
    if (member === null || member.process === null) return this.later(() => this.start())
    const guess = this.guesses.get(key) ?? { version: null, isLive: false }
    const { process } = member
    if (guess.version !== null) mergeHlc(process.hlc, guess.version, process.wallMs(), 10_000)
    const id: Hlc = nextHlc(process.hlc, process.wallMs())
    const kind = this.random.chance(this.options.deletes) ? 'tombstone' : 'live'
    const expiresAtMs = kind === 'live' && this.random.chance(0.05) ? 1 : 0
    const parent = guess.version
    const facts = { key, version: id, parent, kind, expiresAtMs } as const
    const operation = writeOperation(facts, `${name} ${this.random.below(1e9)}`, this.expectation(guess))
    history.author(operation)
    const what = `writes ${id}, ${kind}, over ${parent ?? 'nothing'}, if ${operation.expect}`
    told(key, { kind: 'called', client: name, peer: null, what })
    this.attempt(operation, member, history.now(), seals, retriesMax)
  }

  private attempt(
    operation: WriteOperation,
    member: Member,
    calledAt: number,
    seals: number,
    retries: number,
  ): void {
    const { told, name } = this.options
    const { key, id, attempt } = operation
    const peer = member.machine.name
    told(key, { kind: 'called', client: name, peer, what: `asks ${peer} for ${id}, attempt ${attempt}` })
    this.options.fleet.submit(member, operation, this.timeoutMs(), outcome => {
      told(key, answer(name, peer, outcome, `is told of ${id}: ${wordsOf(outcome)}`))
      const mayBeWritten = attempt > 1 || outcome.kind === 'unknown' || outcome.kind === 'lost'
      const isTold = outcome.kind === 'written' || outcome.kind === 'conflict' || outcome.kind === 'moved'
      if (isTold || (!mayBeWritten && retries === 0)) return this.settle(operation, calledAt, seals, outcome)
      const next = this.random.chance(0.75) && retries > 0 ? this.member() : null
      if (next === null)
        return this.settle(operation, calledAt, seals, mayBeWritten ? { kind: 'unknown' } : outcome)
      this.options.world.after(this.random.below(120), () => {
        const again = { ...operation, attempt: mayBeWritten ? attempt + 10 : attempt }
        this.attempt(again, next, calledAt, seals, retries - 1)
      })
    })
  }

  private settle(operation: WriteOperation, calledAt: number, seals: number, outcome: Seen): void {
    const { history, breached } = this.options
    const { key, id, expect, parent } = operation
    const makesLive = operation.value.kind === 'live' && operation.value.expiresAtMs === 0
    const wrote = { kind: 'wrote', id, expect, parent, makesLive } as const
    const returnedAt = history.now()
    switch (outcome.kind) {
      case 'written':
        if (outcome.version !== id || outcome.parent !== parent) {
          breached({
            invariant: 13,
            what: `the answer to ${id} names ${outcome.version} over ${outcome.parent}`,
            key,
          })
        }
        history.add(key, wrote, calledAt, returnedAt)
        history.acknowledged.set(id, key)
        this.options.acknowledged(key, id)
        this.guesses.set(key, { version: id, isLive: makesLive })
        break
      case 'conflict':
        history.denied.set(id, key)
        history.add(key, { kind: 'conflicted', expect }, calledAt, returnedAt)
        if (outcome.current === null) history.add(key, { kind: 'sawDead' }, calledAt, returnedAt)
        else this.saw(key, outcome.current, true, calledAt, returnedAt)
        break
      case 'moved':
        // Claims nothing about what stands: only that this write was not carried out and never will be.
        history.denied.set(id, key)
        this.guesses.set(key, { version: outcome.current, isLive: outcome.live })
        if (seals < sealsMax) return this.write(key, seals + 1)
        break
      case 'unknown':
      case 'lost':
        history.unknown += 1
        history.add(key, wrote, calledAt, null)
        this.guesses.delete(key)
        break
      default:
        // Nothing was written by the only attempt.
        history.denied.set(id, key)
    }
    this.start()
  }

  private saw(
    key: ContextKey,
    version: Version | null,
    live: boolean,
    calledAt: number,
    returnedAt: number,
  ): void {
    this.options.history.add(key, { kind: 'saw', version }, calledAt, returnedAt)
    this.guesses.set(key, { version, isLive: live })
  }

  private expectation(guess: Guess): Expected {
    const choice = this.random.next()
    if (choice < 0.55) return 'any'
    if (choice < 0.7) return 'none'
    return guess.version !== null && guess.isLive ? guess.version : 'any'
  }

  private member(): Member | null {
    return this.options.fleet.serving(this.random, this.options.home)
  }

  private timeoutMs(): number {
    return this.random.chance(0.3) ? 300 + this.random.below(1_000) : 2_000 + this.random.below(3_000)
  }

  private later(run: () => void): void {
    this.options.world.after(50, run)
  }
}

const isLive = (record: { kind: string; expiresAtMs: number }): boolean =>
  record.kind === 'live' && record.expiresAtMs === 0

const answer = (client: string, peer: string, outcome: Seen, what: string): Telling => ({
  kind: 'answered',
  client,
  peer,
  isLost: outcome.kind === 'lost',
  what,
})

function wordsOf(outcome: Seen | Outcome): string {
  switch (outcome.kind) {
    case 'written':
      return `written over ${outcome.parent ?? 'nothing'}, ${outcome.acks} of ${outcome.replicas}`
    case 'found':
      return `found ${outcome.value.version}, ${outcome.value.kind}`
    case 'conflict':
      return `conflict with ${outcome.current ?? 'nothing'}`
    case 'moved':
      return `moved to ${outcome.current ?? 'nothing'}`
    case 'trimmed':
      return `kept from ${outcome.keptFrom} on`
    case 'versions':
      return `${outcome.records.length} versions from ${outcome.records[0]?.version ?? 'nothing'}`
    case 'elsewhere':
      return `elsewhere, ${outcome.reason}`
    default:
      return outcome.kind
  }
}
