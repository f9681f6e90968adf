import type { Clock as HlcClock } from '../../base/hlc.ts'
import type { PeerId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { View } from '../../dht/view.ts'
import type { Limits } from '../../replication/limits.ts'
import type { ControlMessage, PeerMessage } from '../peer/fleet-messages.ts'
import type { PeerEvent } from '../peer/step.ts'
import type { Clock, Disk, DiskFailure, EnvelopeChecker, Network } from '../ports/ports.ts'

export type DriverOptions = {
  readonly self: PeerId
  readonly view: View
  /** Shared with whoever makes operation ids in this process. */
  readonly hlc: HlcClock
  /** Number of this boot (boot.ts); the tag of `hlc` carries it too. */
  readonly incarnation: number
  readonly disk: Disk
  /** The disk said at open that acknowledged writes are gone. */
  readonly recordsLost: boolean
  readonly network: Network
  /** This machine's; the peer goes by the driver's `clock`. */
  readonly clock: Clock
  readonly checker: EnvelopeChecker
  readonly limits: Limits
  readonly random: Random
  /** The marks that follow `recordsLost` are durable. */
  readonly damageMarked?: () => void
  /** What happened; counts, keys' hashes and partitions only. */
  readonly report: (event: DriverEvent) => void
  /** A message for the control plane of this process. */
  readonly passedOn?: (from: PeerId, message: ControlMessage) => void
  /** Looks on at what is said between this peer and the others, and has no say in it. */
  readonly witness?: Witness
  /** The disk failed: nothing more can be promised, the process must end. */
  readonly failed: (failure: DiskFailure) => void
}

/** Is called for every message: what it does has to be cheap. */
export interface Witness {
  sent(to: PeerId, message: PeerMessage): void
  /** After the checks on receive. */
  heard(from: PeerId, message: PeerMessage): void
}

export type DriverEvent =
  | PeerEvent
  | { readonly kind: 'frameRefused'; readonly from: PeerId; readonly why: string }
  | { readonly kind: 'envelopeRefused'; readonly from: PeerId; readonly message: PeerMessage['kind'] }
  | { readonly kind: 'frameDropped'; readonly to: PeerId }
  | { readonly kind: 'clockAhead'; readonly from: PeerId }
