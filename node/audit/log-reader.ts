import { setImmediate as breathe } from 'node:timers/promises'
import { decodeHeader, headerBytes, readRecord, seqOfName } from '../../crypto/audit/segment.ts'
import { type LogReport, LogVerifier, type VerifyOptions } from '../../crypto/audit/verify-log.ts'
import { type AuditFilter, type AuditRecord, fits, recordOf } from './records.ts'
import type { AuditStorage } from './storage.ts'

export type AuditPage = {
  /** In the order of the log. */
  readonly entries: readonly AuditRecord[]
  /** `before` of the next page, which lies further back; null: the start of the log was reached. */
  readonly before: number | null
}

export const pageMax = 1000
/** Segments that one page looks through, at most. */
const segmentsAPage = 8
/** Entries read before others get a turn. */
const strideEntries = 2000

type Storage = Pick<AuditStorage, 'list' | 'read'>

/**
 * The newest entries that fit, at most `limit`, from before number `before`. Looks through a few segments and no further:
 * a page can be empty though more lies before it.
 */
export async function readPage(
  storage: Storage,
  filter: AuditFilter,
  limit: number,
  before = Number.MAX_SAFE_INTEGER,
): Promise<AuditPage> {
  const names = (await storage.list()).map(({ name }) => name).filter(name => seqOfName(name)! < before)
  const found: AuditRecord[] = []
  let looked = 0
  let reached = before
  while (names.length > 0 && looked < segmentsAPage && found.length < limit) {
    const name = names.pop()!
    const own: AuditRecord[] = []
    for await (const { entry, hash } of entriesOf(storage, name))
      if (entry.seq < before && fits(entry, filter)) own.push(recordOf(entry, hash))
    const wanted = own.slice(Math.max(0, own.length - (limit - found.length)))
    found.unshift(...wanted)
    reached = wanted.length < own.length ? wanted[0]!.seq : seqOfName(name)!
    looked += 1
  }
  const isStart = names.length === 0 && (found.length < limit || reached <= 1)
  return { entries: found, before: isStart ? null : reached }
}

/** Every entry after number `after`, oldest first. Ends where the log cannot be read. */
export async function* readAll(storage: Storage, after: number): AsyncGenerator<AuditRecord> {
  const names = (await storage.list()).map(({ name }) => name)
  const start = Math.max(
    0,
    names.findLastIndex(name => seqOfName(name)! <= after + 1),
  )
  for (const name of names.slice(start))
    for await (const { entry, hash } of entriesOf(storage, name))
      if (entry.seq > after) yield recordOf(entry, hash)
}

/** Goes through a whole log; reads one segment at a time. About 10 µs an entry. */
export async function verifyLog(storage: Storage, options: VerifyOptions): Promise<LogReport> {
  const verifier = new LogVerifier(options)
  const segments = await storage.list()
  for (const [i, { name }] of segments.entries()) {
    if (verifier.isBroken) break
    verifier.segment(name, await storage.read(name), i === segments.length - 1)
    await breathe()
  }
  return verifier.end()
}

async function* entriesOf(storage: Storage, name: string) {
  const bytes = await storage.read(name)
  const header = decodeHeader(bytes)
  if (header === null) return
  let [at, previous, count] = [headerBytes, header.previous, 0]
  for (;;) {
    const found = readRecord(bytes, at, previous)
    if (found.kind !== 'entry') return
    yield found
    at = found.end
    previous = found.hash
    count += 1
    if (count % strideEntries === 0) await breathe()
  }
}
