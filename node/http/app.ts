import type { RequestListener, Server } from 'node:http'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { answerBrokenRequest } from './broken-request.ts'
import { bodySlackBytes, type DoorLimits, headerBytesMax, urlBytesMax } from './door.ts'
import type { TlsFiles } from './exposure.ts'
import { fromFramework, sendFailure } from './failures.ts'
import { parseJson } from './json-body.ts'

// An import would make everything that the module exports, a web socket client among it: 40 ms of each start.
const http = process.getBuiltinModule('node:http')
const https = process.getBuiltinModule('node:https')

const keepAliveMs = 72_000
/** How often connections whose headers are late are looked for. */
const slowCheckMs = 5000

export type AppOptions = {
  /** Null: plain HTTP. */
  readonly tls?: TlsFiles | null
  /** What came was no request. @param source - IP address. */
  refused?(code: string, source: string): void
}

/** The web framework with our caps, and our words where it would use its own. */
export function createApp(
  limits: DoorLimits,
  { tls = null, refused = () => undefined }: AppOptions = {},
): FastifyInstance {
  const bodyBytesMax = limits.contextBytesMax + bodySlackBytes
  const app = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: urlBytesMax },
    serverFactory: listener => newServer(listener, limits, tls),
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, refused),
    frameworkErrors: (error, request, reply) => {
      const failure = fromFramework(error)
      refused(failure.code, request.ip)
      sendFailure(reply, failure)
    },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    parseJson(body),
  )
  return app
}

function newServer(listener: RequestListener, limits: DoorLimits, tls: TlsFiles | null): Server {
  const { headersTimeoutMs } = limits
  const options = {
    maxHeaderSize: headerBytesMax,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: Math.min(headersTimeoutMs, slowCheckMs),
    keepAliveTimeout: keepAliveMs,
    // Node's own limit would end a long batch; `guard` times the other requests.
    requestTimeout: 0,
  }
  if (tls === null) return http.createServer(options, listener)
  return https.createServer(
    { ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: headersTimeoutMs },
    listener,
  )
}
