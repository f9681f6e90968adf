import type { AuditRecord } from '../../node/audit/records.ts'
import type { RunningPeer } from '../../node/running-peer.ts'
import { until } from '../keys/fleets.ts'

export type Shown = Partial<Extract<AuditRecord, { kind: 'decision' }>>

const isLike = (record: AuditRecord, wanted: Shown): boolean =>
  Object.entries({ kind: 'decision', ...wanted }).every(
    ([field, value]) => record[field as keyof AuditRecord] === value,
  )

async function recordsOf(peer: RunningPeer, after: number): Promise<AuditRecord[]> {
  const records: AuditRecord[] = []
  for await (const record of peer.audit.records(after)) records.push(record)
  return records
}

/** The number of the last entry of its audit log. */
export const lastEntry = async (peer: RunningPeer): Promise<number> =>
  (await recordsOf(peer, 0)).at(-1)?.seq ?? 0

/** Waits until the audit log of a peer shows an entry like this after number `after`. */
export async function shows(peer: RunningPeer, after: number, wanted: Shown): Promise<AuditRecord> {
  let found: AuditRecord | undefined
  await until(
    `the audit log of ${peer.name} shows ${JSON.stringify(wanted)}`,
    async () => {
      found = (await recordsOf(peer, after)).find(record => isLike(record, wanted))
      return found !== undefined
    },
    30_000,
  )
  return found!
}
