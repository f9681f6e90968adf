import type { Server } from 'node:http'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { SlurpError } from '../../base/errors.ts'
import type { Metrics } from '../monitoring/metrics.ts'
import type { Log, RunningPeer } from '../running-peer.ts'
import { Admission } from './admission.ts'
import { answerBrokenRequest } from './broken-request.ts'
import { type Operation, type OperationName, operations } from './contract.ts'
import type { Door, DoorLimits } from './door.ts'
import { fromFramework, fromSchema, securityHeaders, sendFailure } from './failures.ts'
import { type Asked, handlers } from './handlers.ts'
import { parseJson } from './json-body.ts'
import { listenNear } from './listen.ts'
import { tokenGuard } from './token.ts'

const urlBytesMax = 8192
const headerBytesMax = 16_384
const connectionsMax = 10_000
const keepAliveMs = 72_000
/** How often connections whose headers are late are looked for. */
const slowCheckMs = 5000
/** What JSON of a context may take beyond the context itself; the store measures exactly. */
const bodySlackBytes = 65_536

export type DoorOptions = {
  readonly peer: RunningPeer
  readonly host: string
  readonly preferredPort: number
  /** Bearer token that every path but `/health` and `/health/live` asks for. */
  readonly token: string
  readonly limits: DoorLimits
  readonly metrics: (requestsInFlight: () => number) => Metrics
  readonly log: Log
  readonly version: string
}

export type RunningDoor = {
  readonly url: string
  /** Requests answered so far. */
  requestsAnswered(): number
  /** New requests are refused, running ones get `graceMs`; then every connection is closed. */
  stop(graceMs: number): Promise<void>
}

/** Opens the HTTP door of one peer. @throws SlurpError CONFIG_INVALID when it cannot listen. */
export async function openDoor(options: DoorOptions): Promise<RunningDoor> {
  const { limits } = options
  const admission = new Admission({
    requestsMax: limits.requestsInFlightMax,
    bodyBytesMax: limits.bodyBytesInFlightMax,
  })
  let url: string | null = null
  const door: Door = {
    peer: options.peer,
    metrics: options.metrics(() => admission.requestsInFlight),
    limits,
    log: options.log,
    version: options.version,
    closing: admission.closing,
    status() {
      const status = options.peer.status()
      const state = admission.closing.aborted ? 'stopping' : status.state
      return { ...status, state, peer: { ...status.peer, url } }
    },
  }
  const app = createApp(limits)
  guard(app, door, admission, tokenGuard(options.token))
  for (const name of Object.keys(operations) as OperationName[]) addRoute(app, door, name)
  await app.ready()
  const server = app.server as Server
  server.maxConnections = connectionsMax
  const port = await listenNear(server, options.host, options.preferredPort)
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  url = `http://${host}:${port}`
  return {
    url,
    requestsAnswered: () => admission.requestsLeft,
    stop: graceMs => stopDoor(app, admission, graceMs),
  }
}

function createApp(limits: DoorLimits): FastifyInstance {
  const bodyBytesMax = limits.contextBytesMax + bodySlackBytes
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    keepAliveTimeout: keepAliveMs,
    // Node's own limit would end a long batch; `guard` times the other requests.
    requestTimeout: 0,
    routerOptions: { maxParamLength: urlBytesMax },
    http: {
      maxHeaderSize: headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headersTimeoutMs, slowCheckMs),
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, _request, reply) => {
      sendFailure(reply, fromFramework(error))
    },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    parseJson(body),
  )
  return app
}

/** Hooks that every request passes, the unknown paths too: caps, token, time, failures, measuring. */
function guard(
  app: FastifyInstance,
  door: Door,
  admission: Admission,
  allows: (authorization: string | undefined) => boolean,
): void {
  const bodyTimers = new WeakMap<FastifyRequest, NodeJS.Timeout>()
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders)
    const operation = operationOf(request)
    if ((request.raw.url?.length ?? 0) > urlBytesMax) {
      throw new SlurpError('TOO_LARGE', `The URL is longer than ${urlBytesMax} bytes.`, {
        hint: 'Use a shorter address or query.',
      })
    }
    if (operation?.open) return
    if (!allows(request.headers.authorization)) {
      throw new SlurpError('TOKEN_WRONG', 'The bearer token is missing or not the one of this peer.')
    }
    const streamed = operation === operations.batchStore
    const leave = admission.enter(streamed ? 0 : bodyBytesOf(request, door.limits))
    reply.raw.once('close', () => {
      clearTimeout(bodyTimers.get(request))
      leave()
    })
    if (request.raw.headers['content-length'] === undefined && !request.raw.headers['transfer-encoding'])
      return
    if (!streamed) bodyTimers.set(request, timeBody(request, reply, door.limits.requestTimeoutMs))
  })
  app.addHook('preValidation', async request => clearTimeout(bodyTimers.get(request)))
  app.addHook('onResponse', async (request, reply) => {
    const route = operationOf(request)?.path ?? 'unknown'
    const { statusCode: status, elapsedTime } = reply
    door.metrics.requestAnswered({ method: request.method, route, status, seconds: elapsedTime / 1000 })
    door.log.debug({ method: request.method, route, status, ms: Math.round(elapsedTime) }, 'request answered')
  })
  app.setErrorHandler((thrown, request, reply) => {
    const failure = fromFramework(thrown)
    door.metrics.requestRefused(failure.code)
    if (failure.code === 'INTERNAL') {
      door.log.error(
        { err: failure.cause, route: operationOf(request)?.path },
        'a request failed unexpectedly',
      )
    }
    if (failure.code === 'SHUTTING_DOWN') reply.header('connection', 'close')
    return sendFailure(reply, failure)
  })
  app.setNotFoundHandler((request, reply) => {
    door.metrics.requestRefused('ROUTE_UNKNOWN')
    return sendFailure(reply, unknownRoute(request))
  })
}

function unknownRoute(request: FastifyRequest): SlurpError {
  const method = request.method
  if (/^\/v1\/contexts\/ucxl:\/\//i.test(request.url)) {
    return new SlurpError('ROUTE_UNKNOWN', 'The address in the path is not percent-encoded.', {
      hint: 'Write / as %2F, : as %3A and @ as %40, as encodeURIComponent does.',
    })
  }
  return new SlurpError('ROUTE_UNKNOWN', `There is no such path for ${method}.`)
}

function timeBody(request: FastifyRequest, reply: FastifyReply, timeoutMs: number): NodeJS.Timeout {
  return setTimeout(() => {
    if (reply.sent) return
    reply.header('connection', 'close')
    sendFailure(reply, new SlurpError('REQUEST_TIMEOUT', `The request was not whole after ${timeoutMs} ms.`))
    reply.raw.once('finish', () => request.raw.socket.destroySoon())
  }, timeoutMs)
}

/** What a body may take; one of unknown length counts as the largest. */
function bodyBytesOf(request: FastifyRequest, limits: DoorLimits): number {
  const length = request.headers['content-length']
  if (length !== undefined) return Math.min(Number(length) || 0, limits.contextBytesMax + bodySlackBytes)
  return request.headers['transfer-encoding'] === undefined ? 0 : limits.contextBytesMax + bodySlackBytes
}

const operationOf = (request: FastifyRequest): Operation | undefined =>
  (request.routeOptions.config as { operation?: Operation } | undefined)?.operation

function addRoute<Name extends OperationName>(app: FastifyInstance, door: Door, name: Name): void {
  const operation: Operation = operations[name]
  const handler = handlers[name]
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const parsed = operation.query.safeParse(request.query)
    if (!parsed.success) throw fromSchema('The query', parsed.error)
    const { address = '' } = request.params as { address?: string }
    const query = parsed.data as Asked<Name>['query']
    const result = await handler(door, { query, address, request, reply })
    if (result === reply) return reply
    return reply.type('application/json; charset=utf-8').send(JSON.stringify(result))
  }
  const route = {
    method: operation.method,
    url: operation.path.replace(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    handler: answer,
  }
  if (name !== 'batchStore') {
    app.route(route)
    return
  }
  app.register(async streamed => {
    streamed.removeAllContentTypeParsers()
    streamed.addContentTypeParser('*', async (_request: FastifyRequest, payload: unknown) => payload)
    streamed.route({ ...route, bodyLimit: Number.MAX_SAFE_INTEGER })
  })
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
