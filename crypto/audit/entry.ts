import type { ContextKey, Hlc, RoleName } from '../../base/ids.ts'

/** One role that a decision was about; `fingerprint` names the public half of that key version. */
export type AuditedRole = {
  readonly name: RoleName
  readonly keyVersion: number
  /** 16 hex digits ({@link keyFingerprint}). */
  readonly fingerprint: string
}

/** Who was allowed or denied what, by which rule. Texts are printable ASCII without spaces; no address, no secret. */
export type AuditDecision = {
  readonly outcome: 'allowed' | 'denied'
  /** How it ended: a code of `base/errors.ts` or a reason of the handshake; null: done, or begun. */
  readonly code: string | null
  /** `peer:ID`, `token:FINGERPRINT`, `agent:ID`, or `stranger`. */
  readonly subject: string
  /** Network address that it came from; null inside one process. */
  readonly source: string | null
  /** As grants name them: `read`, `write`, `admin:ring`; `connect` and `deliver` between peers. */
  readonly operation: string
  /** More on what was asked for, such as the call and the member that it names. */
  readonly detail: string | null
  /** Hash of the address under the fleet secret; null for what is about no context. */
  readonly key: ContextKey | null
  readonly roles: readonly AuditedRole[]
  /** What decided: `token`, `role`, `member`, or a rule of a grant. */
  readonly rule: string
  /** How many alike this entry stands for: refusals of strangers are counted, one entry a second and source. */
  readonly count: number
}

/** What one entry says. */
export type AuditEvent =
  | ({ readonly kind: 'decision' } & AuditDecision)
  /** The peer's signature over number and hash of the entry before this one: nobody else can have made the chain up to it. */
  | { readonly kind: 'checkpoint'; readonly signature: Uint8Array }
  | {
      readonly kind: 'started'
      readonly incarnation: number
      /** Bytes of an entry that a crash cut off at the end. */
      readonly tornBytes: number
      /** Number of the first entry found broken in the segment before; 0 for none. */
      readonly brokenAt: number
    }
  /** So many decisions could not be recorded: refused (policy `closed`) or let through unaudited (`open`). */
  | { readonly kind: 'gap'; readonly lost: number; readonly policy: 'closed' | 'open' }
  /** The entries up to this number were let go to make room. */
  | { readonly kind: 'trimmed'; readonly upTo: number }

/** Numbers run from 1 without a hole for the life of a peer. */
export type AuditEntry = { readonly seq: number; readonly hlc: Hlc; readonly event: AuditEvent }

export const auditedRolesMax = 32
const textMax = 160
const printable = /^[\x21-\x7e]{1,160}$/

/** A text as an entry may hold it: whatever is no printable ASCII becomes `?`, and what is too long ends in `~`. */
export function auditText(text: string): string {
  if (printable.test(text)) return text
  const plain = text.replace(/[^\x21-\x7e]/g, '?')
  if (plain === '') return '?'
  return plain.length > textMax ? `${plain.slice(0, textMax - 1)}~` : plain
}

export const isAuditText = (text: string): boolean => printable.test(text)
