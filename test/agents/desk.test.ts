// Goal: a member does for an agent what its grant allows and nothing else, whatever the agent sends by itself, and records who
// it was. Method: the desk over the grants of a real member; what it carries out is counted.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { bootTag, hlcFrom, newClock } from '../../base/hlc.ts'
import { type ContextKey, controlKey, type Digest, type Version } from '../../base/ids.ts'
import type { AuditDecision } from '../../crypto/audit/entry.ts'
import { sealEnvelope } from '../../crypto/envelope.ts'
import { decodeEnvelope, type EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import type { Limits } from '../../crypto/grants/grant-shape.ts'
import { memberLimits } from '../../crypto/grants/membership.ts'
import { clockTagOf, type Identity } from '../../crypto/identity.ts'
import { AgentDesk } from '../../node/agents/agent-desk.ts'
import { Allowance } from '../../node/agents/allowance.ts'
import { type AgentQuestion, decodeAnswer, decodeOutcome, encodeQuestion } from '../../node/agents/wire.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import { newIdentity, recipientsOf, roleKeys } from '../crypto/fixtures.ts'
import { newKeepers } from '../grants/keepers.ts'

const key = 'aa'.repeat(32) as ContextKey
const recipients = recipientsOf(roleKeys('developer', 'tester'))
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

async function openBench(t: TestContext, limits: Partial<Limits>, allowance?: Allowance) {
  const fleet = await newKeepers(t, 2)
  const [{ keeper }] = fleet.members as [(typeof fleet.members)[0]]
  const agent = await newIdentity()
  const text = await fleet.chain({
    subject: agent.peerId,
    subjectKind: 'agent',
    limits: { ...memberLimits(true), ...limits },
  })
  await keeper.grants.learn(text)
  const grant = (await keeper.grants.prove(text)).grantHash
  const carriedOut: Operation[] = []
  const decisions: AuditDecision[] = []
  let outcome: Outcome = { kind: 'absent' }
  let shown: readonly EnvelopeHeader[] = []
  const desk = new AgentDesk({
    rights: keeper.agents,
    audit: {
      check: () => undefined,
      decided: async decision => void decisions.push(decision),
      refused: refusal =>
        void decisions.push({ ...refusal, outcome: 'denied', detail: null, key: null, roles: [], count: 1 }),
      rolesOf: () => [],
    },
    pulse: () => ({ wallMs: 1, registry: '0'.repeat(64) as Digest, epoch: 1, grant: '', members: [] }),
    registry: () => new Uint8Array(3),
    submit: async operation => {
      carriedOut.push(operation)
      return outcome
    },
    answerAboutGrants: async () => null,
    copies: {
      async answer(_, sees) {
        const seen = shown.filter(sees)
        return { body: Uint8Array.of(seen.length), count: seen.length }
      },
    },
    clock: newClock('00000001'),
    log: quiet,
    ...(allowance === undefined ? {} : { allowance }),
  })
  const ask = async (question: AgentQuestion, from: Identity = agent) =>
    decodeAnswer(await desk.answer(from.peerId, encodeQuestion(question), '127.0.0.1'))
  const operate = (operation: Operation, from?: Identity) =>
    ask({ kind: 'operate', operation, timeoutMs: 1_000 }, from)
  const sealed = async (author: Identity, role: string, named: Digest | undefined = grant) => {
    const version = hlcFrom(fleet.clock.nowMs, 1, bootTag(clockTagOf(author.peerId), 1)) as Version
    const envelope = await sealEnvelope({
      fleet: fleet.authority.fleet,
      key,
      version,
      parent: null,
      author,
      expiresAtMs: 0,
      scope: null,
      ...(named === undefined ? {} : { grant: named }),
      roles: recipients.filter(({ name }) => name === role),
      plaintext: Buffer.from('x'),
    })
    return { version, parent: null, kind: 'live' as const, expiresAtMs: 0, ...envelope }
  }
  const write = async (author: Identity, role: string): Promise<Operation> => {
    const { version, parent, ...value } = await sealed(author, role)
    return { kind: 'write', id: version, attempt: 1, key, expect: 'any', parent, value, epoch: null }
  }
  const stands = (found: Outcome) => {
    outcome = found
  }
  const has = async (...records: readonly { data: Uint8Array }[]) => {
    shown = records.map(({ data }) => decodeEnvelope(data).header)
  }
  return { agent, ask, operate, sealed, write, stands, has, carriedOut, decisions, keeper, fleet }
}

test('an agent writes for the roles of its grant, under its own name, and is on record', async t => {
  const { agent, operate, write, carriedOut, decisions, stands } = await openBench(t, {
    roles: ['developer'] as never,
  })
  stands({ kind: 'unreached' })
  const done = await operate(await write(agent, 'developer'))
  assert.ok(done?.kind === 'done')
  assert.equal(decodeOutcome(done.body)?.outcome.kind, 'unreached')
  assert.equal(carriedOut.length, 1)
  assert.deepEqual(
    decisions.map(({ subject, operation, outcome }) => [subject, operation, outcome]),
    [[`agent:${agent.peerId}`, 'write', 'allowed']],
  )
  const beyond = await operate(await write(agent, 'tester'))
  assert.deepEqual(beyond, { kind: 'denied', rule: 'roles', opensAtMs: null })
  assert.equal(carriedOut.length, 1, 'what is denied is not carried out')
  assert.equal(decisions.at(-1)?.outcome, 'denied')
})

test('what another one signed, what is no context and what shortens a history is not carried out', async t => {
  const { operate, write, carriedOut } = await openBench(t, {})
  const stranger = await newIdentity()
  const foreign = await operate(await write(stranger, 'developer'))
  assert.ok(foreign?.kind === 'done')
  assert.deepEqual(decodeOutcome(foreign.body)?.outcome, { kind: 'elsewhere', reason: 'invalid' })
  for (const operation of [
    { kind: 'read', key: controlKey(6) },
    { kind: 'trim', key, keepFrom: '0'.repeat(24) as Version },
  ] as const)
    assert.equal((await operate(operation))?.kind, 'denied')
  assert.deepEqual(carriedOut, [])
})

test('bytes that are sealed to other roles are not given away, and that is on record', async t => {
  const { agent, operate, sealed, stands, decisions } = await openBench(t, { roles: ['developer'] as never })
  const value = { ...(await sealed(agent, 'tester')), recentOps: [], opsFloor: '0'.repeat(24) as Version }
  stands({ kind: 'found', value })
  assert.deepEqual(await operate({ kind: 'read', key }), { kind: 'denied', rule: 'roles', opensAtMs: null })
  assert.deepEqual(
    decisions.map(({ outcome, code, rule }) => [outcome, code, rule]),
    [['denied', 'GRANT_DENIED', 'roles']],
  )
})

test('who has no grant as an agent, and whose grant has ended, is told no more than that', async t => {
  const { ask, operate, fleet, members, carriedOut } = await openBench(t, {}).then(bench => ({
    ...bench,
    members: bench.fleet.members,
  }))
  const stranger = await newIdentity()
  for (const who of [stranger, members[1]!.identity]) {
    assert.deepEqual(await ask({ kind: 'registry' }, who), {
      kind: 'denied',
      rule: 'subject',
      opensAtMs: null,
    })
    assert.equal((await operate({ kind: 'read', key }, who))?.kind, 'denied')
  }
  assert.equal((await ask({ kind: 'pulse', isFirst: true }))?.kind, 'done')
  fleet.clock.nowMs += 8 * 86_400_000
  assert.deepEqual(await ask({ kind: 'pulse', isFirst: false }), {
    kind: 'denied',
    rule: 'expired',
    opensAtMs: null,
  })
  assert.deepEqual(carriedOut, [])
})

test('who asks too much at once is told to wait', async t => {
  const allowance = new Allowance({ requestsPerSecond: 1, burst: 2, inFlightMax: 2, inFlightAllMax: 2 })
  const { ask } = await openBench(t, {}, allowance)
  const kinds = [
    await ask({ kind: 'registry' }),
    await ask({ kind: 'registry' }),
    await ask({ kind: 'registry' }),
  ]
  assert.deepEqual(
    kinds.map(answer => answer?.kind),
    ['done', 'done', 'busy'],
  )
})

test('of what there is an agent is told what its grant lets it find, with a record of how much; nothing without `search`', async t => {
  const bench = await openBench(t, { roles: ['developer'] as never })
  const { agent, ask, sealed, has, decisions } = bench
  await has(await sealed(agent, 'developer'), await sealed(agent, 'tester'), await sealed(agent, 'developer'))
  const question = { kind: 'changes', after: null } as const
  assert.deepEqual(await ask(question), { kind: 'done', body: Uint8Array.of(2) })
  assert.deepEqual(
    decisions.map(({ subject, operation, outcome, count }) => [subject, operation, outcome, count]),
    [[`agent:${agent.peerId}`, 'search', 'allowed', 2]],
  )
  await has()
  await ask(question)
  assert.equal(decisions.length, 1, 'where nothing is given nothing is recorded')
  const other = await openBench(t, { operations: ['read', 'write'] })
  await other.has(await other.sealed(other.agent, 'developer'))
  assert.deepEqual(await other.ask(question), { kind: 'denied', rule: 'operations', opensAtMs: null })
})
