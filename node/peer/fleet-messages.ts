import type { PartitionId, PeerId } from '../../base/ids.ts'
import type { MoveState } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import type { RunOutcome } from '../../election/duty-record.ts'
import type { Report } from '../../election/report.ts'
import type { Message } from '../../replication/messages.ts'

/** How far the sender is with a partition that is not stable, in one epoch of it. */
export type MoveReport = {
  readonly partition: PartitionId
  readonly epoch: number
  readonly state: MoveState
}

/** Between members, about the fleet itself. Nothing that is safe only if these arrive rests on them. */
export type FleetMessage =
  /** The sender knows the view of this epoch and wants a newer one. */
  | { readonly kind: 'viewAsked'; readonly epoch: number }
  /** A view that was agreed on. */
  | { readonly kind: 'viewTold'; readonly view: View }
  /** I am here, with the view of this epoch; sent again and again, and when a report changes. */
  | { readonly kind: 'beat'; readonly epoch: number; readonly reports: readonly MoveReport[] }
  /** Whom the sender does not hear. */
  | { readonly kind: 'health'; readonly report: Report }

/** Of the leader's duties (rule 11); the control plane sends and takes them. */
export type DutyMessage =
  | {
      readonly kind: 'dutyOrdered'
      readonly name: string
      readonly token: number
      readonly run: number
      readonly timeoutMs: number
      readonly state: Uint8Array
    }
  | { readonly kind: 'dutyStopped'; readonly name: string; readonly token: number; readonly run: number }
  | {
      readonly kind: 'dutyEnded'
      readonly name: string
      readonly token: number
      readonly run: number
      readonly outcome: RunOutcome
      readonly state: Uint8Array | null
    }

/** For the control plane of whoever gets it. */
export type ControlMessage =
  | DutyMessage
  /** The sender lost its data: it asks to be replaced by itself under a new id, and gets the view that names it. */
  | { readonly kind: 'replaceAsked'; readonly id: PeerId; readonly name: string }

/** Of wall clocks, between the drivers of two processes; the peers do not see it. */
export type ClockMessage =
  /** The sender does not know the time of the fleet yet. */
  | { readonly kind: 'clockAsked' }
  /**
   * What the sender's own wall clock shows, in milliseconds: never what it makes of those of others. With it go epoch and
   * number of members of its view.
   */
  | {
      readonly kind: 'clockTold'
      readonly wallMs: number
      readonly epoch: number
      readonly members: number
    }

export type PeerMessage = Message | FleetMessage | ControlMessage | ClockMessage

/** Reports in one beat, at most; a wave of moves has fewer partitions. */
export const reportsMax = 4096
