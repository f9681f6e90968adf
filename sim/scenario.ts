import { createHash } from 'node:crypto'
import type { ContextKey, PeerId, Version } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { ControlEvent } from '../node/control/control-plane.ts'
import { decodeFrame } from '../node/driver/codec/wire.ts'
import type { Limits } from '../replication/limits.ts'
import { type Breach, type Invariant, Invariants } from './checker/invariants.ts'
import { Client, type ClientOptions } from './client.ts'
import { chosen, drawFleet, withGraces } from './draw-fleet.ts'
import { Ending, finishMsMax } from './ending.ts'
import { drawFaults, FaultDriver, type FaultKind, type FaultPlan } from './faults.ts'
import { Fleet } from './fleet.ts'
import { History } from './history.ts'
import { Janitor } from './janitor.ts'
import { Operator, type OperatorOptions } from './operator.ts'
import type { OtherVersion } from './process.ts'
import { Story } from './story.ts'
import { linesOf, type Tale } from './story-event.ts'
import { World, worldStepsMax } from './world.ts'

export type SimOptions = {
  /** Members of the fleet, 3 to 100; else the seed chooses 3 to 9. */
  readonly peers?: number
  /** Operations of all clients together; else the seed chooses 10 to 150. */
  readonly operations?: number
  /** Callers, at least 1; else the seed chooses 2 to 6. */
  readonly clients?: number
  /** Keys that they share, at least 1; else the seed chooses 1 to 5. */
  readonly keys?: number
  /** Faults and how hard they hit, 0 to 1; else the seed chooses. */
  readonly faults?: Partial<Record<FaultKind, number>>
  /** Whether peers join, leave and are replaced; else the seed chooses. */
  readonly moves?: boolean
  /** Whether what is dead is collected and replicas are compared; else the seed chooses. */
  readonly upkeep?: boolean
  /** Who changes the fleet, where peers move; an Operator when absent. */
  readonly operator?: (options: OperatorOptions) => Operator
  /** Limits of every peer, above what the seed chooses. */
  readonly limits?: Partial<Limits>
  /** Another version of the code, which about half of all boots run. */
  readonly mixedWith?: OtherVersion
  /** Whether a broken run is carried out again to tell its story; true when absent. */
  readonly tellsStory?: boolean
}

export type Violation = { readonly invariant: Invariant; readonly what: string; readonly atMs: number }

/** What the options left to the seed, as it was chosen: given as options of the same seed, it is the same world. */
export type SimPlan = Required<
  Pick<SimOptions, 'peers' | 'operations' | 'clients' | 'keys' | 'moves' | 'upkeep' | 'faults'>
>

/**
 * What kind of thing happens in a world beside operations and faults. `steady`: members and owners stay; `moves`: peers
 * join, leave and are replaced.
 */
export type ScenarioKind = 'steady' | 'moves'

export type SimResult = {
  readonly seed: number
  readonly scenario: ScenarioKind
  readonly plan: SimPlan
  /** The other version in the fleet. */
  readonly mixedWith?: string
  /** Equal for equal seeds and options, as long as the code is the same. */
  readonly traceHash: string
  readonly peers: number
  readonly operations: number
  /** Writes whose outcome was never told. */
  readonly unknown: number
  /** Kinds of faults that were switched on. */
  readonly drawn: readonly FaultKind[]
  /** How often each fault struck, and what else was counted. */
  readonly faults: Readonly<Record<string, number>>
  readonly steps: number
  /** Empty when every invariant held. */
  readonly violations: readonly Violation[]
  /** What happened to the key in question, in words; empty when every invariant held. */
  readonly story: readonly string[]
  /** The same as data; null when every invariant held. */
  readonly tale: Tale | null
}

/** Virtual time that clients may take at most, and that the end may take after the faults stopped. */
const activeMsMax = 120_000
const settleMs = 8_000

/** Runs the world of one seed to its end, or to the first broken invariant; then again, to tell its story. */
export function runSeed(seed: number, options: SimOptions = {}): SimResult {
  const first = new Run(seed, options, false, null).finish()
  const breach = first.breach
  if (breach === null || options.tellsStory === false) return first.result
  const told = new Run(seed, options, true, breach.key).finish()
  const { story, tale } = told.result
  return { ...first.result, story, tale }
}

class Run {
  private readonly world: World
  private readonly history = new History()
  private readonly fleet: Fleet
  private readonly invariants: Invariants
  private readonly faults: FaultDriver
  private readonly story: Story | null
  private readonly clients: readonly Client[]
  private readonly keys: readonly ContextKey[]
  private readonly seed: number
  private readonly operator: Operator | null
  private readonly janitor: Janitor | null
  private readonly plan: SimPlan
  private readonly mixedWith: string | null
  private readonly counts = new Map<string, number>()
  private violations: Violation[] = []
  private breach: Breach | null = null
  private left: number

  constructor(seed: number, options: SimOptions, tellsStory: boolean, storyKey: ContextKey | null) {
    this.seed = seed
    this.world = new World(seed)
    const random = this.world.random('plan')
    const plan: FaultPlan =
      options.faults === undefined
        ? drawFaults(this.world.random('faultPlan'))
        : new Map(Object.entries(options.faults) as [FaultKind, number][])
    const moves = options.moves ?? this.world.random('moves').chance(0.35)
    const upkeep = options.upkeep ?? this.world.random('upkeep').chance(0.4)
    const drawnFleet = drawFleet(random, plan, options, moves)
    const graced = upkeep ? withGraces(drawnFleet, this.world.random('graces'), options) : drawnFleet
    const { mixedWith } = options
    this.mixedWith = mixedWith?.name ?? null
    const fleetPlan = mixedWith === undefined ? graced : { ...graced, mixedWith }
    // Most of what can break breaks in small worlds, and those of three sizes are seen more of than of one.
    const operations = chosen(options.operations, this.world.random('size').pick([10, 20, 40, 80, 150]))
    this.left = operations
    this.fleet = new Fleet(this.world, fleetPlan, {
      opened: (peer, disk, recordsLost) => this.invariants.opened(peer, disk, recordsLost, this.fleet.view),
      durable: (peer, batch) => this.invariants.durable(peer, batch),
      ruled: (peer, event) => this.ruled(peer, event),
      reported: (_, event) => this.count(event.kind === 'counted' ? event.name : event.kind),
      mixed: () => this.count('mixedStarts'),
      told: what => this.story?.tell(what),
    })
    this.invariants = new Invariants(
      this.fleet.view,
      () => this.world.steps,
      breach => this.breached(breach),
      (key, version) => this.collected(key, version),
    )
    const names = new Map(this.fleet.members.map(({ machine }) => [machine.self, machine.name]))
    this.story = tellsStory ? new Story(this.fleet.view, names, storyKey, () => this.world.nowMs) : null
    this.fleet.network.onSent = (from, to, frame) => {
      this.story?.frame(from, to, frame)
      this.invariants.frameSent(from, to, frame)
    }
    this.fleet.network.onFate = (frame, became) => this.story?.frameFate(frame, became)
    this.fleet.network.mayDuplicate = frame => !carriesRequest(frame)
    this.operator = moves
      ? (options.operator ?? (each => new Operator(each)))({
          world: this.world,
          fleet: this.fleet,
          wipes: !plan.has('lostTails') && !plan.has('bitFlips') && !plan.has('readErrors'),
          told: what => this.story?.tell(what),
          counted: name => this.count(name),
        })
      : null
    this.janitor = upkeep
      ? new Janitor({
          world: this.world,
          fleet: this.fleet,
          keys: () => this.keys,
          told: what => this.story?.tell(what),
          counted: (name, count) => this.count(name, count),
        })
      : null
    this.faults = new FaultDriver(this.world, this.fleet, plan, what => this.story?.tell(what))
    const keys = chosen(options.keys, 1 + random.below(5))
    this.keys = Array.from({ length: keys }, (_, at) => keyOf(seed, at))
    const thinkMs = random.pick(upkeep ? [30, 100, 300, 1_000] : moves ? [60, 150, 400] : [5, 30, 100, 300])
    const habits = { thinkMs, deletes: upkeep ? 0.45 : 0.2, trims: upkeep ? 0.05 : 0 }
    const clients = chosen(options.clients, 2 + random.below(5))
    this.clients = Array.from({ length: clients }, (_, at) => this.client(`c${at + 1}`, habits, random))
    this.plan = {
      peers: fleetPlan.peers,
      operations,
      clients,
      keys,
      moves,
      upkeep,
      faults: Object.fromEntries(plan),
    }
  }

  finish(): { result: SimResult; breach: Breach | null } {
    try {
      this.play()
    } catch (failure) {
      const what = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)
      this.breached({ invariant: 'bug', what, key: null })
    }
    for (const { invariant, what } of this.violations) this.story?.tell({ kind: 'broken', invariant, what })
    const tale = this.story?.end() ?? null
    const { network } = this.fleet
    const result: SimResult = {
      seed: this.seed,
      scenario: this.plan.moves ? 'moves' : 'steady',
      plan: this.plan,
      ...(this.mixedWith === null ? {} : { mixedWith: this.mixedWith }),
      traceHash: this.world.trace.digest(),
      peers: this.plan.peers,
      operations: this.history.operations,
      unknown: this.history.unknown,
      drawn: Object.keys(this.plan.faults) as FaultKind[],
      faults: nonZero({
        ...this.faults.counts,
        ...network.counts,
        ...struckDisks(this.fleet),
        ...Object.fromEntries(this.counts),
      }),
      steps: this.world.steps,
      violations: this.violations,
      story: tale === null ? [] : linesOf(tale),
      tale,
    }
    return { result, breach: this.breach }
  }

  private play(): void {
    for (const member of this.fleet.members) if (!member.isAway) this.fleet.start(member)
    this.run(500)
    this.faults.start()
    this.operator?.start()
    this.janitor?.start()
    for (const client of this.clients) client.start()
    this.run(activeMsMax, () => this.clients.every(client => client.isIdle))
    if (this.isOver()) return
    this.left = 0
    this.faults.stop()
    this.operator?.stop()
    this.janitor?.calmDown()
    this.run(finishMsMax, () => this.clients.every(client => client.isIdle))
    if (this.isOver()) return
    if (!this.clients.every(client => client.isIdle)) {
      return this.breached({
        invariant: 14,
        what: 'operations without an answer after the faults ended',
        key: null,
      })
    }
    this.run(settleMs)
    const ending = new Ending({
      fleet: this.fleet,
      invariants: this.invariants,
      history: this.history,
      operator: this.operator,
      reader: this.clients[0]!,
      keys: this.keys,
      run: (forMs, stop) => this.run(forMs, stop),
      isOver: () => this.isOver(),
      breached: breach => this.breached(breach),
    })
    ending.carryThrough()
    this.janitor?.stop()
    if (!this.isOver()) ending.converge()
    if (!this.isOver()) ending.checkKeys()
  }

  /** Invariant 11: nobody else acts when a leader begins. */
  private ruled(peer: PeerId, event: ControlEvent): void {
    this.count(event.kind)
    this.story?.tell(`${this.nameOf(peer)} is ${event.kind} with token ${event.token}`)
    if (event.kind !== 'elected') return
    this.invariants.tokens.elected(event.token)
    for (const { machine, process } of this.fleet.members) {
      const token = machine.self === peer ? null : (process?.control.token() ?? null)
      if (token === null) continue
      this.breached({
        invariant: 11,
        what: `${machine.name} leads with token ${token} while ${this.nameOf(peer)} is elected with ${event.token}`,
        key: null,
      })
    }
  }

  private nameOf(peer: PeerId): string {
    return this.fleet.members.find(member => member.machine.self === peer)?.machine.name ?? peer
  }

  private run(forMs: number, stop: () => boolean = () => false): void {
    this.world.run(this.world.nowMs + forMs, () => this.breach !== null || stop())
    if (this.world.steps > worldStepsMax && this.breach === null) {
      this.breached({ invariant: 14, what: `more than ${worldStepsMax} events`, key: null })
    }
  }

  private isOver(): boolean {
    return this.breach !== null
  }

  private breached(breach: Breach): void {
    this.breach ??= breach
    if (this.violations.length < 5) {
      const { invariant, what } = breach
      this.violations.push({ invariant, what, atMs: Math.round(this.world.nowMs * 1000) / 1000 })
    }
  }

  private count(name: string, count = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + count)
  }

  /** Rule 9: from now on somebody may find nothing in the place of this version. */
  private collected(key: ContextKey, version: Version): void {
    this.story?.tellOf(key, `${version} is collected`)
    this.history.add(key, { kind: 'collected', version }, this.history.now(), null)
  }

  private client(
    name: string,
    habits: Pick<ClientOptions, 'thinkMs' | 'deletes' | 'trims'>,
    random: Random,
  ): Client {
    return new Client({
      name,
      world: this.world,
      fleet: this.fleet,
      history: this.history,
      keys: this.keys,
      home: random.pick(this.fleet.members),
      ...habits,
      take: () => {
        if (this.left <= 0) return false
        this.left -= 1
        this.history.operations += 1
        return true
      },
      breached: breach => this.breached(breach),
      acknowledged: (key, version) => this.invariants.acknowledged(key, version),
      told: (key, what) => this.story?.tellOf(key, what),
    })
  }
}

/** A request is taken once a connection: a second copy of a first attempt would count as a new one (rule 5). */
const carriesRequest = (frame: Uint8Array): boolean =>
  decodeFrame(frame).messages.some(message => message.kind === 'request')

const keyOf = (seed: number, at: number): ContextKey =>
  createHash('sha256').update(`key ${seed} ${at}`).digest('hex') as ContextKey

function struckDisks(fleet: Fleet): Record<string, number> {
  const sum = { readErrors: 0, writeFailures: 0, bitFlips: 0 }
  for (const { machine } of fleet.members) {
    const { struck } = machine.disk
    sum.readErrors += struck.readErrors
    sum.writeFailures += struck.writeFailures
    sum.bitFlips += struck.bitFlips
  }
  return sum
}

const nonZero = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
