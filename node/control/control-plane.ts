import { controlKey, type PartitionId, type PeerId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { MoveReports, MoveState } from '../../dht/stages.ts'
import { assignmentAt, type View } from '../../dht/view.ts'
import { replaced } from '../../dht/view-change.ts'
import type { DutyStatus } from '../../election/duties.ts'
import type { WishKind, WishOutcome } from '../../election/duty-step.ts'
import type { LeaseRecord } from '../../election/record.ts'
import { decodeLease } from '../../election/record.ts'
import type { ControlMessage, PeerMessage } from '../peer/fleet-messages.ts'
import type { Task, TaskEnd } from '../peer/step.ts'
import type { Disk } from '../ports/ports.ts'
import { DutyDesk, type Runner } from './duty-desk.ts'
import { Guard } from './guard.ts'
import { Leadership } from './leadership.ts'
import { Mover, type WaitingSince } from './mover.ts'
import { ControlRegister, type RegisterParts } from './register.ts'
import { Replacer } from './replacer.ts'
import { compactRunner, movesRunner, replaceRunner } from './runners.ts'
import { collectRunner, repairRunner } from './upkeep-runners.ts'
import { type Change, type Changed, ViewRegister } from './view-register.ts'

const readMs = 1_500
const replaceMs = 10_000
export const leaseRegisterKey = controlKey(2)
export const retentionRegisterKey = controlKey(3)
export const keysRegisterKey = controlKey(6)

export type ControlPlaneOptions = RegisterParts & {
  readonly self: PeerId
  readonly view: () => View
  readonly reports: MoveReports
  readonly tellView: (view: View) => void
  /** T of rule 11, the same on every peer. */
  readonly leaseMs: number
  /** For how long a member has been down for most of the fleet; null while it is not. */
  readonly deadForMs: (peer: PeerId) => number | null
  readonly report: (event: ControlEvent) => void
  readonly random: Random
  /** Where the fences of duties are kept. */
  readonly disk: Disk
  /** The disk said at open that acknowledged writes are gone. */
  readonly recordsLost: boolean
  readonly send: (to: PeerId, message: PeerMessage) => void
  /** Work of a duty in one partition of this peer. */
  readonly carryOut: (work: Task, done: (end: TaskEnd) => void) => void
  /** Rewrites the files of the disk without what was deleted. */
  readonly compact: () => Promise<void>
  /** Duties that are carried out above the control plane; every process of a fleet has the same. */
  readonly duties?: readonly Runner[]
}

export type ControlEvent =
  | { readonly kind: 'elected'; readonly token: number }
  /** A member that stayed dead is taken out of the fleet. */
  | { readonly kind: 'replaced'; readonly peer: PeerId; readonly token: number }
  | { readonly kind: 'deposed'; readonly token: number; readonly reason: string }

/** What a peer does for the fleet as a whole: it changes the view when asked, contends for the lead, and leads. */
export class ControlPlane {
  readonly #leadership: Leadership
  readonly #mover: Mover
  readonly #desk: DutyDesk
  readonly #send: (to: PeerId, message: PeerMessage) => void
  readonly #views: ViewRegister
  readonly #view: () => View
  readonly #reports: MoveReports

  constructor(options: ControlPlaneOptions) {
    const { self, clock, leaseMs, report, view, reports } = options
    this.#views = new ViewRegister(options)
    this.#view = view
    this.#reports = reports
    this.#send = options.send
    this.#leadership = new Leadership({
      self,
      clock,
      leaseMs,
      register: new ControlRegister(options, leaseRegisterKey),
      contends: () => isOfControl(view(), self),
      onElected: token => {
        report({ kind: 'elected', token })
        this.#desk.elected(token)
      },
      onDeposed: (token, reason) => {
        report({ kind: 'deposed', token, reason })
        this.#desk.deposed()
      },
    })
    this.#mover = new Mover({
      clock,
      register: this.#views,
      view,
      reports,
      token: () => this.#leadership.token(),
    })
    const replacer = new Replacer({
      register: this.#views,
      view,
      token: () => this.#leadership.token(),
      deadForMs: options.deadForMs,
      replaced: peer => report({ kind: 'replaced', peer, token: this.#leadership.token() ?? 0 }),
    })
    const lease = new ControlRegister(options, leaseRegisterKey)
    this.#desk = new DutyDesk({
      ...options,
      guard: new Guard(options.disk, options.recordsLost, done =>
        lease.read(readMs, answer =>
          done(answer.kind === 'found' ? (decodeLease(answer.found.body)?.token ?? null) : null),
        ),
      ),
      runners: [
        movesRunner(this.#mover),
        replaceRunner(replacer),
        compactRunner(options.compact),
        collectRunner(options),
        repairRunner(options),
        ...(options.duties ?? []),
      ],
      token: () => this.#leadership.token(),
      stepDown: () => this.#leadership.stepDown(),
    })
  }

  start(): void {
    this.viewAdopted()
    this.#leadership.start()
  }

  stop(): void {
    this.#desk.stop()
    this.#mover.stop()
    this.#leadership.stop()
  }

  /** A message of another control plane. */
  heard(from: PeerId, message: ControlMessage): void {
    if (message.kind === 'replaceAsked') this.#replace(from, message.id, message.name)
    else this.#desk.heard(from, message)
  }

  /** The duties as their leader sees them; empty elsewhere. */
  duties(): readonly DutyStatus[] {
    return this.#desk.list()
  }

  /** An operator's wish about a duty; only the leader carries it out. */
  wish(kind: WishKind, name: string, done: (outcome: WishOutcome) => void): void {
    this.#desk.wish(kind, name, done)
  }

  /** Changes the view; any member may. */
  change(change: Change, timeoutMs: number, done: (changed: Changed) => void): void {
    this.#views.change(change, timeoutMs, done)
  }

  /** The token that this process leads under right now, null when it does not. */
  token(): number | null {
    return this.#leadership.token()
  }

  /** Who leads, as far as this process saw. */
  leader(): LeaseRecord | null {
    return this.#leadership.seen()
  }

  stepDown(): void {
    this.#leadership.stepDown()
  }

  /** A newer view is in force: how long its stages last is counted from here. */
  viewAdopted(): void {
    this.#mover.noteStages()
    this.#desk.peersChanged(this.#view().members.map(member => member.id))
  }

  /** How far a member said that it is with a moving partition. */
  stateOf(partition: PartitionId, peer: PeerId): MoveState | null {
    return this.#reports(partition, assignmentAt(this.#view(), partition).epoch, peer)
  }

  waiting(): WaitingSince[] {
    return this.#mover.waiting()
  }

  /** A member lost its data and says so itself: its connection proves who it is. It gets the view that names its heir. */
  #replace(old: PeerId, id: PeerId, name: string): void {
    const change: Change = view => {
      const before = view.members.find(member => member.id === old)
      if (before === undefined) return null
      const { weight, zone } = before
      return replaced(view, old, { id, name, weight, zone }, false)
    }
    this.change(change, replaceMs, changed => {
      if (changed.kind === 'changed') this.#send(old, { kind: 'viewTold', view: changed.view })
    })
  }
}

const isOfControl = (view: View, self: PeerId): boolean =>
  view.control.owners.includes(self) || view.control.nextOwners.includes(self)
