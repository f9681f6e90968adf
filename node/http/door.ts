import type { Metrics } from '../monitoring/metrics.ts'
import type { Log, RunningPeer } from '../running-peer.ts'
import type { PeerStatus } from '../status.ts'

/** Limits of the door; every one has a setting of the same name. */
export type DoorLimits = {
  readonly contextBytesMax: number
  readonly requestsInFlightMax: number
  readonly bodyBytesInFlightMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly batchIdleMs: number
}

/** What the handlers of the door work with. */
export type Door = {
  readonly peer: RunningPeer
  readonly metrics: Metrics
  readonly limits: DoorLimits
  readonly log: Log
  /** Version of SLURP. */
  readonly version: string
  /** Status of the peer with the door's own address. */
  status(): PeerStatus
  /** Aborts when the peer begins to stop. */
  readonly closing: AbortSignal
}
