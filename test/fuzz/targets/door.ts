import type { LightMyRequestResponse } from 'fastify'
import { advice } from '../../../base/errors.ts'
import { Admission } from '../../../node/http/admission.ts'
import { createApp } from '../../../node/http/app.ts'
import { type OperationName, operations } from '../../../node/http/contract.ts'
import { type Door, type DoorLimits, headerBytesMax } from '../../../node/http/door.ts'
import { guard } from '../../../node/http/guard.ts'
import { addRoute } from '../../../node/http/routes.ts'
import { bearerFrom, tokenGuard } from '../../../node/http/token.ts'
import { createMetrics } from '../../../node/monitoring/metrics.ts'
import { memoryPeer } from '../../http/memory-peer.ts'
import { bytesOf, holds, type Target } from '../target.ts'

const token = 'a-token-of-a-test-that-is-long-enough'
const limits: DoorLimits = {
  contextBytesMax: 65_536,
  requestsInFlightMax: 100,
  bodyBytesInFlightMax: 1_048_576,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  batchIdleMs: 10_000,
  slowSearchMs: 500,
  requestsPerSecondMax: 100_000,
  connectionsPerAddressMax: 1024,
}

async function openApp() {
  const { peer } = memoryPeer()
  const noted: string[] = []
  const note = (fields: object, text: string) => void noted.push(`${text} ${JSON.stringify(fields)}`)
  const admission = new Admission({
    requestsMax: limits.requestsInFlightMax,
    bodyBytesMax: limits.bodyBytesInFlightMax,
  })
  const door: Door = {
    peer,
    metrics: createMetrics({
      indexLag: () => ({ changes: 0, seconds: 0 }),
      counters: peer.counters,
      clocks: () => peer.status().members,
      ready: () => true,
      requestsInFlight: () => 0,
      startedAtMs: 0,
    }),
    limits,
    log: { debug: note, info: note, warn: note, error: note },
    version: '0.0.0',
    notServed: null,
    closing: admission.closing,
    subjectOf: () => 'token:0000000000000000',
    callerOf: () => 'token:0000000000000000',
    status: () => peer.status(),
  }
  const isToken = tokenGuard(token)
  const app = createApp(limits)
  guard(app, door, admission, authorization => {
    const given = bearerFrom(authorization)
    return given !== null && isToken(given) ? peer.rights.self : null
  })
  for (const name of Object.keys(operations) as OperationName[]) addRoute(app, door, name)
  await app.ready()
  return app
}

const address = encodeURIComponent('ucxl://any:any@notes:any/*^/first')
const authorization = `authorization: Bearer ${token}`
const json = 'content-type: application/json'
const requests = [
  `PUT /v1/contexts/${address}?ifVersion=none HTTP\n${authorization}\n${json}\n\n{"summary":"x","tags":["a"]}`,
  `GET /v1/contexts/${address} HTTP\n${authorization}\n\n`,
  `DELETE /v1/contexts/${address} HTTP\n${authorization}\n\n`,
  `GET /v1/contexts/${address}/history?limit=5&cursor=abc HTTP\n${authorization}\n\n`,
  `POST /v1/batch HTTP\n${authorization}\ncontent-type: application/x-ndjson\n\n{"op":"put","address":"ucxl://any:any@notes:any/*^/a","context":{}}\n`,
  `POST /v1/peers HTTP\n${authorization}\n${json}\n\n{"id":"12D3KooW","name":null,"zone":null,"weight":1,"recipient":"age1","roles":true,"fleet":null,"versions":{"from":2,"to":2}}`,
  `POST /v1/peers/p1/leave HTTP\n${authorization}\n${json}\n\n{"how":"drain"}`,
  `POST /v1/ring/moves HTTP\n${authorization}\n${json}\n\n{"paused":true}`,
  `POST /v1/retention HTTP\n${authorization}\n${json}\n\n{"project":"shop","versions":5,"ageSeconds":null}`,
  `POST /v1/duties/compaction HTTP\n${authorization}\n${json}\n\n{"wish":"run"}`,
  `GET /v1/status HTTP\n${authorization}\n\n`,
  'GET /health HTTP\n\n',
  `GET /metrics HTTP\n${authorization}\n\n`,
]
const words = [
  '..',
  '%2e%2e%2f',
  '%00',
  '//',
  '?',
  '&',
  '=',
  '\r\n',
  ': ',
  'content-length: 5',
  'transfer-encoding: chunked',
  'if-match: ',
  '{',
  '[[[[[[[[[[',
  '"__proto__":',
  '1e999',
  'Bearer ',
  '%ff',
  'TRACE',
  'OPTIONS',
  'é',
]
/** What comes of trouble that was planned for; any other 5xx is a finding. */
const serverStatuses = new Set<number>(
  Object.values(advice)
    .map(({ http }) => http)
    .filter(http => http !== 500),
)
const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'] as const

export async function doorTargets(): Promise<Target[]> {
  const app = await openApp()
  return [
    {
      name: 'HTTP request',
      seeds: requests.map(bytesOf),
      words,
      weight: 0.1,
      run: async input => {
        const request = requestFrom(Buffer.from(input).toString('latin1'))
        if (request === null) return false
        const answer = await app.inject(request)
        checkAnswer(answer)
        return answer.statusCode < 400
      },
    },
  ]
}

function checkAnswer(answer: LightMyRequestResponse): void {
  const { statusCode } = answer
  holds(
    statusCode < 500 || serverStatuses.has(statusCode),
    `an answer of ${statusCode}: ${answer.body.slice(0, 300)}`,
  )
  holds(answer.headers['x-content-type-options'] === 'nosniff', 'every answer has the security headers')
  if (statusCode < 400 || answer.body === '') return
  const { error } = JSON.parse(answer.body) as { error?: { code?: string } }
  holds(Object.hasOwn(advice, error?.code ?? ''), 'an error has a stable code')
  holds(error?.code !== 'INTERNAL', 'no request is a surprise')
}

/** What a client can send at all: the rest never reaches the framework. */
function requestFrom(text: string) {
  const end = text.indexOf('\n\n')
  const [start = '', ...lines] = text.slice(0, end < 0 ? undefined : end).split('\n')
  const [method = '', url = ''] = start.split(' ')
  const known = methods.find(each => each === method)
  if (
    known === undefined ||
    !url.startsWith('/') ||
    !/^[\x21-\xff]+$/.test(url) ||
    !URL.canParse(url, 'http://localhost')
  )
    return null
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [, name = '', value = ''] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? []
    if (name !== '') headers[name.toLowerCase()] = value
  }
  if (text.length > headerBytesMax) return null
  return {
    method: known,
    url,
    headers,
    payload: Buffer.from(end < 0 ? '' : text.slice(end + 2), 'latin1'),
  } as const
}
