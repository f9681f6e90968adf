import type { ClientRequest, IncomingMessage } from 'node:http'
import { advice, type ErrorBody, type ErrorCode, SlurpError } from '../../base/errors.ts'
import type { Target } from './target.ts'

// An import would make everything that the module exports, a web socket client among it: 40 ms of each start.
const http = process.getBuiltinModule('node:http')
const https = process.getBuiltinModule('node:https')

const answerBytesMax = 64 * 1024 * 1024
const defaultTimeoutMs = 60_000
/** The peer gives up first and says why; this is for a peer that says nothing. */
const slackMs = 5000

export type Call = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
  readonly timeoutMs?: number | undefined
}

/** Talks to the HTTP door of one fleet; tries the next door when nothing listens at one. */
export class FleetClient {
  readonly #target: Target
  readonly #agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  }

  constructor(target: Target) {
    this.#target = target
  }

  /** Every door that may answer, the first one first. */
  get urls(): readonly string[] {
    return [this.#target.url, ...this.#target.others]
  }

  /**
   * @returns the object of the answer.
   * @throws SlurpError what the peer answered, or UNREACHABLE.
   */
  async call(call: Call): Promise<unknown> {
    const bytes = call.body === undefined ? null : Buffer.from(JSON.stringify(call.body))
    for (const [i, url] of this.urls.entries()) {
      try {
        const { request, response } = this.open(url, call, bytes?.length ?? 0)
        request.end(bytes ?? undefined)
        return await readAnswer(await response, url)
      } catch (thrown) {
        if (!nothingListens(thrown) || i === this.urls.length - 1)
          throw this.describe(thrown, url, call.method)
      }
    }
    throw new SlurpError('UNREACHABLE', 'No peer could be reached.')
  }

  /** A request whose body and answer the caller streams. `length` null: chunks. */
  open(
    url: string,
    call: Call,
    length: number | null,
  ): { request: ClientRequest; response: Promise<IncomingMessage> } {
    const address = new URL(call.path, url)
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) address.searchParams.set(name, String(value))
    }
    const secure = address.protocol === 'https:'
    const headers: Record<string, string | number> = { authorization: `Bearer ${this.#target.token}` }
    if (length === null) headers['content-type'] = 'application/x-ndjson'
    else if (length > 0) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = length
    }
    const request = (secure ? https : http).request(address, {
      method: call.method,
      headers,
      agent: this.#agents[secure ? 'https:' : 'http:'],
    })
    if (length !== null) {
      request.setTimeout((call.timeoutMs ?? defaultTimeoutMs) + slackMs, () =>
        request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
      )
    }
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.on('error', reject)
    })
    return { request, response }
  }

  describe(thrown: unknown, url: string, method: Call['method']): SlurpError {
    if (thrown instanceof SlurpError) return thrown
    if (nothingListens(thrown)) {
      return new SlurpError('UNREACHABLE', `Nothing listens at ${url}.`, { cause: thrown })
    }
    const code = codeOf(thrown)
    const unknown = method === 'GET' ? '' : '; outcome unknown: it may or may not have been carried out'
    return new SlurpError('UNREACHABLE', `${url} did not answer (${code})${unknown}.`, { cause: thrown })
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }
}

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown failure'

/** The connection was never made, so that nothing can have been carried out. */
export const nothingListens = (thrown: unknown): boolean =>
  ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN'].includes(codeOf(thrown))

/** @throws SlurpError what the peer answered. */
export async function readAnswer(response: IncomingMessage, url: string): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += chunk.length
    if (bytes > answerBytesMax) {
      response.destroy()
      throw new SlurpError('TOO_LARGE', `The answer of ${url} is larger than ${answerBytesMax} bytes.`)
    }
    chunks.push(chunk)
  }
  const value = parse(Buffer.concat(chunks).toString('utf8'))
  if (value === null || typeof value !== 'object') throw foreign(url)
  if ('error' in value) throw failureFrom(value as ErrorBody)
  if ((response.statusCode ?? 500) >= 400 && response.statusCode !== 503) throw foreign(url)
  return value
}

const foreign = (url: string) =>
  new SlurpError('UNREACHABLE', `What answers at ${url} is not a SLURP peer.`, {
    hint: 'Check --url; `slurp demo` and `slurp up` print the right one.',
  })

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The failure that a peer described, as if it had been thrown here. */
export function failureFrom(body: ErrorBody): SlurpError {
  const code: ErrorCode = Object.hasOwn(advice, body.error.code) ? body.error.code : 'INTERNAL'
  return new SlurpError(code, String(body.error.message), {
    hint: String(body.error.hint),
    ...(body.current ? { currentVersion: body.current.version } : {}),
  })
}
