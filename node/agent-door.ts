import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import { type JoinedFleet, noIndex } from './agent-process.ts'
import type { Audit } from './audit/peer-audit.ts'
import { AgentTokenDesk } from './grants/agent-token-desk.ts'
import type { AgentTokens } from './grants/api.ts'
import { GrantDesk } from './grants/grant-desk.ts'
import { keptRegister } from './grants/kept-register.ts'
import type { OperationName } from './http/contract.ts'
import type { KeyStatus } from './key-control.ts'
import type { Log, RunningPeer } from './running-peer.ts'
import type { PeerStatus, ReadinessCheck } from './status.ts'

/** What the door of an agent does: contexts, and how the agent is. */
const served: ReadonlySet<OperationName> = new Set([
  'storeContext',
  'retrieveContext',
  'deleteContext',
  'contextHistory',
  'resolveContext',
  'compareContexts',
  'batchStore',
  'status',
  'keys',
  'roles',
  'rotateRole',
  'openapi',
  'health',
  'healthLive',
  'healthReady',
  'healthChecks',
  'metrics',
])
/** Of agents that keep an index. */
const ofFinders: ReadonlySet<OperationName> = new Set([
  'listContexts',
  'contextTree',
  'contextDecisions',
  'staleContexts',
  'searchContexts',
  'indexList',
  'indexStats',
  'indexRebuild',
  'indexOptimize',
  'indexVerify',
])
const ofGranters: ReadonlySet<OperationName> = new Set([
  'grants',
  'grant',
  'createGrant',
  'revokeGrant',
  'explainGrant',
  'delegate',
  'createAgentToken',
  'redeemAgentToken',
])

/**
 * What this door leaves to others.
 *
 * @param can.grant - this agent has the key that signs grants of agents.
 * @param can.find - it keeps an index.
 */
export const notServedBy = (can: { grant: boolean; find: boolean }) => (name: OperationName) => {
  if (served.has(name) || (can.grant && ofGranters.has(name))) return null
  if (ofFinders.has(name)) return can.find ? null : noIndex()
  return new SlurpError(
    'ROUTE_UNKNOWN',
    'The door of an agent does not do this: an agent is no peer of the ring.',
    {
      hint: 'Name the door of a peer with --url and --token-file: the url that `slurp up` printed.',
    },
  )
}

/** An agent as a door sees a peer. What `notServedBy` refuses is never reached. */
export function agentAtDoor(joined: JoinedFleet, name: string, version: string, log?: Log): RunningPeer {
  const startedAt = new Date().toISOString()
  const desk = granterOf(joined)
  return {
    id: joined.id,
    name,
    fleet: joined.fleet,
    store: joined.store,
    rights: joined.rights,
    grants: desk,
    joinTokens: notHere(),
    agentTokens: agentTokensOf(joined, desk),
    retention: notHere(),
    catalogue: joined.catalogue,
    search:
      joined.index ?? notHere<RunningPeer['search']>({ lag: { phase: 'blind', changes: 0, seconds: 0 } }),
    audit: unkept(log),
    addresses: () => [],
    status: () => statusOf(joined, name, version, startedAt),
    checks: () => checksOf(joined),
    counters: () => joined.counters(),
    cryptoMeter: joined.cryptoMeter,
    ring: () => joined.view,
    control: notHere(),
    keys: notHere<RunningPeer['keys']>({
      status: () => keysOf(joined),
      roles: () => joined.roles.list(),
      rotate: (role, history) => joined.roles.rotate(role, history),
    }),
    stop: () => joined.stop(),
  }
}

const agentTokensFile = 'agent-tokens.json'

const agentTokensOf = ({ grants: keeper, joinedBy, ...joined }: JoinedFleet, desk: GrantDesk): AgentTokens =>
  new AgentTokenDesk({
    authorityPublicKey: joined.authorityPublicKey,
    register: keptRegister(join(joinedBy.dir, agentTokensFile)),
    keeper,
    rights: joined.rights,
    desk,
    bootstrap: () => joinedBy.bootstrap,
    networkKey: joinedBy.networkKey,
  })

const granterOf = ({
  grants: keeper,
  rights,
  authorityPublicKey,
  state,
  roles: keys,
}: JoinedFleet): GrantDesk =>
  new GrantDesk({
    keeper,
    rights,
    memberNamed: text => state().members.find(({ id, name }) => id === text || name === text)?.id ?? null,
    authorityPublicKey,
    // Agents grant only where all members are blind: what nobody there can open is rotated here, before the answer.
    rotations: {
      affected: (roles, member) => (member === null ? keys.replaceable(roles) : []),
      ask: async roles => {
        for (const role of roles) await keys.rotate(role)
      },
    },
  })

function statusOf(joined: JoinedFleet, name: string, version: string, startedAt: string): PeerStatus {
  const { view, id, fleet } = joined
  const { state, reason, epoch, members } = joined.state()
  const held = new Set<string>(joined.keys.held.heldRoles)
  const placeOf = (member: string) => view.members.find(each => each.id === member)
  return {
    fleet,
    peer: { id, name, url: null, pid: process.pid, version, startedAt },
    state: state === 'open' ? 'ready' : 'degraded',
    reasons: reason === null ? [] : [reason],
    replicas: view.replicas,
    epoch,
    leader: null,
    moves: { moving: 0, pending: 0, paused: false },
    partitions: { total: view.partitions.length, owned: 0, damaged: 0 },
    roles: joined.keys.recipients.map(role => ({
      name: role.name,
      keyVersion: role.keyVersion,
      held: held.has(role.name),
    })),
    members: members.map(member => ({
      id: member.id,
      name: member.name,
      zone: placeOf(member.id)?.zone ?? member.name,
      weight: placeOf(member.id)?.weight ?? 1,
      connected: member.isConnected,
      partitions: 0,
      leaving: false,
      health: member.isConnected ? 'up' : 'unreachable',
      clockOffMs: null,
      lag: null,
    })),
    counters: joined.counters(),
  }
}

function checksOf(joined: JoinedFleet): ReadinessCheck[] {
  const { state, reason, members } = joined.state()
  const linked = members.filter(({ isConnected }) => isConnected).length
  return [
    { name: 'members', ok: linked > 0, detail: `${linked} of ${members.length} members are connected` },
    { name: 'keys', ok: state === 'open', detail: reason ?? 'open' },
  ]
}

function keysOf(joined: JoinedFleet): KeyStatus {
  const { state, reason } = joined.state()
  return { state, reason, short: 0, missing: [], keys: [] }
}

/** Decisions are on record at the members that carry out what an agent asks for. What is denied at its own door is in its log. */
const unkept = (log?: Log): Audit => ({
  check: () => undefined,
  decided: async ({ outcome, subject, source, operation, code }) => {
    if (outcome === 'denied') log?.warn({ subject, source, operation, code }, 'a request was denied')
  },
  refused: () => undefined,
  keyOf: () => null,
  rolesOf: () => [],
  page: () => Promise.reject(new SlurpError('ROUTE_UNKNOWN', 'An agent keeps no audit log.')),
  records: () => {
    throw new SlurpError('ROUTE_UNKNOWN', 'An agent keeps no audit log.')
  },
  verify: () => Promise.reject(new SlurpError('ROUTE_UNKNOWN', 'An agent keeps no audit log.')),
})

/** Stands where a peer has something that an agent has not. @param here - what of it there is all the same. */
function notHere<T extends object>(here: Partial<T> = {}): T {
  return new Proxy(here, {
    get(parts, name) {
      const part = Reflect.get(parts, name) as unknown
      if (part !== undefined) return part
      return () => {
        throw new SlurpError('ROUTE_UNKNOWN', 'An agent is no peer of the ring, and does not have this.')
      }
    },
  }) as T
}
