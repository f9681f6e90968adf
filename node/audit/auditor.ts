import { SlurpError } from '../../base/errors.ts'
import type { AuditDecision } from '../../crypto/audit/entry.ts'
import { tokenFingerprint } from '../../crypto/audit/fingerprint.ts'

/**
 * Where every decision over a request goes. A door waits for `decided` before it answers, so that nothing is given
 * away that is not on record.
 */
export interface Auditor {
  /**
   * To be asked before something is begun that could not be taken back.
   *
   * @throws SlurpError AUDIT_UNAVAILABLE while nothing can be recorded and the policy is `closed`.
   */
  check(): void
  /**
   * Records a decision. Decisions of one tick share one write, and one promise.
   *
   * @returns settles once it is written, within seconds whatever the disk does: with policy `closed` it rejects with
   * AUDIT_UNAVAILABLE when it could not be recorded, with `open` it resolves and counts it as unaudited.
   */
  decided(decision: AuditDecision): Promise<void>
  /**
   * Counts a refusal that nobody waits for: of strangers, and of what peers sent. Those alike in all but the time are one
   * entry a second, and there are at most so many sources a second; the rest shares one.
   */
  refused(refusal: Refusal): void
}

export type Refusal = Pick<AuditDecision, 'code' | 'subject' | 'source' | 'operation' | 'rule'>

export type AuditPolicy = 'closed' | 'open' | 'off'

/** Codes that say: this was not allowed. What fails with another one was allowed, and failed. */
const denials = new Set([
  'TOKEN_WRONG',
  'ROLE_DENIED',
  'SEALED',
  'GRANT_DENIED',
  'GRANT_INVALID',
  'JOIN_TOKEN_WRONG',
])

export const isDenial = (code: string): boolean => denials.has(code)

export const auditUnavailable = (why: string, cause?: unknown): SlurpError =>
  new SlurpError('AUDIT_UNAVAILABLE', `This peer cannot record what it does: ${why}.`, { cause })

/** Codes that say: nobody could have carried it out, as it was put. */
const misuses = new Set([
  'ADDRESS_INVALID',
  'CONTEXT_INVALID',
  'JSON_INVALID',
  'TOO_DEEP',
  'TOO_LARGE',
  'USAGE',
])

export const isMisuse = (code: string): boolean => misuses.has(code)

/** How entries name who has a bearer token. */
export const tokenSubject = (token: string): string => `token:${tokenFingerprint(token)}`
