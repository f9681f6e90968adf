import { toHex } from '../../base/bytes.ts'
import { hlcFrom } from '../../base/hlc.ts'
import { isRoleName } from '../../base/ids.ts'
import type { AuditDecision } from '../../crypto/audit/entry.ts'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { auditUnavailable, type Refusal } from '../../node/audit/auditor.ts'
import type { Audit } from '../../node/audit/peer-audit.ts'
import { type AuditRecord, fits, recordOf } from '../../node/audit/records.ts'

const secret = new Uint8Array(32)

/** An audit log in memory for tests of the doors alone; `fails` makes it take nothing. */
export class MemoryAudit implements Audit {
  readonly decisions: AuditDecision[] = []
  readonly refusals: Refusal[] = []
  fails = false

  check(): void {
    if (this.fails) throw auditUnavailable('a test says so')
  }

  async decided(decision: AuditDecision): Promise<void> {
    this.check()
    this.decisions.push(decision)
  }

  refused(refusal: Refusal): void {
    this.refusals.push(refusal)
  }

  keyOf(address: string) {
    return address.startsWith('ucxl://') ? contextKeyOf(secret, address) : null
  }

  rolesOf(roles: readonly (string | { name: string; keyVersion: number })[] | undefined) {
    const all = (roles ?? ['architect']).map(role =>
      typeof role === 'string' ? { name: role, keyVersion: 1 } : role,
    )
    return all.flatMap(({ name, keyVersion }) =>
      isRoleName(name) ? [{ name, keyVersion, fingerprint: '0123456789abcdef' }] : [],
    )
  }

  async page(filter: Parameters<Audit['page']>[0], limit: number) {
    const entries = this.#entries().filter(entry => fits(entry, filter))
    return { entries: entries.slice(-limit).map(entry => recordOf(entry, new Uint8Array(32))), before: null }
  }

  async *records(after: number): AsyncGenerator<AuditRecord> {
    for (const entry of this.#entries()) if (entry.seq > after) yield recordOf(entry, new Uint8Array(32))
  }

  async verify() {
    const count = this.decisions.length
    const seqs = {
      firstSeq: 1,
      lastSeq: count,
      signedTo: count,
      checkpoints: 0,
      heldMatched: 0,
      heldTooOld: 0,
    }
    return { peer: null, fleet: null, ...seqs, lastHlc: null, tornBytes: 0, lost: 0, broken: null }
  }

  #entries() {
    return this.decisions.map((decision, i) => ({
      seq: i + 1,
      hlc: hlcFrom(1_800_000_000_000 + i, 0, toHex(new Uint8Array(4))),
      event: { kind: 'decision', ...decision } as const,
    }))
  }
}
