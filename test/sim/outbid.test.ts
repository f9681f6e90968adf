// Goal: while an owner is silent no write waits for it, also where another owner has promised more than the ballot that it
// is asked under: one that was just started again, for example. Method: virtual peers, one killed and started again,
// another one stopped, and callers that write many addresses now and then.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fleet } from '../../sim/fleet.ts'
import { World } from '../../sim/world.ts'
import { keyNamed, startCaller, type TimedWrite, unwatched } from './callers.ts'

const keys = Array.from({ length: 400 }, (_, number) => keyNamed(`cold ${number}`))
/** Until then a silence is none yet. */
const silentMs = 1_000
/** Longer than a round that is begun once more, shorter than what a question is repeated after. */
const waitMs = 250

test('a ballot that was refused is not left standing until an owner that is silent has answered', () => {
  const world = new World(1)
  const size = { peers: 5, spares: 0, controls: true, replicas: 3, partitions: 64 }
  const fleet = new Fleet(
    world,
    { ...size, replaceAfterMs: 900_000, limits: {}, skewMs: 5, drift: 0 },
    unwatched,
  )
  fleet.network.speed = { leastMs: 0.3, spreadMs: 5, byteMs: 0 }
  for (const member of fleet.members) fleet.start(member)
  const [restarted, stopped, ...doors] = fleet.members
  assert.ok(restarted && stopped)
  world.run(3_000)
  const writes: TimedWrite[] = []
  const caller = { keys, thinkMs: 50, done: (write: TimedWrite) => writes.push(write) }
  for (const door of doors)
    for (let number = 0; number < 6; number++) startCaller(world, fleet, { ...caller, door })
  world.run(10_000)
  fleet.kill(restarted, false, 'dies')
  world.run(12_000)
  fleet.start(restarted)
  world.run(14_000)
  stopped.process?.pause()
  world.run(24_000)
  const during = writes.filter(({ calledMs }) => calledMs >= 14_000 + silentMs)
  const longest = Math.max(...during.map(({ tookMs }) => tookMs))
  assert.ok(during.length > 1_000, `${during.length} writes`)
  assert.ok(longest < waitMs, `the longest of ${during.length} writes took ${longest} ms`)
})
