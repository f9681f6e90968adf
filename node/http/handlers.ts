import type { FastifyReply, FastifyRequest } from 'fastify'
import { SlurpError } from '../../base/errors.ts'
import { type FleetId, isRoleName, type PeerId } from '../../base/ids.ts'
import type { JoinRequest } from '../fleet-control.ts'
import { auditEntries, auditExport } from './audit-handlers.ts'
import { streamBatch } from './batch.ts'
import type { BodyOf, OperationName, QueryOf } from './contract.ts'
import type { Door } from './door.ts'
import { given } from './given.ts'
import { openapiDocument } from './openapi.ts'
import { callerFrom, catalogueFor, storeFor } from './rights.ts'
import { searchContexts } from './search-handler.ts'

/** One request after its query and body were validated. */
export type Asked<Name extends OperationName> = {
  readonly query: QueryOf<Name>
  /** The percent-decoded address of the path, empty where the path has none. */
  readonly address: string
  /** The percent-decoded name or id of a member in the path, empty where the path has none. */
  readonly member: string
  readonly body: BodyOf<Name>
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** Returns the object to answer with, or the reply itself when it was answered already. */
type Handler<Name extends OperationName> = (door: Door, asked: Asked<Name>) => Promise<unknown> | unknown

const unavailable = 503

/** One handler for every operation of the contract. */
export const handlers: { readonly [Name in OperationName]: Handler<Name> } = {
  storeContext: (door, { address, query, request }) =>
    storeFor(door, request).storeContext(address, request.body, {
      ...given({ roles: query.roles, ifVersion: query.ifVersion }),
      ...given({ ttlSeconds: query.ttl, timeoutMs: query.timeoutMs }),
    }),
  retrieveContext: (door, { address, query, request }) =>
    storeFor(door, request).retrieveContext(address, given(query)),
  deleteContext: (door, { address, query, request }) =>
    storeFor(door, request).deleteContext(address, given(query)),
  contextHistory: (door, { address, query, request }) =>
    storeFor(door, request).contextHistory(address, given(query)),
  resolveContext: (door, { address, query: { explain, ...query }, request }) =>
    storeFor(door, request).resolveContext(address, {
      ...given(query),
      explain: explain === '1' || explain === 'true',
    }),
  compareContexts: (door, { address, query: { to, ...query }, request }) =>
    storeFor(door, request).compareContexts(address, to, given(query)),
  listContexts: (door, { query, request }) => catalogueFor(door, request).list(given(query)),
  contextTree: (door, { query, request }) => catalogueFor(door, request).tree(given(query)),
  contextDecisions: (door, { address, query, request }) =>
    catalogueFor(door, request).decisions(address, given(query)),
  staleContexts: (door, { query, request }) => catalogueFor(door, request).stale(given(query)),
  searchContexts: (door, { body, request }) => searchContexts(door, body, request),
  indexList: ({ peer }) => peer.search.index.list(),
  indexStats: ({ peer }) => peer.search.index.stats(),
  indexRebuild: ({ peer }, { body }) => peer.search.index.rebuild(body.name),
  indexOptimize: ({ peer }, { body }) => peer.search.index.optimize(body.name),
  indexVerify: ({ peer }, { body }) => peer.search.index.verify(body.name),
  batchStore: (door, { query, request, reply }) => streamBatch(door, query, request, reply),
  status: door => door.status(),
  ring: ({ peer }) => peer.ring(),
  joinPeer: ({ peer }, { body }) => peer.control.join(requestFrom(body)),
  replacePeer: ({ peer }, { member, body }) => peer.control.replace(known(member), requestFrom(body)),
  leavePeer: ({ peer }, { member, body }) => peer.control.leave(known(member), body.how),
  changePeer: ({ peer }, { member, body }) => peer.control.reweigh(known(member), given(body)),
  ringPlan: ({ peer }) => peer.control.plan(),
  applyPlan: ({ peer }, { body }) => peer.control.apply(body.plan),
  setMoves: ({ peer }, { body }) => peer.control.setMoves(given(body)),
  ringProgress: ({ peer }) => peer.control.progress(),
  leader: ({ peer }) => peer.control.leader(),
  duties: ({ peer }) => peer.control.duties(),
  wishDuty: ({ peer }, { member, body }) => peer.control.wishDuty(dutyNamed(member), body.wish),
  retention: ({ peer }) => peer.retention.list(),
  setRetention: ({ peer }, { body: { project, ...rule } }) => peer.retention.set(project, rule),
  unsetRetention: ({ peer }, { body }) => peer.retention.unset(body.project),
  previewRetention: ({ peer }, { body }) => peer.retention.preview(body.project, body.rule),
  grants: ({ peer }) => ({ grants: peer.grants.list() }),
  grant: ({ peer }, { member }) => peer.grants.show(grantNamed(member)),
  createGrant: ({ peer }, { body, request }) => peer.grants.create(callerFrom(request), body),
  revokeGrant: ({ peer }, { member, body }) =>
    peer.grants.revoke(grantNamed(member), {
      ...body,
      rotate: body.rotate ?? true,
    }),
  explainGrant: ({ peer }, { body }) => peer.grants.explain(body),
  delegate: ({ peer }) => peer.grants.delegate(),
  continueDelegate: ({ peer }, { body }) => peer.grants.continueDelegate(body.certificate),
  createJoinToken: (door, { body }) => door.peer.joinTokens.create(door.status().peer.url ?? '', body),
  redeemJoinToken: ({ peer }, { body: { token, request } }) =>
    peer.joinTokens.redeem(token, requestFrom(request)),
  createAgentToken: (door, { body, request }) =>
    door.peer.agentTokens.create(door.status().peer.url ?? '', callerFrom(request), body),
  redeemAgentToken: ({ peer }, { body: { token, request } }) =>
    peer.agentTokens.redeem(token, { ...request, id: request.id as PeerId }),
  keys: ({ peer }) => peer.keys.status(),
  keyShares: ({ peer }) => peer.keys.shares(),
  sealKeys: ({ peer }) => peer.keys.seal(),
  unsealKeys: ({ peer }) => peer.keys.unseal(),
  reshareKeys: ({ peer }, { body }) => peer.keys.reshare(body.force),
  roles: ({ peer }) => peer.keys.roles(),
  createRole: ({ peer }, { body }) => peer.keys.createRole(body),
  scheduleRotation: ({ peer }, { body }) => peer.keys.scheduleRotation(body.role, body.days),
  rotateRole: ({ peer }, { member, query }) => peer.keys.rotate(roleNamed(member), query.history),
  destroyRoleKeys: ({ peer }, { member }) => peer.keys.destroy(roleNamed(member)),
  retireRole: ({ peer }, { member }) => peer.keys.retire(roleNamed(member)),
  stepDown: ({ peer }) => {
    const { leader } = peer.control.leader()
    return { steppedDown: peer.control.stepDown(), leader }
  },
  auditEntries: (door, { query }) => auditEntries(door, query),
  auditExport: (door, { query, reply }) => auditExport(door, query.after ?? 0, reply),
  auditVerify: ({ peer }) => peer.audit.verify(),
  openapi: door => openapiDocument(door.version),
  health: (door, { reply }) => {
    const { state } = door.status()
    if (state === 'starting' || state === 'stopping') reply.code(unavailable)
    return { status: state }
  },
  healthLive: () => ({ live: true }),
  healthReady: (door, { reply }) => {
    const failed = door.peer.checks().filter(check => !check.ok)
    const reasons = failed.map(check => `${check.name}: ${check.detail}`)
    if (door.closing.aborted) reasons.push('stopping')
    if (reasons.length > 0) reply.code(unavailable)
    return { ready: reasons.length === 0, reasons }
  },
  healthChecks: ({ peer }) => ({ checks: peer.checks() }),
  metrics: async ({ metrics }, { reply }) => {
    const text = await metrics.text()
    return reply.type(metrics.contentType).send(text)
  },
}

/** Ids are checked by the fleet, which knows what they mean. */
const requestFrom = (body: BodyOf<'joinPeer'>): JoinRequest => ({
  ...body,
  id: body.id as PeerId,
  fleet: body.fleet as FleetId | null,
})

const grantShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

function grantNamed(name: string): string {
  if (grantShape.test(name)) return name
  throw new SlurpError('GRANT_UNKNOWN', 'What the path names can be no grant.')
}

function roleNamed(name: string): string {
  if (isRoleName(name)) return name
  throw new SlurpError('ROLE_UNKNOWN', 'What the path names can be no role.')
}

const dutyShape = /^[a-z][a-z0-9-]{0,63}$/

function dutyNamed(name: string): string {
  if (dutyShape.test(name)) return name
  throw new SlurpError('DUTY_UNKNOWN', 'What the path names can be no duty.')
}

const memberShape = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** What can name a member at all; the rest is not repeated in an answer. */
function known(member: string): string {
  if (memberShape.test(member)) return member
  throw new SlurpError('MEMBER_UNKNOWN', 'What the path names can be no peer of this fleet.')
}
