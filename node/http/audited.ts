import type { FastifyRequest } from 'fastify'
import { asSlurpError } from '../../base/errors.ts'
import { isDenial, isMisuse, type Refusal } from '../audit/auditor.ts'
import type { OperationName } from './contract.ts'
import type { Door } from './door.ts'
import { noteRecorded } from './recorded.ts'

type Kind = {
  /** As grants name it. */
  readonly operation: string
  /**
   * `before`: the entry is begun with the work, for what cannot be taken back and for what would only wait for it longer;
   * `after`: once it is known which roles a context was read under. Either is on record before anything is answered.
   */
  readonly when: 'before' | 'after'
}

const search: Kind = { operation: 'search', when: 'before' }

const [members, ring, retention, audit, grants, keys, index] = [
  'admin:members',
  'admin:ring',
  'admin:retention',
  'admin:audit',
  'admin:grants',
  'admin:keys',
  'admin:index',
].map((operation): Kind => ({ operation, when: 'before' })) as [Kind, Kind, Kind, Kind, Kind, Kind, Kind]

/** Operations whose decisions are recorded. Of a batch each line is; the others show how the peer is. */
const kinds: { readonly [Name in OperationName]?: Kind } = {
  storeContext: { operation: 'write', when: 'before' },
  deleteContext: { operation: 'delete', when: 'before' },
  retrieveContext: { operation: 'read', when: 'after' },
  contextHistory: { operation: 'history', when: 'after' },
  resolveContext: { operation: 'read', when: 'after' },
  compareContexts: { operation: 'history', when: 'after' },
  listContexts: search,
  contextTree: search,
  contextDecisions: search,
  staleContexts: search,
  searchContexts: search,
  indexRebuild: index,
  indexOptimize: index,
  indexVerify: index,
  joinPeer: members,
  replacePeer: members,
  leavePeer: members,
  changePeer: members,
  applyPlan: ring,
  setMoves: ring,
  wishDuty: ring,
  stepDown: ring,
  retention,
  setRetention: retention,
  unsetRetention: retention,
  previewRetention: retention,
  auditEntries: audit,
  auditExport: audit,
  auditVerify: audit,
  createGrant: grants,
  revokeGrant: grants,
  continueDelegate: grants,
  createJoinToken: members,
  redeemJoinToken: members,
  createAgentToken: grants,
  redeemAgentToken: grants,
  sealKeys: keys,
  unsealKeys: keys,
  reshareKeys: keys,
  createRole: keys,
  scheduleRotation: keys,
  rotateRole: keys,
  destroyRoleKeys: keys,
  retireRole: keys,
}

export type AuditFacts = {
  readonly request: FastifyRequest
  /** Empty where the request names none. */
  readonly address: string
  readonly member: string
  /** Roles that a write names. */
  readonly roles: readonly string[] | undefined
}

type RoleVersions = readonly { readonly name: string; readonly keyVersion: number }[]

/**
 * Carries out what was asked for, with its decision on record before anything is answered. What is denied on the way,
 * as by a role, is a decision of its own.
 *
 * @throws SlurpError what `work` throws, or AUDIT_UNAVAILABLE: then nothing was begun, or for a change the outcome is unknown.
 */
export async function audited<T>(
  door: Door,
  name: OperationName,
  facts: AuditFacts,
  work: () => Promise<T> | T,
): Promise<T> {
  const kind = kinds[name]
  if (kind === undefined) return work()
  const { audit: log } = door.peer
  log.check()
  const { request, address, member } = facts
  noteRecorded(request)
  const decision = {
    subject: door.subjectOf(request),
    source: request.ip,
    operation: kind.operation,
    detail: member === '' ? name : `${name}:${plain(member)}`,
    key: address === '' ? null : log.keyOf(address),
    count: 1,
  }
  const named = kind.operation === 'write' || facts.roles !== undefined ? log.rolesOf(facts.roles) : []
  const allowed = (code: string | null, roles = named) =>
    log.decided({ ...decision, outcome: 'allowed', rule: 'token', code, roles })
  const begun = kind.when === 'before' ? allowed(null) : null
  // Of a failure both would be told; the one of the work is.
  begun?.catch(() => undefined)
  let result: T
  try {
    result = await work()
  } catch (thrown) {
    const { code } = asSlurpError(thrown)
    if (isDenial(code))
      await log.decided({
        ...decision,
        outcome: 'denied',
        rule: code === 'GRANT_DENIED' ? 'grant' : 'role',
        code,
        roles: named,
      })
    else if (begun === null) await allowed(code)
    else if (isMisuse(code)) log.refused({ ...refusalOf(decision), code })
    throw thrown
  }
  await (begun ?? allowed(null, rolesIn(result).length > 0 ? log.rolesOf(rolesIn(result)) : named))
  return result
}

const refusalOf = ({ subject, source, operation }: Pick<Refusal, 'subject' | 'source' | 'operation'>) => ({
  subject,
  source,
  operation,
  rule: 'input',
})

function rolesIn(result: unknown): RoleVersions {
  if (typeof result !== 'object' || result === null || !('roles' in result)) return []
  return Array.isArray(result.roles) ? (result.roles as RoleVersions) : []
}

/** What names no member says nothing. */
const plain = (member: string): string => (/^[A-Za-z0-9._-]{1,96}$/.test(member) ? member : '?')
