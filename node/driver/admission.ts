import type { ContextKey, Version } from '../../base/ids.ts'
import type { Operation, VersionRecord } from '../../replication/messages.ts'
import type { PeerMessage } from '../peer/fleet-messages.ts'
import type { EnvelopeChecker } from '../ports/ports.ts'

/** Whether a message may reach the peer; a refused question gets an answer so that its asker need not wait. */
export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused'; readonly reply: PeerMessage | null }

const admitted: Admission = { kind: 'admitted' }

/** Checks every envelope that a message carries: a peer may be compromised, a replica's answer too. */
export function admit(message: PeerMessage, checker: EnvelopeChecker): Admission {
  switch (message.kind) {
    case 'accept':
    case 'replay':
      if (isGenuine(message.key, message.value, checker)) return admitted
      return {
        kind: 'refused',
        reply: { kind: 'refused', id: message.id, epoch: message.epoch, reason: 'invalid' },
      }
    case 'backfill':
      return isGenuine(message.key, message.record, checker) ? admitted : { kind: 'refused', reply: null }
    case 'request': {
      if (mayBeWritten(message.operation, checker)) return admitted
      return {
        kind: 'refused',
        reply: { kind: 'reply', id: message.id, outcome: { kind: 'elsewhere', reason: 'invalid' } },
      }
    }
    case 'promise':
    case 'report':
      // Without its bytes a value is a claim that a quorum must share; with them the bytes must be genuine.
      if (!message.value || message.value.data === null || isGenuine(message.key, message.value, checker))
        return admitted
      return { kind: 'refused', reply: null }
    case 'chain':
      return message.records.every(record => isGenuine(message.key, record, checker))
        ? admitted
        : { kind: 'refused', reply: null }
    case 'reply':
    case 'prepare':
    case 'query':
    case 'accepted':
    case 'refused':
    case 'chainAsked':
    case 'scanAsked':
    case 'scanPage':
    case 'floorsAsked':
    case 'floors':
    case 'viewAsked':
    case 'viewTold':
    case 'beat':
    case 'gather':
    case 'gathered':
    case 'collect':
    case 'collected':
    case 'digestAsked':
    case 'digest':
    case 'health':
    case 'dutyOrdered':
    case 'dutyStopped':
    case 'dutyEnded':
    case 'replaceAsked':
    case 'clockAsked':
    case 'clockTold':
      return admitted
  }
}

/** Whether an operation brings what its author signed; this process's own are no exception. */
export function mayBeWritten(operation: Operation, checker: EnvelopeChecker): boolean {
  if (operation.kind !== 'write') return true
  const { key, id: version, parent } = operation
  return checker.accepts({ key, version, parent, ...operation.value }, true)
}

/** Whether a version is what its author signed, for this key. */
export function isGenuine(key: ContextKey, record: VersionRecord, checker: EnvelopeChecker): boolean {
  if (record.data === null) return false
  const { kind, hash, expiresAtMs, data } = record
  const version: Version = record.version
  return checker.accepts({ key, version, parent: record.parent, kind, hash, expiresAtMs, data })
}
