import { type AuditDecision, auditText } from '../../crypto/audit/entry.ts'
import type { Refusal } from './auditor.ts'

/** Sources that get an entry of their own in one second; the others share one for each kind of refusal. */
const sourcesMax = 64

/** Counts refusals until they are taken: strangers can make as many as they like, the log holds a few a second. */
export class Refusals {
  #counts = new Map<string, { refusal: Refusal; count: number }>()

  add(refusal: Refusal): void {
    const full = this.#counts.size >= sourcesMax
    const own = keyOf(refusal)
    const key = full && !this.#counts.has(own) ? keyOf(anybody(refusal)) : own
    const known = this.#counts.get(key)
    if (known !== undefined) known.count += 1
    else this.#counts.set(key, { refusal: full ? anybody(refusal) : refusal, count: 1 })
  }

  take(): AuditDecision[] {
    const taken = [...this.#counts.values()]
    this.#counts = new Map()
    return taken.map(({ refusal, count }) => ({
      outcome: 'denied',
      code: refusal.code,
      subject: auditText(refusal.subject),
      source: refusal.source === null ? null : auditText(refusal.source),
      operation: refusal.operation,
      detail: null,
      key: null,
      roles: [],
      rule: refusal.rule,
      count,
    }))
  }
}

/** Operations, codes and rules are ours and few, so what is left is bounded. */
const anybody = (refusal: Refusal): Refusal => ({ ...refusal, subject: 'many', source: 'many' })
const keyOf = ({ code, subject, source, operation, rule }: Refusal): string =>
  JSON.stringify([code, subject, source, operation, rule])
