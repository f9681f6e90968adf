// Goal: the one processor of a peer is a queue with a single server. Method: random arrivals of equal tasks, whose
// numbers are known: Little's law, and the mean wait that Pollaczek and Khinchine give.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventLoop } from '../../../sim/scale/event-loop.ts'
import { World } from '../../../sim/world.ts'

const serviceMs = 1
const tasks = 40_000

/** Tasks arrive at random, `load` of what the server can do. */
function serve(load: number): {
  inSystem: number
  perMs: number
  timeMs: number
  waitMs: number
  busy: number
} {
  const world = new World(7)
  const random = world.random('arrivals')
  const loop = new EventLoop(world, 0)
  let present = 0
  let area = 0
  let changedMs = 0
  let timeMs = 0
  let left = 0
  const change = (by: number) => {
    area += present * (world.nowMs - changedMs)
    changedMs = world.nowMs
    present += by
  }
  const arrive = (count: number) => {
    if (count === tasks) return
    const arrivedMs = world.nowMs
    change(1)
    loop.post(() => {
      loop.use(serviceMs)
      world.after(serviceMs, () => {
        change(-1)
        timeMs += world.nowMs - arrivedMs
        left += 1
      })
    })
    world.after(-Math.log(1 - random.next()) * (serviceMs / load), () => arrive(count + 1))
  }
  arrive(0)
  world.run(Number.MAX_SAFE_INTEGER, () => left === tasks)
  const elapsedMs = world.nowMs
  return {
    inSystem: area / elapsedMs,
    perMs: tasks / elapsedMs,
    timeMs: timeMs / tasks,
    waitMs: timeMs / tasks - serviceMs,
    busy: loop.busyMs / elapsedMs,
  }
}

for (const load of [0.3, 0.6, 0.9]) {
  test(`at a load of ${load} Little's law holds and tasks wait as long as theory says`, () => {
    const { inSystem, perMs, timeMs, waitMs, busy } = serve(load)
    assert.ok(Math.abs(inSystem - perMs * timeMs) < 1e-6 * inSystem, `${inSystem} in the system`)
    assert.ok(Math.abs(busy - load) < 0.02, `busy ${busy}`)
    const expectedMs = (load * serviceMs) / (2 * (1 - load))
    assert.ok(Math.abs(waitMs - expectedMs) < 0.1 * expectedMs, `waited ${waitMs}, theory says ${expectedMs}`)
  })
}

// Goal: a turn is that of Node. Method: what is put off runs after the inputs that waited, before those that came since.
test('a turn takes the inputs that wait, then what was put off, and leaves what came meanwhile', () => {
  const world = new World(1)
  const loop = new EventLoop(world, 0)
  const ran: string[] = []
  const input = (name: string) => () => {
    loop.use(2)
    ran.push(`${name} at ${world.nowMs}`)
  }
  loop.post(() => {
    loop.soon(() => ran.push(`end at ${world.nowMs}`))
    input('first')()
  })
  world.after(1, () => loop.post(input('second')))
  world.after(3, () => loop.post(input('third')))
  world.run(100)
  assert.deepEqual(ran, ['first at 0', 'end at 2', 'second at 2', 'third at 4'])
  assert.equal(loop.busyMs, 6)
})
