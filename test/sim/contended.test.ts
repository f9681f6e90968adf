// Goal: callers that write one address side by side, without naming a version, all come to it, also where messages take
// long. Method: virtual peers, one of them dead, and callers that seal again as the store does; the same without turns.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fleet } from '../../sim/fleet.ts'
import { World } from '../../sim/world.ts'
import { keyNamed, patienceMs, startCaller, type TimedWrite, unwatched } from './callers.ts'

/** Writes for `forMs` at every door that lives. */
function writesUnderContention(turnMs: number, forMs: number): TimedWrite[] {
  const world = new World(7)
  const size = { peers: 5, spares: 0, controls: true, replicas: 3, partitions: 16 }
  const fleet = new Fleet(
    world,
    { ...size, replaceAfterMs: 900_000, limits: { turnMs }, skewMs: 5, drift: 0 },
    unwatched,
  )
  fleet.network.speed = { leastMs: 0.3, spreadMs: 40, byteMs: 0 }
  for (const member of fleet.members) fleet.start(member)
  world.run(3_000)
  const [dead, ...doors] = fleet.members
  if (dead) fleet.kill(dead, false, 'dies')
  world.run(6_000)
  const writes: TimedWrite[] = []
  const caller = {
    keys: [keyNamed('contended')],
    thinkMs: 30,
    done: (write: TimedWrite) => writes.push(write),
  }
  for (const door of doors)
    for (let number = 0; number < 2; number++) startCaller(world, fleet, { ...caller, door })
  world.run(6_000 + forMs)
  return writes
}

test('every writer of a contended address comes to it in time, and seals twice or three times', () => {
  const withTurns = writesUnderContention(100, 20_000)
  const without = writesUnderContention(0, 20_000)
  const longest = (writes: typeof without) => Math.max(...writes.map(({ tookMs }) => tookMs))
  const most = (writes: typeof without) => Math.max(...writes.map(({ seals }) => seals))
  const words = (writes: typeof without) =>
    `${writes.length} writes, longest ${longest(writes)}, seals ${most(writes)}`
  assert.ok(longest(withTurns) < patienceMs, words(withTurns))
  assert.ok(most(withTurns) <= 3, words(withTurns))
  assert.ok(longest(without) >= patienceMs, words(without))
})
