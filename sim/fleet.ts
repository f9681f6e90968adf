import { createHash } from 'node:crypto'
import type { FleetId, PeerId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import {
  type Assignment,
  defaultMoves,
  type Member as FleetMember,
  initialControl,
  type View,
} from '../dht/view.ts'
import type { ControlEvent } from '../node/control/control-plane.ts'
import type { DriverEvent } from '../node/driver/driver-options.ts'
import type { Disk, DiskChange } from '../node/ports/ports.ts'
import { defaultLimits, type Limits } from '../replication/limits.ts'
import type { Operation, Outcome } from '../replication/messages.ts'
import { MachineTime } from './clock.ts'
import { noDiskFaults, SimDisk } from './disk.ts'
import { SimNetwork } from './network.ts'
import { type Machine, type OtherVersion, Process } from './process.ts'
import type { Telling } from './story-event.ts'
import type { World } from './world.ts'

/** What a caller sees: an answer, or nothing any more because the process died or the caller gave up. */
export type Seen = Outcome | { readonly kind: 'lost' }

export type FleetEvents = {
  readonly opened: (peer: PeerId, disk: Disk, recordsLost: boolean) => void
  readonly durable: (peer: PeerId, batch: readonly DiskChange[]) => void
  readonly ruled: (peer: PeerId, event: ControlEvent) => void
  readonly reported: (peer: PeerId, event: DriverEvent) => void
  /** A process of the other version starts. */
  readonly mixed?: () => void
  /** Something befell a machine: for the story. */
  readonly told: (what: Telling) => void
}

/** One machine and the process that runs on it now. */
export type Member = {
  readonly zone: string
  readonly machine: Machine
  process: Process | null
  boots: number
  /** Effects until the process dies between two of them; Infinity for never. */
  fuse: number
  /** No member of the fleet: not yet, or no more. Clients do not turn to it. */
  isAway: boolean
  /** Gone for good: it never starts again. */
  isGone: boolean
  /** A restart that is due. */
  isComingBack: boolean
  readonly waiting: Set<() => void>
}

export type FleetPlan = {
  readonly peers: number
  /** Machines that are no members at first. */
  readonly spares: number
  /** Whether processes contend for the lead and change the view. */
  readonly controls: boolean
  /** A peer that is down for so long is taken out of the fleet. */
  readonly replaceAfterMs: number
  readonly replicas: number
  readonly partitions: number
  readonly limits: Partial<Limits>
  /** Largest skew of a wall clock in milliseconds, and largest deviation of a clock's rate. */
  readonly skewMs: number
  readonly drift: number
  /** Every other boot runs this one. */
  readonly mixedWith?: OtherVersion
}

/** The machines of one run, their network, and whoever runs on them. */
export class Fleet {
  readonly view: View
  readonly network: SimNetwork
  /** Every machine: the members of the first view, then the spare ones. */
  readonly members: readonly Member[]
  private readonly world: World
  private readonly events: FleetEvents
  private readonly random: Random
  private readonly versions: Random
  private readonly mixedWith: OtherVersion | null

  constructor(world: World, plan: FleetPlan, events: FleetEvents) {
    this.world = world
    this.events = events
    this.random = world.random('fleet')
    this.versions = world.random('versions')
    this.mixedWith = plan.mixedWith ?? null
    this.network = new SimNetwork(world)
    this.view = newView(plan, this.random)
    const limits = { ...defaultLimits, ...plan.limits }
    const spares = Array.from({ length: plan.spares }, (_, at) => memberOf(plan.peers + at + 1))
    this.members = [...this.view.members, ...spares].map(({ id, name, zone }, at) => ({
      zone,
      machine: {
        world,
        view: this.view,
        self: id,
        name,
        number: at,
        time: new MachineTime(
          world,
          1 + (this.random.next() * 2 - 1) * plan.drift,
          (this.random.next() * 2 - 1) * plan.skewMs,
        ),
        disk: new SimDisk({
          random: world.random(`disk ${name}`),
          schedule: (delayMs, run) => void world.after(delayMs, run),
          faults: noDiskFaults,
        }),
        network: this.network,
        limits,
        controls: plan.controls,
        tickMs: this.random.chance(0.5) ? 0 : this.random.next(),
      },
      process: null,
      boots: 0,
      fuse: Number.POSITIVE_INFINITY,
      isComingBack: false,
      isAway: at >= plan.peers,
      isGone: false,
      waiting: new Set(),
    }))
  }

  start(member: Member): void {
    if (member.process !== null || member.isGone) return
    member.boots += 1
    member.fuse = Number.POSITIVE_INFINITY
    const { self, name } = member.machine
    this.events.told({ kind: 'started', peer: name, boot: member.boots })
    const Version = this.versionFor(name)
    member.process = new Version(member.machine, member.boots, {
      opened: (disk, recordsLost) => this.look(member, disk, recordsLost),
      durable: batch => this.events.durable(self, batch),
      reported: event => {
        this.events.reported(self, event)
        if (event.kind === 'viewAdopted' && !event.view.members.some(each => each.id === self))
          this.leaves(member)
      },
      ruled: event => this.events.ruled(self, event),
      failed: () => {
        this.kill(member, false, 'its disk failed')
        this.comeBack(member, 50 + this.random.below(1_000))
      },
      dies: () => {
        member.fuse -= 1
        if (member.fuse > 0) return false
        member.fuse = Number.POSITIVE_INFINITY
        const dying = member.process
        this.world.after(0, () => {
          if (member.process === dying) this.ended(member, 'died between two effects')
          this.comeBack(member, 20 + this.random.below(2_500))
        })
        return true
      },
    })
  }

  /** A fleet is upgraded one start at a time, and sometimes back. */
  private versionFor(name: string): typeof Process | OtherVersion['Process'] {
    if (this.mixedWith === null || this.versions.chance(0.5)) return Process
    this.events.mixed?.()
    this.events.told(`${name} runs version ${this.mixedWith.name}`)
    return this.mixedWith.Process
  }

  /** Kills a process at once; `silent`: the others take long to notice. */
  kill(member: Member, silent: boolean, why: string): void {
    if (member.process === null) return
    member.process.kill(silent)
    this.ended(member, why)
  }

  comeBack(member: Member, afterMs: number): void {
    if (member.isComingBack || member.isGone || (member.isAway && member.boots === 0)) return
    member.isComingBack = true
    this.world.after(afterMs, () => {
      member.isComingBack = false
      this.start(member)
    })
  }

  /** A member that takes operations, null when none does. */
  serving(random: Random, preferred: Member | null): Member | null {
    if (preferred?.process?.serves && !random.chance(0.1)) return preferred
    const ready = this.members.filter(member => member.process?.serves && !member.isAway)
    return ready.length === 0 ? null : random.pick(ready)
  }

  /** `seen` is called exactly once: with the answer, or `lost` when the process dies or the caller has waited long enough. */
  submit(member: Member, operation: Operation, timeoutMs: number, seen: (outcome: Seen) => void): void {
    let isOver = false
    const end = (outcome: Seen) => {
      if (isOver) return
      isOver = true
      member.waiting.delete(dies)
      giveUp()
      seen(outcome)
    }
    const dies = () => void this.world.after(this.random.below(30), () => end({ kind: 'lost' }))
    member.waiting.add(dies)
    const giveUp = this.world.after(timeoutMs * 1.3 + 500, () => end({ kind: 'lost' }))
    member.process?.submit(operation, timeoutMs, end)
  }

  /** Who was a member and is none any more ends, as a real process does. */
  private leaves(member: Member): void {
    if (member.isAway) return
    member.isGone = true
    this.world.after(0, () => this.kill(member, false, 'no member any more'))
  }

  private ended(member: Member, why: string): void {
    if (member.process === null) return
    member.process = null
    this.events.told({ kind: 'died', peer: member.machine.name, why })
    const waiting = [...member.waiting]
    member.waiting.clear()
    for (const dies of waiting) dies()
  }

  /** Shows the observer what is on the disk, without the read errors that the process itself may meet. */
  private look(member: Member, disk: Disk, recordsLost: boolean): void {
    const sim = member.machine.disk
    const { faults } = sim
    sim.faults = noDiskFaults
    this.events.opened(member.machine.self, disk, recordsLost)
    sim.faults = faults
  }
}

/** Ids of simulated peers look like real ones but for their length: the codec must carry them. */
const idOf = (number: number): PeerId =>
  `12D3KooWSim${createHash('sha256').update(`peer ${number}`).digest('hex').slice(0, 12)}${number}` as PeerId

/** @param number - from 1. */
const memberOf = (number: number): FleetMember => ({
  id: idOf(number),
  name: `p${number}`,
  weight: 1,
  zone: `z${number}`,
})

function newView(plan: FleetPlan, random: Random): View {
  const members = Array.from({ length: plan.peers }, (_, at) => memberOf(at + 1))
  const partitions = Array.from({ length: plan.partitions }, (): Assignment => {
    const left = members.map(member => member.id)
    const owners: PeerId[] = []
    while (owners.length < plan.replicas) owners.push(left.splice(random.below(left.length), 1)[0]!)
    return { epoch: 1, stage: 'stable', owners, nextOwners: [] }
  })
  return {
    fleet: '0'.repeat(64) as FleetId,
    epoch: 1,
    replicas: plan.replicas,
    members,
    partitions,
    ...initialControl(members),
    moves: { ...defaultMoves, replaceAfterMs: plan.replaceAfterMs },
  }
}
