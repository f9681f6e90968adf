import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SlurpError } from '../../base/errors.ts'
import type { Caller } from '../grants/api.ts'
import type { Admission } from './admission.ts'
import { operations } from './contract.ts'
import { bodySlackBytes, type Door, type DoorLimits, urlBytesMax } from './door.ts'
import { fromFramework, securityHeaders, sendFailure } from './failures.ts'
import type { Operation } from './operation.ts'
import { RateLimit } from './rate-limit.ts'
import { noteRecorded, recordRefused } from './recorded.ts'
import { checkRight, noteCaller } from './rights.ts'

/** How long a body that is refused for its size may still come in. */
const restMs = 1_000

/** Hooks that every request passes, the unknown paths too: caps, token, time, failures, measuring. */
export function guard(
  app: FastifyInstance,
  door: Door,
  admission: Admission,
  callerOf: (authorization: string | undefined) => Caller | null,
): void {
  const bodyTimers = new WeakMap<FastifyRequest, NodeJS.Timeout>()
  const rate = new RateLimit(door.limits.requestsPerSecondMax)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders)
    const operation = operationOf(request)
    if ((request.raw.url?.length ?? 0) > urlBytesMax) {
      throw new SlurpError('TOO_LARGE', `The URL is longer than ${urlBytesMax} bytes.`, {
        hint: 'Use a shorter address or query.',
      })
    }
    // Who may join has no bearer token: what lets it in is in the body.
    if (operation?.open && !operation.body) return
    const caller = callerOf(request.headers.authorization)
    if (caller === null && !operation?.open) {
      const { ip: source } = request
      noteRecorded(request)
      door.peer.audit.refused({
        code: 'TOKEN_WRONG',
        subject: 'stranger',
        source,
        operation: 'call',
        rule: 'token',
      })
      throw new SlurpError(
        'TOKEN_WRONG',
        'The bearer token is missing, or neither this peer nor a grant has it.',
      )
    }
    if (caller !== null) noteCaller(request, caller)
    // Whoever has the peer's own token runs it.
    if (caller !== door.peer.rights.self) rate.enter(caller?.id ?? `address:${request.ip}`)
    if (operation !== undefined && caller !== null) checkRight(door, operation, caller, request)
    const streamed = operation === operations.batchStore
    const leave = admission.enter(streamed ? 0 : bodyBytesOf(request, door.limits))
    reply.raw.once('close', () => {
      clearTimeout(bodyTimers.get(request))
      leave()
    })
    if (request.raw.headers['content-length'] === undefined && !request.raw.headers['transfer-encoding'])
      return
    if (!streamed) bodyTimers.set(request, timeBody(door, request, reply))
  })
  app.addHook('preValidation', async request => clearTimeout(bodyTimers.get(request)))
  app.addHook('onResponse', async (request, reply) => {
    const route = operationOf(request)?.path ?? 'unknown'
    const { statusCode: status, elapsedTime } = reply
    door.metrics.requestAnswered({ method: request.method, route, status, seconds: elapsedTime / 1000 })
    door.log.debug({ method: request.method, route, status, ms: Math.round(elapsedTime) }, 'request answered')
  })
  app.setErrorHandler(async (thrown, request, reply) => {
    const failure = fromFramework(thrown)
    door.metrics.requestRefused(failure.code)
    recordRefused(door, request, failure)
    if (failure.code === 'INTERNAL') {
      door.log.error(
        { err: failure.cause, route: operationOf(request)?.path },
        'a request failed unexpectedly',
      )
    }
    if (failure.code === 'SHUTTING_DOWN') reply.header('connection', 'close')
    // Whoever still sends reads no answer before it is done: a connection that is closed on it would take the answer along.
    if (failure.code === 'TOO_LARGE') await restOf(request.raw)
    return sendFailure(reply, failure)
  })
  app.setNotFoundHandler((request, reply) => {
    const failure = unknownRoute(request)
    door.metrics.requestRefused(failure.code)
    recordRefused(door, request, failure)
    return sendFailure(reply, failure)
  })
}

/** Lets the rest of a body come and go, for a moment. */
async function restOf(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  const wait = { signal: AbortSignal.timeout(restMs), cleanup: true }
  await finished(request.resume(), wait).catch(() => undefined)
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

function timeBody(door: Door, request: FastifyRequest, reply: FastifyReply): NodeJS.Timeout {
  const timeoutMs = door.limits.requestTimeoutMs
  return setTimeout(() => {
    if (reply.sent) return
    reply.header('connection', 'close')
    const late = new SlurpError('REQUEST_TIMEOUT', `The request was not whole after ${timeoutMs} ms.`)
    recordRefused(door, request, late)
    sendFailure(reply, late)
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
