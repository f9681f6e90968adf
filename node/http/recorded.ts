import type { FastifyRequest } from 'fastify'
import type { SlurpError } from '../../base/errors.ts'
import type { Door } from './door.ts'

const recorded = new WeakSet<FastifyRequest>()

/** That what was decided over a request is in the audit log. */
export const noteRecorded = (request: FastifyRequest): void => {
  recorded.add(request)
}

/** Counts a request that was refused before anything was decided over it: it was no request, or too much. */
export function recordRefused(door: Door, request: FastifyRequest, { code, httpStatus }: SlurpError): void {
  if (recorded.has(request) || httpStatus < 400 || httpStatus >= 500) return
  noteRecorded(request)
  const subject = door.callerOf(request) ?? 'stranger'
  door.peer.audit.refused({ code, subject, source: request.ip, operation: 'call', rule: 'request' })
}
