import { bootTag, type Clock as HlcClock, newClock, peerTagDigits } from '../base/hlc.ts'
import type { PeerId } from '../base/ids.ts'
import { seeded } from '../base/random.ts'
import type { View } from '../dht/view.ts'
import { type ControlEvent, ControlPlane } from '../node/control/control-plane.ts'
import { nextIncarnation, startingView } from '../node/driver/boot.ts'
import { Driver } from '../node/driver/driver.ts'
import type { DriverEvent } from '../node/driver/driver-options.ts'
import type { Task, TaskEnd } from '../node/peer/step.ts'
import type { Disk, DiskChange, DiskFailure } from '../node/ports/ports.ts'
import type { Limits } from '../replication/limits.ts'
import type { Operation, Outcome } from '../replication/messages.ts'
import { type MachineTime, SimClock } from './clock.ts'
import type { SimDisk } from './disk.ts'
import { simControlSealer, simEnvelopeChecker } from './envelope.ts'
import type { SimNetwork } from './network.ts'
import type { World } from './world.ts'

/** What a machine offers its processes; it outlives them. */
export type Machine = {
  readonly world: World
  /** What its directory says of the fleet: the first view, or the one in which it joined. */
  view: View
  readonly self: PeerId
  readonly name: string
  /** From 0, unique in the fleet. */
  readonly number: number
  readonly time: MachineTime
  readonly disk: SimDisk
  readonly network: SimNetwork
  readonly limits: Limits
  /** Whether processes contend for the lead and change the view. */
  readonly controls: boolean
  /** How long a tick of a process collects inputs, in milliseconds. */
  readonly tickMs: number
}

export type ProcessEvents = {
  /** Before anything of this boot is sent; `disk` reads what is durable. */
  readonly opened: (disk: Disk, recordsLost: boolean) => void
  readonly durable: (batch: readonly DiskChange[]) => void
  readonly reported: (event: DriverEvent) => void
  readonly ruled: (event: ControlEvent) => void
  /** The process must end: its disk failed. */
  readonly failed: () => void
  /** Asked before each effect on the outside: true kills the process between the one before and this one. */
  readonly dies: () => boolean
}

/** `Process` of these sources, or of those of another version. */
export type ProcessVersion = new (machine: Machine, boot: number, events: ProcessEvents) => Process

/** Another version of this project, and what to call it. */
export type OtherVersion = { readonly name: string; readonly Process: ProcessVersion }

/** One boot of a peer: the production driver and peer on virtual ports. */
export class Process {
  readonly hlc: HlcClock
  private readonly machine: Machine
  readonly control: ControlPlane
  private readonly driver: Driver
  private state: 'running' | 'paused' | 'dead' = 'running'
  private backlog: (() => void)[] = []
  private isServing = false

  /** @param boot - from 1. */
  constructor(machine: Machine, boot: number, events: ProcessEvents) {
    this.machine = machine
    const whenRunning = (run: () => void) => this.whenRunning(run)
    const opened = machine.disk.restart({ expectExisting: false, deliver: whenRunning })
    const start = startingView(opened.disk, machine.view)
    const recordsLost = opened.found.lostTail || opened.found.gaps || start.isDamaged
    events.opened(opened.disk, recordsLost)
    const incarnation = nextIncarnation(opened.disk, machine.time.wallMs(), recordsLost)
    const peerTag = (machine.number + 1).toString(16).padStart(peerTagDigits, '0')
    this.hlc = newClock(bootTag(peerTag, incarnation))
    const alive = () => this.state !== 'dead' && !this.diesNow(events)
    const clock = new SimClock(machine.world, machine.time, machine.tickMs, whenRunning)
    const network = machine.network.portOf(machine.self, alive, whenRunning)
    this.driver = new Driver({
      self: machine.self,
      view: start.view,
      hlc: this.hlc,
      incarnation,
      disk: watched(opened.disk, alive, events.durable),
      recordsLost,
      damageMarked: () => void opened.acknowledgeDamage(),
      network,
      clock,
      checker: simEnvelopeChecker,
      limits: machine.limits,
      random: seeded((machine.number + 1) * 0x1_0000 + boot),
      report: event => {
        events.reported(event)
        if (event.kind === 'viewAdopted') this.control.viewAdopted()
      },
      passedOn: (from, message) => this.control.heard(from, message),
      failed: () => machine.world.after(0, () => events.failed()),
    })
    this.control = new ControlPlane({
      self: machine.self,
      hlc: this.hlc,
      clock: this.driver.clock,
      sealer: simControlSealer,
      submit: (operation, timeoutMs, done) => this.driver.submit(operation, timeoutMs, done),
      view: () => this.driver.view(),
      reports: this.driver.reports,
      tellView: view => this.driver.tellView(view),
      deadForMs: peer => this.driver.deadForMs(peer),
      leaseMs: 2_000,
      random: seeded((machine.number + 1) * 0x1_0000 + boot + 0x7000),
      disk: watched(opened.disk, alive, events.durable),
      recordsLost,
      send: (to, message) => this.driver.pass(to, message),
      carryOut: (work, done) => this.driver.carryOut(work, done),
      compact: () => Promise.resolve(),
      report: event => events.ruled(event),
    })
    this.driver.start((failure: DiskFailure | null) => {
      if (failure === null) {
        this.isServing = true
        if (machine.controls) this.control.start()
      } else machine.world.after(0, () => events.failed())
    })
  }

  get isDead(): boolean {
    return this.state === 'dead'
  }

  get isPaused(): boolean {
    return this.state === 'paused'
  }

  /** Whether it takes operations. */
  get serves(): boolean {
    return this.isServing && this.state === 'running'
  }

  /** The view in force here. */
  view(): View {
    return this.driver.view()
  }

  wallMs(): number {
    return this.driver.clock.wallMs()
  }

  /** As Driver.submit; a process that dies never calls `done`. */
  submit(operation: Operation, timeoutMs: number, done: (outcome: Outcome) => void): void {
    this.whenRunning(() =>
      this.driver.submit(operation, timeoutMs, outcome => {
        if (this.state !== 'dead') done(outcome)
      }),
    )
  }

  /** As Driver.carryOut. */
  carryOut(work: Task, done: (end: TaskEnd) => void): void {
    this.whenRunning(() =>
      this.driver.carryOut(work, end => {
        if (this.state !== 'dead') done(end)
      }),
    )
  }

  /** From here on nothing that it does has an effect. */
  kill(silent: boolean): void {
    if (this.state === 'dead') return
    this.state = 'dead'
    this.backlog = []
    this.machine.network.drop(this.machine.self, silent)
    this.machine.disk.crash()
  }

  pause(): void {
    if (this.state === 'running') this.state = 'paused'
  }

  resume(): void {
    if (this.state !== 'paused') return
    this.state = 'running'
    const { backlog } = this
    this.backlog = []
    for (const run of backlog) this.whenRunning(run)
  }

  private whenRunning(run: () => void): void {
    if (this.state === 'running') run()
    else if (this.state === 'paused') this.backlog.push(run)
  }

  private diesNow(events: ProcessEvents): boolean {
    if (!events.dies()) return false
    this.kill(false)
    return true
  }
}

function watched(disk: Disk, alive: () => boolean, durable: (batch: readonly DiskChange[]) => void): Disk {
  return {
    write: (batch, done) => {
      if (!alive()) return
      disk.write(batch, failure => {
        if (failure === null) durable(batch)
        done(failure)
      })
    },
    read: key => disk.read(key),
    scan: (from, to, limit, done) => disk.scan(from, to, limit, done),
  }
}
