// Goal: a wall clock that is far off changes nothing, for the fleet and for its own peer (decision 068). Method: small
// fleets of the simulator whose weather is calm. A peer with a wrong clock serves, and where its vote counts another one is
// dead, so that nothing is written without it; the operations have less time than the clocks are off.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextHlc } from '../../base/hlc.ts'
import type { ContextKey } from '../../base/ids.ts'
import { writeOperation } from '../../sim/envelope.ts'
import { Fleet, type Member, type Seen } from '../../sim/fleet.ts'
import { World } from '../../sim/world.ts'

const minuteMs = 60_000
const aheadMs = 45 * minuteMs
const behindMs = -60 * minuteMs
/** Far less than any clock here is off. */
const operationMs = 2_000

class Clocks {
  readonly world = new World(1)
  readonly fleet: Fleet
  #writes = 0

  constructor(peers: number, replicas: number) {
    const none = () => undefined
    const events = { opened: none, durable: none, ruled: none, reported: none, told: none }
    const plan = { peers, replicas, spares: 0, controls: false, replaceAfterMs: 900_000, partitions: 4 }
    this.fleet = new Fleet(this.world, { ...plan, limits: {}, skewMs: 20, drift: 0.0002 }, events)
  }

  member(at: number): Member {
    return this.fleet.members[at]!
  }

  start(...members: Member[]): void {
    for (const member of members) this.fleet.start(member)
    this.run(1_000)
  }

  kill(...members: Member[]): void {
    for (const member of members) this.fleet.kill(member, false, 'killed')
    this.run(100)
  }

  run(forMs: number): void {
    this.world.run(this.world.nowMs + forMs)
  }

  /** New contexts in all partitions, written at one peer. */
  write(at: Member, count = 8): Seen['kind'][] {
    return Array.from({ length: count }, () => this.#writeOne(at).kind)
  }

  #writeOne(at: Member): Seen {
    this.#writes += 1
    const key = this.#writes.toString(16).padStart(2, '0').repeat(32) as ContextKey
    const process = at.process!
    const version = nextHlc(process.hlc, process.wallMs())
    const facts = { key, version, parent: null, kind: 'live', expiresAtMs: 0 } as const
    let seen: Seen = { kind: 'lost' }
    this.fleet.submit(at, writeOperation(facts, 'clocks'), operationMs, outcome => {
      seen = outcome
    })
    this.run(operationMs)
    return seen
  }
}

const allWritten = Array.from({ length: 8 }, () => 'written')

test('a peer whose clock jumps ahead serves, and votes at once after it was killed', () => {
  const clocks = new Clocks(3, 3)
  const [p1, p2, p3] = clocks.fleet.members as [Member, Member, Member]
  clocks.start(p1, p2, p3)
  p1.machine.time.jump(aheadMs)
  assert.deepEqual(clocks.write(p1), allWritten)
  clocks.kill(p1)
  p1.machine.time.heal()
  clocks.start(p1)
  clocks.kill(p2)
  assert.deepEqual(clocks.write(p3), allWritten)
})

test('a peer whose clock jumps back votes, and serves', () => {
  const clocks = new Clocks(3, 3)
  const [p1, p2, p3] = clocks.fleet.members as [Member, Member, Member]
  clocks.start(p1, p2, p3)
  p1.machine.time.jump(behindMs)
  clocks.kill(p2)
  assert.deepEqual(clocks.write(p3), allWritten)
  assert.deepEqual(clocks.write(p1), allWritten)
})

for (const [how, byMs] of Object.entries({ ahead: aheadMs, behind: behindMs })) {
  test(`a peer that starts with its clock ${how} serves and votes, and so after the next start`, () => {
    const clocks = new Clocks(3, 3)
    const [p1, p2, p3] = clocks.fleet.members as [Member, Member, Member]
    p1.machine.time.jump(byMs)
    clocks.start(p1, p2, p3)
    assert.deepEqual(clocks.write(p1), allWritten)
    clocks.kill(p1)
    clocks.start(p1)
    clocks.kill(p2)
    assert.deepEqual(clocks.write(p3), allWritten)
    clocks.start(p2)
    clocks.kill(p1)
    p1.machine.time.heal()
    clocks.start(p1)
    clocks.kill(p3)
    assert.deepEqual(clocks.write(p2), allWritten)
  })
}

test('a peer that hears nobody takes no part, and nothing binds it later', () => {
  const clocks = new Clocks(3, 3)
  const [p1, p2, p3] = clocks.fleet.members as [Member, Member, Member]
  p1.machine.time.jump(aheadMs)
  clocks.start(p1)
  clocks.run(2 * minuteMs)
  assert.equal(p1.process?.serves, false)
  assert.throws(() => p1.process?.wallMs(), { code: 'QUORUM_UNREACHED' })
  clocks.start(p2, p3)
  assert.deepEqual(clocks.write(p1), allWritten)
  clocks.kill(p1)
  p1.machine.time.heal()
  clocks.start(p1)
  clocks.kill(p3)
  assert.deepEqual(clocks.write(p2), allWritten)
})

test('two of five may be wrong, in whatever order the fleet starts', () => {
  for (const first of [0, 3]) {
    const clocks = new Clocks(5, 5)
    const { members } = clocks.fleet
    members[0]!.machine.time.jump(aheadMs)
    members[1]!.machine.time.jump(aheadMs + 10 * minuteMs)
    for (const at of members.keys()) clocks.start(members[(first + at) % members.length]!)
    assert.deepEqual(clocks.write(members[0]!), allWritten)
    clocks.kill(...members)
    for (const { machine } of members) machine.time.heal()
    clocks.start(members[0]!, members[1]!, members[2]!)
    clocks.run(minuteMs)
    assert.deepEqual(clocks.write(members[2]!), allWritten, `started from ${first}`)
  }
})

test('a fleet of which less than half is left goes on without the others', () => {
  const clocks = new Clocks(5, 3)
  const { members } = clocks.fleet
  const [partition] = clocks.fleet.view.partitions
  const [a, b] = partition!.owners.map(owner => members.find(({ machine }) => machine.self === owner)!)
  clocks.start(a!, b!)
  assert.equal(a!.process?.serves, false)
  clocks.run(minuteMs)
  assert.ok(clocks.write(a!).includes('written'))
})

test('a peer on its own has nobody to ask', () => {
  const clocks = new Clocks(1, 1)
  const p1 = clocks.member(0)
  p1.machine.time.jump(behindMs)
  clocks.start(p1)
  assert.deepEqual(clocks.write(p1), allWritten)
})
