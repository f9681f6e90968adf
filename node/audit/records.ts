import { toHex } from '../../base/bytes.ts'
import { hlcMs } from '../../base/hlc.ts'
import type { AuditDecision, AuditEntry } from '../../crypto/audit/entry.ts'

/** An entry as doors and exports show it. */
export type AuditRecord = {
  readonly seq: number
  /** ISO 8601. */
  readonly at: string
  readonly hlc: string
  /** 64 hex digits: what the next entry is chained to. */
  readonly hash: string
} & (
  | ({ readonly kind: 'decision' } & Omit<AuditDecision, 'key' | 'roles'> & {
        readonly key: string | null
        readonly roles: readonly { name: string; keyVersion: number; fingerprint: string }[]
      })
  | { readonly kind: 'checkpoint'; readonly signature: string }
  | {
      readonly kind: 'started'
      readonly incarnation: number
      readonly tornBytes: number
      readonly brokenAt: number
    }
  | { readonly kind: 'gap'; readonly lost: number; readonly policy: 'closed' | 'open' }
  | { readonly kind: 'trimmed'; readonly upTo: number }
)

export function recordOf({ seq, hlc, event }: AuditEntry, hash: Uint8Array): AuditRecord {
  const facts = { seq, at: new Date(hlcMs(hlc)).toISOString(), hlc, hash: toHex(hash) }
  if (event.kind === 'checkpoint') return { ...facts, kind: event.kind, signature: toHex(event.signature) }
  return { ...facts, ...event }
}

/** Which entries are wanted; what is left out is not asked for. All that is given must hold. */
export type AuditFilter = {
  readonly subject?: string
  readonly operation?: string
  readonly outcome?: 'allowed' | 'denied'
  readonly code?: string
  readonly role?: string
  /** Hash of an address. */
  readonly key?: string
  /** Milliseconds since the epoch, both ends included. */
  readonly sinceMs?: number
  readonly untilMs?: number
}

export function fits({ hlc, event }: AuditEntry, filter: AuditFilter): boolean {
  const { sinceMs = 0, untilMs = Number.POSITIVE_INFINITY, ...wanted } = filter
  const atMs = hlcMs(hlc)
  if (atMs < sinceMs || atMs > untilMs) return false
  const { role, ...fields } = wanted
  const asked = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (asked.length === 0 && role === undefined) return true
  if (event.kind !== 'decision') return false
  if (role !== undefined && !event.roles.some(({ name }) => name === role)) return false
  return asked.every(([field, value]) => event[field as keyof typeof fields] === value)
}
