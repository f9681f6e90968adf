import { controlKey, type PartitionId, type PeerId } from '../../base/ids.ts'
import type { MoveReports, MoveState } from '../../dht/stages.ts'
import { assignmentAt, type View } from '../../dht/view.ts'
import type { LeaseRecord } from '../../election/record.ts'
import { Leadership } from './leadership.ts'
import { Mover, type WaitingSince } from './mover.ts'
import { ControlRegister, type RegisterParts } from './register.ts'
import { Replacer } from './replacer.ts'
import { type Change, type Changed, ViewRegister } from './view-register.ts'

export const leaseRegisterKey = controlKey(2)

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
  readonly #replacer: Replacer
  readonly #views: ViewRegister
  readonly #view: () => View
  readonly #reports: MoveReports

  constructor(options: ControlPlaneOptions) {
    const { self, clock, leaseMs, report, view, reports } = options
    this.#views = new ViewRegister(options)
    this.#view = view
    this.#reports = reports
    this.#leadership = new Leadership({
      self,
      clock,
      leaseMs,
      register: new ControlRegister(options, leaseRegisterKey),
      contends: () => isOfControl(view(), self),
      onElected: token => {
        report({ kind: 'elected', token })
        this.#mover.start()
        this.#replacer.start()
      },
      onDeposed: (token, reason) => {
        report({ kind: 'deposed', token, reason })
        this.#mover.stop()
        this.#replacer.stop()
      },
    })
    this.#mover = new Mover({
      clock,
      register: this.#views,
      view,
      reports,
      token: () => this.#leadership.token(),
    })
    this.#replacer = new Replacer({
      clock,
      register: this.#views,
      view,
      token: () => this.#leadership.token(),
      deadForMs: options.deadForMs,
      replaced: peer => report({ kind: 'replaced', peer, token: this.#leadership.token() ?? 0 }),
    })
  }

  start(): void {
    this.#leadership.start()
  }

  stop(): void {
    this.#mover.stop()
    this.#replacer.stop()
    this.#leadership.stop()
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
  }

  /** How far a member said that it is with a moving partition. */
  stateOf(partition: PartitionId, peer: PeerId): MoveState | null {
    return this.#reports(partition, assignmentAt(this.#view(), partition).epoch, peer)
  }

  waiting(): WaitingSince[] {
    return this.#mover.waiting()
  }
}

const isOfControl = (view: View, self: PeerId): boolean =>
  view.control.owners.includes(self) || view.control.nextOwners.includes(self)
