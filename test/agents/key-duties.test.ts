// Goal: where no member can open a role, agents that may change keys do what the leader does elsewhere: keys are dealt anew when
// members leave, replaced by age and by a revocation; and no minority of holders can have keys dealt to itself. Method: real
// peers that are all blind, and agents, in this process; a holder that lies is played.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId, RoleName } from '../../base/ids.ts'
import { agentAtDoor } from '../../node/agent-door.ts'
import { AgentKeyDuties, type AgentKeyDutiesParts } from '../../node/agent-keys/agent-key-duties.ts'
import { encodeWork, type KeyWork } from '../../node/keys/due.ts'
import { decodeQuestion, encodeAnswers } from '../../node/keys/wire.ts'
import { quietLog, until } from '../keys/fleets.ts'
import { BlindFleet, keepers } from './blind-fleet.ts'

const at = (path: string) => `ucxl://any:any@shop:any/*^/${path}`
const roles = { roles: ['developer'] }
const dayMs = 86_400_000

const newestOf = (fleet: BlindFleet, name: string, role: string): number =>
  fleet.peers
    .peer(name)
    .keys.roles()
    .roles.find(each => each.name === role)!.keys[0]!.keyVersion

test('keys that no member can open are dealt anew when a member joins, and when one leaves', async t => {
  const fleet = await BlindFleet.start(t, 3)
  const keeper = await fleet.join(await fleet.grant({ operations: keepers, roles: ['developer', 'tester'] }))
  await keeper.store.storeContext(at('kept'), { summary: 'kept' }, roles)
  const holders = (name: string) => fleet.peers.peer(name).keys.shares().secrets
  const areHolders = async (names: readonly string[]) => {
    for (const name of names)
      await until(
        `${name} knows the new holders`,
        () =>
          holders(name).every(({ holders: all, isHeldHere }) => all.join() === names.join() && isHeldHere),
        90_000,
      )
  }
  const dealt = () => fleet.counted('keysDealtAnew')
  let before = dealt()
  assert.deepEqual(await fleet.peers.enter('p4', true), [], 'it is entitled to nothing')
  await fleet.peers.start('p4')
  await areHolders(['p1', 'p2', 'p3', 'p4'])
  assert.ok(dealt() > before, 'it was an agent that dealt the roles')
  before = dealt()
  const leaver = fleet.peers.peer('p4').id
  await fleet.peers.peer('p1').control.leave('p4', 'drain')
  const members = () => fleet.peers.peer('p1').ring().members
  await until('p4 is out', () => !members().some(({ id }) => id === leaver), 90_000)
  await fleet.peers.stop('p4')
  await areHolders(['p1', 'p2', 'p3'])
  assert.ok(dealt() > before, 'and again')
  // Two of three are enough now, as they were not before.
  const grant = await fleet.grant()
  await fleet.peers.stop('p3')
  const late = await fleet.join(grant)
  assert.equal((await late.store.retrieveContext(at('kept'))).context.summary, 'kept')
})

test('a role whose days are over gets a new key, and another one does not', async t => {
  const fleet = await BlindFleet.start(t, 3, 3 * dayMs)
  await fleet.join(await fleet.grant({ operations: keepers, roles: ['developer', 'tester'] }))
  const { keys } = fleet.peers.peer('p2')
  await keys.scheduleRotation('tester', 30)
  await keys.scheduleRotation('developer', 2)
  for (const name of fleet.peers.names)
    await until(`${name} knows the new key`, () => newestOf(fleet, name, 'developer') === 2, 60_000)
  assert.equal(newestOf(fleet, 'p1', 'tester'), 1)
  const due = keys.roles().roles.find(({ name }) => name === 'developer')!.rotationDue
  assert.ok(due !== null && Date.parse(due) > Date.now() + dayMs, 'not again before two days')
})

test('a grant that is revoked at the door of an agent takes the keys of its roles along', async t => {
  const fleet = await BlindFleet.start(t)
  const { joined } = await fleet.granter()
  const reader = await fleet.join(await fleet.grant())
  const { grants } = agentAtDoor(joined, 'granter', '0.0.0')
  const own = grants.list().find(({ subject }) => subject === reader.id)!
  const rehearsed = await grants.revoke(own.id, { sinceMs: null, rotate: true, dryRun: true })
  assert.deepEqual(rehearsed.rotates, ['developer'])
  assert.equal(newestOf(fleet, 'p1', 'developer'), 1)
  const revoked = await grants.revoke(own.id, { sinceMs: null, rotate: true, dryRun: false })
  assert.deepEqual(revoked.rotates, ['developer'])
  for (const name of fleet.peers.names)
    await until(`${name} knows the new key`, () => newestOf(fleet, name, 'developer') === 2)
  await until('the reader has no keys', () => reader.state().state !== 'open')
})

test('a role gets a new key while one of its holders is only being called yet', async t => {
  const fleet = await BlindFleet.start(t)
  const { joined } = await fleet.granter()
  await fleet.peers.stop('p3')
  const isReached = () => joined.state().members.find(({ name }) => name === 'p3')!.isConnected
  await until('the agent has lost it', () => !isReached())
  const rotated = joined.roles.rotate('developer')
  await fleet.peers.start('p3')
  assert.equal((await rotated).keyVersion, 2)
})

const holders = ['a', 'b', 'c'] as PeerId[]
const entry = {
  ...{ name: 'developer', keyVersion: 1, state: 'current' },
  set: { set: { threshold: 2, holders: holders.map(peer => ({ peer })) } },
}

/** Whom an agent asks for a recipient, and what it rotates, when holders say this. */
async function afterHearing(told: Readonly<Record<string, KeyWork>>): Promise<unknown[]> {
  const done: unknown[] = []
  let rounds = 0
  const over = Promise.withResolvers<void>()
  const parts = {
    self: { peerId: 'agent' },
    fleet: 'f'.repeat(64),
    keys: {
      registry: { secrets: [entry], entitlements: [] },
      isOpen: true,
      collector: { keyOf: () => ({ secret: new Uint8Array(32) }) },
      refresh: async () => undefined,
    },
    links: { ready: () => holders, nameOf: (peer: string) => peer },
    exchange: {
      ask: async (peer: PeerId, bytes: Uint8Array) => {
        const question = decodeQuestion(bytes)!
        if (question.kind !== 'due') done.push(`${question.kind} ${peer}`)
        const work = told[peer]
        return question.kind === 'due' && work ? encodeAnswers([encodeWork(work)]) : null
      },
    },
    clock: {
      monotonicMs: () => 0,
      at: (_: number, run: () => void) => {
        rounds += 1
        if (rounds === 3) over.resolve()
        else setImmediate(run)
        return () => undefined
      },
    },
    log: quietLog,
    mayChange: () => true,
    rotate: async (role: string) => void done.push(`rotate ${role}`),
  }
  const duties = new AgentKeyDuties(parts as unknown as AgentKeyDutiesParts)
  duties.start()
  await over.promise
  duties.stop()
  return [...new Set(done)]
}

test('a single holder that lies has nothing dealt to itself, and nothing rotated', async () => {
  const slot = { name: 'developer' as RoleName, keyVersion: 1 }
  const nothing: KeyWork = { rotations: [], outdated: [], holders }
  const lie: KeyWork = { rotations: [slot], outdated: [slot], holders: ['c'] as PeerId[] }
  assert.deepEqual(await afterHearing({ a: nothing, b: nothing, c: lie }), [])
  assert.deepEqual(await afterHearing({ c: lie }), [])
  // Who is no holder has no say.
  assert.deepEqual(await afterHearing({ c: lie, d: lie, e: lie }), [])
  // Two of three hold enough shares to put the key together anyway; but they have to say the same.
  const other: KeyWork = { ...lie, holders: ['b', 'c'] as PeerId[] }
  assert.deepEqual(await afterHearing({ b: other, c: { ...lie, rotations: [] } }), [])
  assert.deepEqual(await afterHearing({ a: nothing, b: other, c: other }), ['recipient b', 'recipient c'])
  assert.deepEqual(
    await afterHearing({ a: { ...nothing, rotations: [slot] }, b: { ...nothing, rotations: [slot] } }),
    ['rotate developer'],
  )
})
