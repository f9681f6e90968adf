import type { Random } from '../base/random.ts'
import { noDiskFaults } from './disk.ts'
import type { Fleet, Member } from './fleet.ts'
import type { Telling } from './story-event.ts'
import type { World } from './world.ts'

/** Everything that can be switched on for a run. */
export const faultKinds = [
  'loss',
  'duplicates',
  'reorder',
  'tails',
  'clogs',
  'partitions',
  'crashes',
  'effectCrashes',
  'powerCuts',
  'pauses',
  'clockJumps',
  'skew',
  'slowDisks',
  'fullDisks',
  'writeFailures',
  'readErrors',
  'bitFlips',
  'lostTails',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** Which faults are on, and how hard each one hits, from 0 to 1. */
export type FaultPlan = ReadonlyMap<FaultKind, number>

/** Draws the faults of one seed: about a third of them, sometimes none, sometimes only a single one. */
export function drawFaults(random: Random): FaultPlan {
  const mood = random.next()
  const plan = new Map<FaultKind, number>()
  if (mood < 0.03) return plan
  if (mood < 0.25) return plan.set(random.pick(faultKinds), 0.3 + random.next() * 0.7)
  const share = 0.15 + random.next() * 0.45
  for (const kind of faultKinds) if (random.chance(share)) plan.set(kind, random.next())
  return plan
}

const hourMs = 3_600_000

/**
 * Brings the faults of a plan over a fleet until `stop`. Faults that destroy what is durable hit one machine
 * only: a quorum of the others must be able to give back what it lost.
 */
export class FaultDriver {
  /** How often each fault happened. */
  readonly counts: Record<string, number> = {}
  private readonly world: World
  private readonly fleet: Fleet
  private readonly plan: FaultPlan
  private readonly told: (what: Telling) => void
  private readonly random: Random
  private readonly victim: Member
  /** Machines whose clocks jump: a minority, or nobody could say what time it is. */
  private readonly drifters: readonly Member[]
  private isOn = true

  constructor(world: World, fleet: Fleet, plan: FaultPlan, told: (what: Telling) => void) {
    this.world = world
    this.fleet = fleet
    this.plan = plan
    this.told = told
    this.random = world.random('faults')
    this.victim = this.random.pick(fleet.members)
    this.drifters = this.drawDrifters()
  }

  start(): void {
    if (this.plan.has('skew')) this.counts.skew = this.fleet.members.length
    this.setWeather()
    this.setDisks()
    this.every('clogs', 900, hard => this.clog(hard))
    this.every('partitions', 1_200, hard => this.partition(hard))
    this.every('crashes', 1_100, () => this.crash(this.random.pick(this.fleet.members), 'crashes'))
    this.every('effectCrashes', 900, () => this.lightFuse())
    this.every('powerCuts', 3_000, () => this.powerCut())
    this.every('pauses', 900, hard => this.pause(hard))
    this.every('clockJumps', 1_500, () => this.jump())
    this.every('slowDisks', 900, hard => this.slowDisk(hard))
    this.every('fullDisks', 2_500, () => this.fillDisk())
    this.every('bitFlips', 500, () => this.flipBits())
    this.every('lostTails', 2_000, hard => this.loseRecords(hard))
  }

  /** Ends every fault and starts whoever is down. */
  stop(): void {
    this.isOn = false
    this.told({ kind: 'faultsEnded' })
    this.fleet.network.heal()
    for (const member of this.fleet.members) {
      member.fuse = Number.POSITIVE_INFINITY
      member.machine.time.heal()
      const { disk } = member.machine
      disk.faults = noDiskFaults
      disk.slow(1)
      disk.full(false)
      member.process?.resume()
      this.fleet.comeBack(member, 10)
    }
  }

  /** Where the fleet changes it may shrink to three, of which one is the minority. */
  private drawDrifters(): Member[] {
    const left = this.fleet.members.filter(member => !member.isAway)
    const changes = left.length < this.fleet.members.length
    const most = changes ? 1 : Math.floor((left.length - 1) / 2)
    return Array.from({ length: most }, () => left.splice(this.random.below(left.length), 1)[0]!)
  }

  private setWeather(): void {
    const on = (kind: FaultKind) => this.plan.get(kind) ?? 0
    const { random } = this
    const ordered = !this.plan.has('reorder')
    this.fleet.network.weather = {
      lossRate: on('loss') * 0.3,
      duplicateRate: on('duplicates') * 0.3,
      // In order one late frame keeps all later ones of its pair waiting: as often as that the pair would stand still.
      tailRate: on('tails') * (ordered ? 0.005 : 0.1),
      tailMeanMs: 50 + random.next() * 1_500,
      ordered,
    }
  }

  private setDisks(): void {
    const failWriteChance = (this.plan.get('writeFailures') ?? 0) * 0.004
    const slowness = this.random.next()
    for (const member of this.fleet.members) {
      const isVictim = member === this.victim
      member.machine.disk.faults = {
        ...noDiskFaults,
        writeDelayMs: [0.1, 0.5 + slowness * slowness * 20],
        answerDelayMs: [0, this.random.chance(0.3) ? 5 : 0.2],
        failWriteChance,
        readErrorChance: isVictim ? (this.plan.get('readErrors') ?? 0) * 0.02 : 0,
        bitFlipChance: isVictim ? (this.plan.get('bitFlips') ?? 0) * 0.03 : 0,
      }
    }
  }

  private every(kind: FaultKind, meanMs: number, strike: (hard: number) => void): void {
    const hard = this.plan.get(kind)
    if (hard === undefined) return
    const act = () => {
      if (this.isOn) strike(hard)
      return this.isOn
    }
    this.world.everySoOften(() => -Math.log(1 - this.random.next()) * meanMs * (1.5 - hard), act)
  }

  private count(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
  }

  private other(than: Member): Member {
    const { members } = this.fleet
    return members[(members.indexOf(than) + 1 + this.random.below(members.length - 1)) % members.length]!
  }

  private clog(hard: number): void {
    this.count('clogs')
    const from = this.random.pick(this.fleet.members)
    const to = this.other(from)
    const forMs = 100 + this.random.next() * hard * 4_000
    this.told({ kind: 'clogged', from: from.machine.name, to: to.machine.name, forMs })
    this.fleet.network.clog(from.machine.self, to.machine.self, forMs)
  }

  /** Symmetric, one-way, of a single peer, or one peer after the other. */
  private partition(hard: number): void {
    const { members } = this.fleet
    const { random } = this
    const forMs = 100 + random.next() * (500 + hard * 4_000)
    const kind = random.pick(['split', 'oneWay', 'single', 'rolling'] as const)
    if (kind === 'split') {
      const side = members.filter(() => random.chance(0.5))
      const rest = members.filter(member => !side.includes(member))
      return this.cut(side, rest, forMs, true)
    }
    if (kind === 'oneWay') {
      const from = random.pick(members)
      return this.cut([from], random.chance(0.5) ? [this.other(from)] : members, forMs, false)
    }
    const first = random.below(members.length)
    const turns = kind === 'single' ? 1 : members.length
    for (let turn = 0; turn < turns; turn++) {
      const alone = members[(first + turn) % members.length]!
      this.world.after(turn * forMs, () => {
        if (this.isOn) this.cut([alone], members, forMs * 1.1, true)
      })
    }
  }

  private cut(from: readonly Member[], to: readonly Member[], forMs: number, bothWays: boolean): void {
    const { network } = this.fleet
    const noticedMs = this.random.chance(0.3) ? null : 200 + this.random.below(2_000)
    const pairs = from.flatMap(one =>
      to
        .filter(other => other !== one)
        .flatMap(other => {
          const there = [one.machine.self, other.machine.self] as const
          return bothWays ? [there, [there[1], there[0]] as const] : [there]
        }),
    )
    if (pairs.length === 0) return
    this.count('partitions')
    const names = (list: readonly Member[]) => list.map(member => member.machine.name)
    this.told({ kind: 'cut', from: names(from), to: names(to), bothWays, forMs })
    for (const [a, b] of pairs) network.block(a, b, noticedMs)
    this.world.after(forMs, () => {
      // Healing the fleet removed the block already.
      if (this.isOn) for (const [a, b] of pairs) network.unblock(a, b)
    })
  }

  private crash(member: Member, kind: string): void {
    if (member.process === null) return
    this.count(kind)
    this.fleet.kill(member, this.random.chance(0.4), 'killed')
    this.fleet.comeBack(member, this.awayMs())
  }

  private awayMs(): number {
    return this.random.chance(0.5) ? 5 + this.random.below(200) : 200 + this.random.below(3_000)
  }

  private lightFuse(): void {
    this.count('effectCrashes')
    this.random.pick(this.fleet.members).fuse = 1 + this.random.below(30)
  }

  private powerCut(): void {
    this.count('powerCuts')
    const afterMs = 5 + this.random.below(500)
    for (const member of this.fleet.members) {
      this.fleet.kill(member, true, 'power cut')
      this.fleet.comeBack(member, afterMs + this.random.below(100))
    }
  }

  private pause(hard: number): void {
    const member = this.random.pick(this.fleet.members)
    const { process } = member
    if (process === null || process.isPaused) return
    this.count('pauses')
    const forMs = 20 + this.random.next() * hard * 4_000
    this.told({ kind: 'paused', peer: member.machine.name, forMs })
    process.pause()
    this.world.after(forMs, () => process.resume())
  }

  private jump(): void {
    if (this.drifters.length === 0) return
    this.count('clockJumps')
    const member = this.random.pick(this.drifters)
    const mostMs = this.random.pick([8_000, 30_000, hourMs])
    const byMs = Math.round((this.random.chance(0.5) ? mostMs : -mostMs) * this.random.next())
    this.told({ kind: 'clockJumped', peer: member.machine.name, byMs })
    member.machine.time.jump(byMs)
    if (this.random.chance(0.5)) this.world.after(this.random.below(2_000), () => member.machine.time.heal())
  }

  private slowDisk(hard: number): void {
    this.count('slowDisks')
    const member = this.random.pick(this.fleet.members)
    const factor = 5 + this.random.next() * hard * 300
    const forMs = 100 + this.random.below(2_500)
    this.told({ kind: 'diskSlowed', peer: member.machine.name, factor, forMs })
    member.machine.disk.slow(factor)
    this.world.after(forMs, () => member.machine.disk.slow(1))
  }

  private fillDisk(): void {
    this.count('fullDisks')
    const member = this.random.pick(this.fleet.members)
    const forMs = 50 + this.random.below(1_000)
    this.told({ kind: 'diskFilled', peer: member.machine.name, forMs })
    member.machine.disk.full(true)
    this.world.after(forMs, () => member.machine.disk.full(false))
  }

  private flipBits(): void {
    this.told({ kind: 'bitFlipped', peer: this.victim.machine.name })
    this.victim.machine.disk.flipBit(this.random)
  }

  /** Kills the victim and takes back some of what its disk had reported durable. */
  private loseRecords(hard: number): void {
    const { process, machine } = this.victim
    if (process === null) return
    this.crash(this.victim, 'lostTails')
    const batches = 1 + this.random.below(1 + Math.ceil(hard * 40))
    const inTheMiddle = this.random.chance(0.3)
    const lost = inTheMiddle ? machine.disk.loseMiddle(this.random, batches) : machine.disk.loseTail(batches)
    this.told({ kind: 'batchesLost', peer: machine.name, batches: lost, inTheMiddle })
  }
}
