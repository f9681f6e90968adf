import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { SlurpError } from '../../base/errors.ts'
import type { AuditPage } from '../audit/log-reader.ts'
import type { AuditRecord } from '../audit/records.ts'
import type { QueryOf } from './contract.ts'
import type { Door } from './door.ts'

const limitDefault = 100

export function auditEntries({ peer: { audit } }: Door, query: QueryOf<'auditEntries'>): Promise<AuditPage> {
  const { limit = limitDefault, before, address, since, until, ...fields } = query
  const key = address === undefined ? null : audit.keyOf(address)
  if (address !== undefined && key === null) {
    throw new SlurpError(
      'ADDRESS_INVALID',
      'This is no address, or this peer is blind and cannot tell where it lies.',
    )
  }
  const filter = {
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
    ...(key === null ? {} : { key }),
    ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
    ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
  }
  return audit.page(filter, limit, before)
}

/** Streams as fast as the client reads. */
export function auditExport(door: Door, after: number, reply: FastifyReply): FastifyReply {
  reply.type('application/x-ndjson; charset=utf-8')
  return reply.send(Readable.from(lines(door.peer.audit.records(after), door.closing)))
}

async function* lines(records: AsyncIterable<AuditRecord>, closing: AbortSignal): AsyncGenerator<string> {
  for await (const record of records) {
    if (closing.aborted) return
    yield `${JSON.stringify(record)}\n`
  }
}
