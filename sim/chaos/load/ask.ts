import type { Agent } from 'node:http'
import { unreachable } from '../../../base/assert.ts'
import type { Door } from '../fleet/fleet.ts'
import type { Ask, ChainEntry, Outcome } from '../history/call.ts'
import { type Answer, contextPath, send } from './requests.ts'

/** Added to what the peer is given, so that its own answer comes first where it can. */
const graceMs = 150

/** Codes that say for certain that a write was not carried out (docs/GUIDE.md). */
const certain = new Set([
  'TOO_MANY',
  'ADDRESS_INVALID',
  'CONTEXT_INVALID',
  'JSON_INVALID',
  'ROLE_UNKNOWN',
  'ROLE_DENIED',
  'TOKEN_WRONG',
  'TOO_LARGE',
  'USAGE',
  'ROUTE_UNKNOWN',
])

type Fields = Record<string, unknown>

/** Asks one door once. @param filler - more text to store. Never rejects. */
export async function ask(
  door: Door,
  agent: Agent,
  address: string,
  wanted: Ask,
  patienceMs: number,
  filler = '',
): Promise<Outcome> {
  const query = new URLSearchParams({ timeoutMs: String(patienceMs) })
  const common = { door, agent, patienceMs: patienceMs + graceMs }
  switch (wanted.kind) {
    case 'put': {
      if (wanted.ifVersion !== null) query.set('ifVersion', wanted.ifVersion)
      const { mark } = wanted
      const body = { title: canaryOf(mark), summary: mark, content: filler, decision: { reason: mark } }
      const answer = await send({ ...common, method: 'PUT', path: contextPath(address, `?${query}`), body })
      return outcomeOf(answer, fields => ({
        kind: 'written',
        version: String(fields.version),
        parent: typeof fields.parent === 'string' ? fields.parent : null,
      }))
    }
    case 'delete': {
      if (wanted.ifVersion !== null) query.set('ifVersion', wanted.ifVersion)
      const answer = await send({ ...common, method: 'DELETE', path: contextPath(address, `?${query}`) })
      return outcomeOf(answer, fields => ({ kind: 'deleted', version: String(fields.version) }))
    }
    case 'get': {
      query.set('consistency', 'linearizable')
      const answer = await send({ ...common, method: 'GET', path: contextPath(address, `?${query}`) })
      return outcomeOf(answer, fields => ({
        kind: 'found',
        version: String(fields.version),
        mark: markOf(fields.context),
      }))
    }
    case 'history': {
      query.set('limit', String(wanted.limit))
      const answer = await send({
        ...common,
        method: 'GET',
        path: contextPath(address, `/history?${query}`),
      })
      return outcomeOf(answer, fields => ({ kind: 'versions', entries: entriesOf(fields) }))
    }
    default:
      return unreachable(wanted)
  }
}

/** The one word that only the version with this mark has. */
export const canaryOf = (mark: string): string => `canary${mark.replaceAll('-', 'x')}`

/** The versions of one page of a history. */
export function entriesOf(fields: Fields): ChainEntry[] {
  const listed = Array.isArray(fields.versions) ? (fields.versions as Fields[]) : []
  return listed.map(each => ({
    version: String(each.version),
    mark: each.deleted === true ? null : markOf(each),
    author: String(each.author),
  }))
}

function markOf(holder: unknown): string | null {
  const { decision } = holder as { decision?: { reason?: unknown } | null }
  return typeof decision?.reason === 'string' ? decision.reason : null
}

function outcomeOf(answer: Answer, success: (fields: Fields) => Outcome): Outcome {
  if (answer.kind === 'unsent') return { kind: 'refused', code: answer.code }
  if (answer.kind === 'lost') return { kind: 'unknown', code: answer.code }
  const body = answer.body as Fields & {
    error?: { code?: string }
    current?: { version?: string | null }
  }
  if (answer.status === 200) return success(body)
  const code = String(body.error?.code ?? `HTTP_${answer.status}`)
  if (code === 'NOT_FOUND') return { kind: 'nothing' }
  if (code === 'VERSION_CONFLICT') return { kind: 'conflict', current: body.current?.version ?? null }
  return { kind: certain.has(code) ? 'refused' : 'unknown', code }
}
