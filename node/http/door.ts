import type { FastifyRequest } from 'fastify'
import type { SlurpError } from '../../base/errors.ts'
import type { Metrics } from '../monitoring/metrics.ts'
import type { Log, RunningPeer } from '../running-peer.ts'
import type { PeerStatus } from '../status.ts'
import type { OperationName } from './contract.ts'

export const urlBytesMax = 8192
export const headerBytesMax = 16_384
/** What JSON of a context may take beyond the context itself; the store measures exactly. */
export const bodySlackBytes = 65_536

/** Limits of the door; every one has a setting of the same name. */
export type DoorLimits = {
  readonly contextBytesMax: number
  readonly requestsInFlightMax: number
  readonly bodyBytesInFlightMax: number
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly batchIdleMs: number
  readonly slowSearchMs: number
  /** Of one grant, or of one address without a token. */
  readonly requestsPerSecondMax: number
  readonly connectionsPerAddressMax: number
}

/** What the handlers of the door work with. */
export type Door = {
  readonly peer: RunningPeer
  readonly metrics: Metrics
  readonly limits: DoorLimits
  readonly log: Log
  /** Version of SLURP. */
  readonly version: string
  /** What is asked for at another door; null: all is asked for here. */
  readonly notServed: ((name: OperationName) => SlurpError | null) | null
  /** Who asks, as the audit log names them; only of a request that the guard let in. */
  subjectOf(request: FastifyRequest): string
  /** The same of any request; null where the guard has not let it in. */
  callerOf(request: FastifyRequest): string | null
  /** Status of the peer with the door's own address. */
  status(): PeerStatus
  /** Aborts when the peer begins to stop. */
  readonly closing: AbortSignal
}
