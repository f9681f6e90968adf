import type { FastifyRequest } from 'fastify'
import { asSlurpError } from '../../base/errors.ts'
import type { AdminOperation } from '../../crypto/grants/operations.ts'
import type { Search } from '../fleet-search/api.ts'
import type { Caller } from '../grants/api.ts'
import type { ContextStore } from '../store/api.ts'
import type { Catalogue } from '../store/catalogue/api.ts'
import { type OperationName, operations } from './contract.ts'
import type { Door } from './door.ts'
import type { Operation } from './operation.ts'
import { noteRecorded } from './recorded.ts'

/**
 * What a path asks of the grant of whoever calls it. `store`: the store or the catalogue looks at each context; `link`: a grant in force
 * is enough. Every path is listed, so that none is left out.
 */
const rights: { readonly [Name in OperationName]: AdminOperation | 'link' | 'store' | 'open' } = {
  storeContext: 'store',
  retrieveContext: 'store',
  deleteContext: 'store',
  contextHistory: 'store',
  resolveContext: 'store',
  compareContexts: 'store',
  listContexts: 'store',
  contextTree: 'store',
  contextDecisions: 'store',
  staleContexts: 'store',
  searchContexts: 'store',
  // They show how much there is for every role.
  indexList: 'admin:index',
  indexStats: 'admin:index',
  indexRebuild: 'admin:index',
  indexOptimize: 'admin:index',
  indexVerify: 'admin:index',
  batchStore: 'store',
  status: 'link',
  ring: 'link',
  joinPeer: 'admin:members',
  replacePeer: 'admin:members',
  leavePeer: 'admin:members',
  changePeer: 'admin:members',
  ringPlan: 'admin:ring',
  applyPlan: 'admin:ring',
  setMoves: 'admin:ring',
  ringProgress: 'link',
  leader: 'link',
  stepDown: 'admin:ring',
  duties: 'link',
  wishDuty: 'admin:ring',
  retention: 'admin:retention',
  setRetention: 'admin:retention',
  unsetRetention: 'admin:retention',
  previewRetention: 'admin:retention',
  grants: 'admin:grants',
  grant: 'admin:grants',
  createGrant: 'admin:grants',
  revokeGrant: 'admin:grants',
  explainGrant: 'admin:grants',
  delegate: 'admin:grants',
  continueDelegate: 'admin:grants',
  createJoinToken: 'admin:members',
  redeemJoinToken: 'open',
  createAgentToken: 'admin:grants',
  redeemAgentToken: 'open',
  auditEntries: 'admin:audit',
  auditExport: 'admin:audit',
  auditVerify: 'admin:audit',
  keys: 'link',
  keyShares: 'link',
  sealKeys: 'admin:keys',
  unsealKeys: 'admin:keys',
  reshareKeys: 'admin:keys',
  roles: 'link',
  createRole: 'admin:keys',
  scheduleRotation: 'admin:keys',
  rotateRole: 'admin:keys',
  destroyRoleKeys: 'admin:keys',
  retireRole: 'admin:keys',
  openapi: 'link',
  health: 'open',
  healthLive: 'open',
  healthReady: 'link',
  healthChecks: 'link',
  metrics: 'link',
}

const rightOf = new Map<Operation, (typeof rights)[OperationName]>(
  (Object.keys(operations) as OperationName[]).map(name => [operations[name], rights[name]]),
)
const callers = new WeakMap<FastifyRequest, Caller>()

/** Notes who asks. */
export const noteCaller = (request: FastifyRequest, caller: Caller): void => {
  callers.set(request, caller)
}

/** Refuses what the grant of who asks does not allow. @throws SlurpError GRANT_DENIED. */
export function checkRight(door: Door, operation: Operation, caller: Caller, request: FastifyRequest): void {
  const right = rightOf.get(operation) ?? 'link'
  if (right === 'open' || right === 'store') return
  // How a peer is can be asked with its own token also while it is granted nothing: that is when somebody looks.
  if (right === 'link' && caller === door.peer.rights.self) return
  try {
    door.peer.rights.check(caller, right, addressOf(request))
  } catch (thrown) {
    const subject = subjectFrom(request) ?? 'stranger'
    const { code } = asSlurpError(thrown)
    noteRecorded(request)
    door.peer.audit.refused({ code, subject, source: request.ip, operation: right, rule: 'grant' })
    throw thrown
  }
}

/** Who asks, as the audit log names the holder of a grant; null for the peer itself, and before `noteCaller`. */
export const subjectFrom = (request: FastifyRequest): string | null => {
  const id = callers.get(request)?.id ?? null
  return id === null ? null : `grant:${id}`
}

/** Whether it is known who asks. */
export const isCalled = (request: FastifyRequest): boolean => callers.has(request)

/** Who asks. Only after `noteCaller`. */
export const callerFrom = (request: FastifyRequest): Caller => callers.get(request)!

/** The store as whoever asks may use it. */
export const storeFor = (door: Door, request: FastifyRequest): ContextStore =>
  door.peer.rights.storeOf(callerFrom(request), addressOf(request))

/** The search as whoever asks may use it. */
export const searchFor = (door: Door, request: FastifyRequest): Pick<Search, 'search'> =>
  door.peer.rights.searchOf(callerFrom(request), addressOf(request), door.peer.search)

/** The catalogue as whoever asks may use it. */
export const catalogueFor = (door: Door, request: FastifyRequest): Catalogue =>
  door.peer.rights.catalogueOf(callerFrom(request), addressOf(request))

const addressOf = (request: FastifyRequest): string | null => request.raw.socket.remoteAddress ?? null
