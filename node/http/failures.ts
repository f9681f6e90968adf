import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { asSlurpError, SlurpError } from '../../base/errors.ts'

/** Sent with every answer: nothing of it may be cached, framed, sniffed or run. */
export const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

const retryAfterSeconds = '1'

/** The headers that a failure adds: when to come back, and how to authenticate. */
export function failureHeaders(failure: SlurpError): Record<string, string> {
  if (failure.code === 'TOO_MANY' || failure.code === 'SHUTTING_DOWN')
    return { 'retry-after': retryAfterSeconds }
  if (failure.code === 'TOKEN_WRONG') return { 'www-authenticate': 'Bearer realm="slurp"' }
  return {}
}

/** A request that does not fit the contract of the door. */
export const misuse = (message: string): SlurpError =>
  new SlurpError('USAGE', message, { hint: 'GET /v1/openapi.json lists every path and its parameters.' })

export function sendFailure(reply: FastifyReply, failure: SlurpError): FastifyReply {
  return reply
    .code(failure.httpStatus)
    .headers({ ...securityHeaders, ...failureHeaders(failure) })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(failure.toBody()))
}

/** What the web framework calls things, in our words; nothing of its own text reaches an answer. */
export function fromFramework(thrown: unknown): SlurpError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  switch (code) {
    case 'FST_ERR_BAD_URL':
      return misuse('The path is not valid percent-encoding.')
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new SlurpError('TOO_LARGE', 'The path is too long.', { hint: 'Use a shorter address.' })
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new SlurpError('TOO_LARGE', 'The body is larger than this peer takes.', {
        hint: 'Split it; a context may take `contextBytesMax` of `slurp help config`.',
      })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return misuse('The body is not as long as content-length says.')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new SlurpError('JSON_INVALID', 'The content-type header is malformed.')
    case 'ECONNRESET':
      return misuse('The request ended before its body did.')
    default:
      return asSlurpError(thrown)
  }
}

/** One sentence on the first thing that does not fit. `where` names the place: `The query`. */
export function fromSchema(where: string, error: z.ZodError): SlurpError {
  const issue = error.issues[0]
  if (issue?.code === 'unrecognized_keys') {
    return misuse(`${where} has no \`${issue.keys[0]}\`.`)
  }
  const name = issue?.path.join('.') ?? ''
  if (name === '') return misuse(`${where} does not fit: ${issue?.message}.`)
  return misuse(`${where}: \`${name}\` does not fit: ${issue?.message}.`)
}
