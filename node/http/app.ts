import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { answerBrokenRequest } from './broken-request.ts'
import { bodySlackBytes, type DoorLimits, headerBytesMax, urlBytesMax } from './door.ts'
import { fromFramework, sendFailure } from './failures.ts'
import { parseJson } from './json-body.ts'

const keepAliveMs = 72_000
/** How often connections whose headers are late are looked for. */
const slowCheckMs = 5000

/** The web framework with our caps, and our words where it would use its own. */
export function createApp(limits: DoorLimits): FastifyInstance {
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
