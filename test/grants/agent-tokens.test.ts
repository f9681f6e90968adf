// Goal: a join token of an agent grants what it was made for, to one key, once; nobody else makes anything of it, nor of the
// register that it is kept in. Method: the desks of two members over one register, and whoever has no business there.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { PeerId, Version } from '../../base/ids.ts'
import { joinChain } from '../../crypto/grants/chain-text.ts'
import {
  agentProofBytes,
  formatJoinToken,
  newJoinToken,
  parseJoinToken,
  recordOf,
} from '../../crypto/grants/join-token.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { JoinRequest, JoinTicket } from '../../node/fleet-control.ts'
import { AgentTokenDesk } from '../../node/grants/agent-token-desk.ts'
import type { AgentTokenOrder, Caller } from '../../node/grants/api.ts'
import { GrantDesk } from '../../node/grants/grant-desk.ts'
import type { GrantKeeper } from '../../node/grants/grant-keeper.ts'
import { JoinDesk } from '../../node/grants/join-desk.ts'
import { bearerOf, RightsDesk } from '../../node/grants/rights-desk.ts'
import type { SharedRegister } from '../../node/store/retention/ports.ts'
import { newIdentity, refusedAs } from '../crypto/fixtures.ts'
import { newKeepers } from './keepers.ts'

const door = 'http://127.0.0.1:31664'
const wrong = refusedAs('JOIN_TOKEN_WRONG')
const order: AgentTokenOrder = {
  name: 'ci',
  ttlSeconds: 600,
  grant: {
    operations: ['read', 'write'],
    roles: ['developer'],
    projects: 'any',
    paths: ['/orders'],
    networks: 'any',
    hours: 'any',
    ttlSeconds: 3_600,
  },
  dryRun: false,
}

type Memory = SharedRegister & { body: Uint8Array | null; swaps: number }

/** One value, as all members see it. Whoever reads and swaps side by side with another one loses or wins. */
function memoryRegister(): Memory {
  const memory: Memory = {
    body: null,
    swaps: 0,
    read: async () =>
      memory.body === null ? null : { version: String(memory.swaps) as Version, body: memory.body },
    async swap(expected, body) {
      if (expected !== (memory.body === null ? null : String(memory.swaps))) return false
      memory.body = Uint8Array.from(body)
      memory.swaps += 1
      return true
    },
  }
  return memory
}

function desksOf(keeper: GrantKeeper, authorityPublicKey: Uint8Array, register: Memory) {
  const rights = new RightsDesk({
    keeper,
    store: null as never,
    catalogue: null as never,
    keys: { fleetSecret: new Uint8Array(32).fill(7), heldRoles: [] },
  })
  const grants = new GrantDesk({
    ...{ keeper, rights, authorityPublicKey, memberNamed: () => null },
    rotations: { affected: () => [], ask: async () => undefined },
  })
  const agents = new AgentTokenDesk({
    ...{ authorityPublicKey, register, keeper, rights, desk: grants, networkKey: null },
    bootstrap: () => ['/ip4/127.0.0.1/tcp/4100'],
  })
  return { rights, grants, agents, self: rights.self }
}

async function openBench(t: TestContext) {
  const keepers = await newKeepers(t, 3)
  const register = memoryRegister()
  const { publicKey } = keepers.authority
  for (const { keeper } of keepers.members)
    for (const other of keepers.members) await keeper.grants.learn(other.keeper.shown)
  const [first, second, blind] = keepers.members.map(({ keeper }) => desksOf(keeper, publicKey, register))
  return { keepers, register, first: first!, second: second!, blind: blind! }
}

/** What an agent shows. */
function requestOf(identity: Identity, text: string, recipient = identity.ageRecipient.text) {
  const bytes = agentProofBytes(parseJoinToken(text), identity.peerId, recipient)
  return { id: identity.peerId, recipient, proof: Buffer.from(identity.sign(bytes)).toString('base64') }
}

async function make(desks: ReturnType<typeof desksOf>, more: Partial<AgentTokenOrder> = {}): Promise<string> {
  const { token } = await desks.agents.create(door, desks.self, { ...order, ...more })
  return token!
}

test('a token grants what it is for to the key that showed it, at any door, and once', async t => {
  const { first, second, keepers, register } = await openBench(t)
  const text = await make(first)
  const kept = Buffer.from(register.body!).toString('utf8')
  const { secret } = parseJoinToken(text)
  for (const encoding of ['base64url', 'base64', 'hex'] as const)
    assert.ok(!kept.includes(Buffer.from(secret).toString(encoding)), 'the fleet keeps its hash only')
  const agent = await newIdentity()
  const ticket = await second.agents.redeem(text, requestOf(agent, text))
  const { grant } = await keepers.members[0]!.keeper.grants.prove(joinChain(ticket.grant))
  assert.equal(grant.subject, agent.peerId)
  assert.equal(grant.subjectKind, 'agent')
  assert.equal(grant.name, 'ci')
  assert.deepEqual(grant.limits.operations, ['read', 'write'])
  assert.deepEqual(grant.limits.roles, ['developer'])
  assert.deepEqual(grant.limits.paths, ['/orders'])
  assert.equal(grant.expiresMs, keepers.clock.nowMs + 3_600_000)

  const other = await newIdentity()
  await assert.rejects(first.agents.redeem(text, requestOf(other, text)), wrong)
  // The answer may have been lost: the same agent gets the same, and nothing that lasts longer.
  keepers.clock.nowMs += 60_000
  const again = await first.agents.redeem(text, requestOf(agent, text))
  assert.deepEqual(again.grant, ticket.grant)
  keepers.clock.nowMs += 600_000
  await assert.rejects(first.agents.redeem(text, requestOf(agent, text)), wrong, 'it has run out')
})

test('of two that show one token at two doors at once one is granted something', async t => {
  const { first, second } = await openBench(t)
  const text = await make(first)
  const agents = [await newIdentity(), await newIdentity()]
  const tries = await Promise.allSettled([
    first.agents.redeem(text, requestOf(agents[0]!, text)),
    second.agents.redeem(text, requestOf(agents[1]!, text)),
  ])
  assert.deepEqual(tries.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('who shows a token has to have the key of its id, and names its own recipient', async t => {
  const { first } = await openBench(t)
  const text = await make(first)
  const [agent, thief] = [await newIdentity(), await newIdentity()]
  const honest = requestOf(agent, text)
  await assert.rejects(first.agents.redeem(text, { ...honest, id: thief.peerId }), wrong)
  await assert.rejects(first.agents.redeem(text, { ...honest, recipient: thief.ageRecipient.text }), wrong)
  await assert.rejects(first.agents.redeem(text, { ...honest, proof: '' }), wrong)
  await assert.rejects(first.agents.redeem(text, { ...honest, id: 'nobody' as PeerId }), wrong)
  await first.agents.redeem(text, honest)
})

test('a token of the one kind is none of the other, also with its first word changed', async t => {
  const { first, keepers } = await openBench(t)
  const { publicKey } = keepers.authority
  const agent = await newIdentity()
  const text = await make(first)
  const asPeer = formatJoinToken({ ...parseJoinToken(text), lets: 'peer' })
  const joins: JoinRequest[] = []
  const peers = new JoinDesk({
    authorityPublicKey: publicKey,
    register: memoryRegister(),
    signer: keepers.members[0]!.keeper.signer,
    control: {
      join: async request => {
        joins.push(request)
        return {} as JoinTicket
      },
    },
    addresses: () => [],
    nowMs: () => keepers.clock.nowMs,
  })
  const asked = { id: agent.peerId } as JoinRequest
  await assert.rejects(peers.redeem(text, asked), wrong)
  await assert.rejects(peers.redeem(asPeer, asked), wrong)
  await assert.rejects(first.agents.redeem(asPeer, requestOf(agent, asPeer)), wrong)
  assert.deepEqual(joins, [])
})

test('nobody makes a token for more than it may do itself', async t => {
  const { first, keepers } = await openBench(t)
  const limits = { ...memberLimits(true), operations: ['admin:grants', 'read'] as const, roles: [] }
  const subject = (await newIdentity()).peerId
  const chain = await keepers.chain({
    ...{ subject, subjectKind: 'agent', bearer: bearerOf('a secret of a door') },
    limits: { ...limits, operations: [...limits.operations] },
  })
  await keepers.members[0]!.keeper.grants.learn(chain)
  const caller = first.rights.callerOf('a secret of a door') as Caller
  await assert.rejects(first.agents.create(door, caller, order), refusedAs('GRANT_DENIED'))
})

test('what somebody left behind who is revoked now lets nobody in', async t => {
  const { first, second, keepers } = await openBench(t)
  const text = await make(first)
  const revoked = keepers.members[0]!.identity.peerId
  await second.grants.revoke(revoked, { sinceMs: null, rotate: false, dryRun: false })
  await assert.rejects(second.agents.redeem(text, requestOf(await newIdentity(), text)), wrong)
})

test('a blind member makes no token, and what it writes into the register counts for nothing', async t => {
  const { first, blind, register, keepers } = await openBench(t)
  await assert.rejects(make(blind), refusedAs('GRANT_DENIED'), 'more than it may itself')
  await assert.rejects(make(blind, { grant: { ...order.grant, roles: [] } }), refusedAs('SEALED'))
  const agent = await newIdentity()
  // It may write the register: it widens an offer that was vouched for, and makes one of its own.
  const text = await make(first)
  const change = (alter: (token: Record<string, unknown>) => object) => {
    const read = JSON.parse(Buffer.from(register.body!).toString('utf8')) as { tokens: object[] }
    const tokens = read.tokens.map(each => ({ ...each, ...alter(each as Record<string, unknown>) }))
    register.body = Buffer.from(JSON.stringify({ ...read, tokens }))
    register.swaps += 1
    return read
  }
  const before = change(each => ({ limits: { ...(each.limits as object), roles: 'any' } }))
  await assert.rejects(first.agents.redeem(text, requestOf(agent, text)), wrong)
  register.body = Buffer.from(JSON.stringify(before))
  const { authority, clock } = keepers
  const own = newJoinToken(authority.publicKey, ['/ip4/127.0.0.1/tcp/1'], clock.nowMs + 60_000, 'agent')
  change(() => recordOf(own))
  const ownText = formatJoinToken(own)
  await assert.rejects(first.agents.redeem(ownText, requestOf(agent, ownText)), wrong)
  register.body = Buffer.from(JSON.stringify(before))
  change(() => ({ usedBy: agent.peerId, usedAtMs: clock.nowMs + 86_400_000 }))
  await assert.rejects(first.agents.redeem(text, requestOf(agent, text)), wrong, 'not from tomorrow on')
})

test('a token of a peer brings roles only where who may grant them said so', async t => {
  const { keepers } = await openBench(t)
  const register = memoryRegister()
  const asked: JoinRequest[] = []
  const desk = new JoinDesk({
    authorityPublicKey: keepers.authority.publicKey,
    register,
    signer: keepers.members[0]!.keeper.signer,
    control: {
      join: async request => {
        asked.push(request)
        return {} as JoinTicket
      },
    },
    addresses: () => [],
    nowMs: () => keepers.clock.nowMs,
  })
  const wish = { ttlSeconds: 60, roles: true }
  const rolesFor = async (text: string) => {
    await desk.redeem(text, { id: (await newIdentity()).peerId, roles: true } as JoinRequest)
    return asked.at(-1)!.roles
  }
  assert.equal(await rolesFor((await desk.create(door, wish)).token), true)
  const { token } = await desk.create(door, { ...wish, roles: false })
  assert.equal(await rolesFor(token), false)
  const late = await desk.create(door, { ...wish, roles: false })
  register.body = Buffer.from(
    Buffer.from(register.body!).toString('utf8').replaceAll('"opens":false', '"opens":true'),
  )
  register.swaps += 1
  assert.equal(await rolesFor(late.token), false, 'a member wrote that by itself')
})
