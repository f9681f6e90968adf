import type { Server } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { tokenSubject } from '../audit/auditor.ts'
import type { Metrics } from '../monitoring/metrics.ts'
import type { Log, RunningPeer } from '../running-peer.ts'
import { Admission } from './admission.ts'
import { createApp } from './app.ts'
import { capConnections } from './connections.ts'
import { type OperationName, operations } from './contract.ts'
import type { Door, DoorLimits } from './door.ts'
import { checkExposure, type TlsFiles } from './exposure.ts'
import { guard } from './guard.ts'
import { listenNear } from './listen.ts'
import { isCalled, subjectFrom } from './rights.ts'
import { addRoute } from './routes.ts'
import { bearerFrom, tokenGuard } from './token.ts'

const connectionsMax = 10_000

export type DoorOptions = {
  readonly peer: RunningPeer
  readonly host: string
  readonly preferredPort: number
  /** Null: plain HTTP. */
  readonly tls: TlsFiles | null
  /** Where plain HTTP may be spoken. */
  readonly httpPlain: 'loopback' | 'anywhere'
  /** Bearer token that every path but `/health` and `/health/live` asks for. */
  readonly token: string
  readonly limits: DoorLimits
  readonly metrics: (requestsInFlight: () => number) => Metrics
  readonly log: Log
  readonly version: string
  /** Of an agent: what its door does not do. */
  readonly notServed?: Door['notServed']
}

export type RunningDoor = {
  readonly url: string
  /** Requests answered so far. */
  requestsAnswered(): number
  /** New requests are refused, running ones get `graceMs`; then every connection is closed. */
  stop(graceMs: number): Promise<void>
}

/** Opens the HTTP door of one peer. @throws SlurpError CONFIG_INVALID when it cannot or may not listen. */
export async function openDoor(options: DoorOptions): Promise<RunningDoor> {
  const { limits, tls } = options
  checkExposure(options.host, options)
  const admission = new Admission({
    requestsMax: limits.requestsInFlightMax,
    bodyBytesMax: limits.bodyBytesInFlightMax,
  })
  let url: string | null = null
  const subject = tokenSubject(options.token)
  const door: Door = {
    peer: options.peer,
    metrics: options.metrics(() => admission.requestsInFlight),
    limits,
    log: options.log,
    version: options.version,
    notServed: options.notServed ?? null,
    closing: admission.closing,
    subjectOf: request => subjectFrom(request) ?? subject,
    callerOf: request => (isCalled(request) ? (subjectFrom(request) ?? subject) : null),
    status() {
      const status = options.peer.status()
      const state = admission.closing.aborted ? 'stopping' : status.state
      return { ...status, state, peer: { ...status.peer, url } }
    },
  }
  const { audit } = options.peer
  const turnedAway = (operation: string, code: string, source: string) =>
    audit.refused({ code, subject: 'stranger', source, operation, rule: 'request' })
  const app = createApp(limits, { tls, refused: (code, source) => turnedAway('call', code, source) })
  const isOwn = tokenGuard(options.token)
  const { rights } = options.peer
  guard(app, door, admission, authorization => {
    const given = bearerFrom(authorization)
    if (given === null) return null
    return isOwn(given) ? rights.self : rights.callerOf(given)
  })
  for (const name of Object.keys(operations) as OperationName[]) addRoute(app, door, name)
  await app.ready()
  const server = app.server as Server
  server.maxConnections = connectionsMax
  capConnections(server, limits.connectionsPerAddressMax, source => turnedAway('connect', 'TOO_MANY', source))
  const port = await listenNear(server, options.host, options.preferredPort)
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  url = `${tls === null ? 'http' : 'https'}://${host}:${port}`
  return {
    url,
    requestsAnswered: () => admission.requestsLeft,
    stop: graceMs => stopDoor(app, admission, graceMs),
  }
}

async function stopDoor(app: FastifyInstance, admission: Admission, graceMs: number): Promise<void> {
  const server = app.server as Server
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>(resolve => {
    timer = setTimeout(resolve, graceMs)
  })
  await Promise.race([admission.close(), patience])
  clearTimeout(timer)
  await new Promise<void>(resolve => {
    server.close(() => resolve())
    server.closeIdleConnections()
    setImmediate(() => server.closeAllConnections())
  })
  await app.close()
}
