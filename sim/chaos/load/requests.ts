import { type Agent, request } from 'node:http'
import type { Door } from '../fleet/fleet.ts'

export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: unknown }
  /** Nobody took the connection: the request was never sent. */
  | { readonly kind: 'unsent'; readonly code: string }
  /** It may have been sent, and nothing whole came back. */
  | { readonly kind: 'lost'; readonly code: string }

export type Request = {
  readonly door: Door
  readonly agent: Agent
  readonly method: string
  readonly path: string
  readonly body?: object
  /** After so many milliseconds the client turns away. */
  readonly patienceMs: number
}

const answerBytesMax = 64 * 1024 * 1024

/** One HTTP request to one peer. Never rejects: whatever happens is an answer to whoever asked. */
export function send(asked: Request): Promise<Answer> {
  const { door, agent, method, path, body, patienceMs } = asked
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers: Record<string, string> = { authorization: `Bearer ${door.token}` }
  if (text !== undefined) headers['content-type'] = 'application/json'
  return new Promise(resolve => {
    const lost = (code: string) => resolve({ kind: 'lost', code })
    const sent = request(new URL(path, door.url), { method, agent, headers }, answer => {
      const parts: Buffer[] = []
      let bytes = 0
      answer.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > answerBytesMax) sent.destroy()
        else parts.push(part)
      })
      answer.once('error', () => lost('CUT_SHORT'))
      answer.once('end', () => {
        clearTimeout(patience)
        const parsed = parse(Buffer.concat(parts).toString('utf8'))
        if (parsed === undefined) lost('CUT_SHORT')
        else resolve({ kind: 'answered', status: answer.statusCode ?? 0, body: parsed })
      })
    })
    const patience = setTimeout(() => {
      lost('TIMED_OUT')
      sent.destroy()
    }, patienceMs)
    sent.once('error', failure => {
      clearTimeout(patience)
      const code = 'code' in failure ? String(failure.code) : 'BROKEN'
      if (code === 'ECONNREFUSED') resolve({ kind: 'unsent', code })
      else lost(code)
    })
    sent.once('close', () => {
      clearTimeout(patience)
      lost('CLOSED')
    })
    sent.end(text)
  })
}

function parse(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    return undefined
  }
}

export const contextPath = (address: string, more = ''): string =>
  `/v1/contexts/${encodeURIComponent(address)}${more}`
