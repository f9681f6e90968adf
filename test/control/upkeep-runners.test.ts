// Goal: a peer compares a partition with another owner until nothing more is repaired, and then goes on; who was silent
// is asked again before the run ends, as the next one is an hour away; a leader that was
// overtaken is not waited for. Method: the duty run against ends that are given to it, on a clock that jumps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { repairRunner } from '../../node/control/upkeep-runners.ts'
import type { Task, TaskEnd } from '../../node/peer/step.ts'
import { a, b, c, viewOf } from '../../sim/mutants/schedule-parts.ts'

const compared = (repaired: number): TaskEnd => ({ kind: 'compared', behind: repaired, repaired, left: 0 })

/** With whom it compared its one partition and then the registers of the fleet, when the tasks ended like this. */
function comparedWith(ends: readonly TaskEnd[]): { peers: unknown[]; how: string | null } {
  const peers: unknown[] = []
  const waiting: (() => void)[] = []
  let how: string | null = null
  const view = viewOf(1, [a, b, c])
  const runner = repairRunner({
    self: a,
    clock: {
      wallMs: () => 0,
      monotonicMs: () => 0,
      at: (_ms: number, then: () => void) => void waiting.push(then),
    } as never,
    view: () => view,
    carryOut: (work: Task, done) => {
      if (work.kind !== 'compare') return
      done(ends[peers.push(work.peer) - 1] ?? compared(0))
    },
  })
  runner.run({ token: 1 } as never, ended => {
    how = ended
  })
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next()
  return { peers, how }
}

test('each other owner once, where nothing differs', () => {
  assert.deepEqual(comparedWith([]), { peers: [b, c, b, c], how: 'done' })
})

test('again after a repair, until there is none', () => {
  assert.deepEqual(comparedWith([compared(16), compared(3), compared(0)]).peers, [b, b, b, c, b, c])
})

const silent: TaskEnd = { kind: 'waiting', peers: [b] }

test('who does not answer is asked again at the end of the run, and a few times more', () => {
  assert.deepEqual(comparedWith([silent]).peers, [b, c, b, c, b])
  const dead = Array.from({ length: 20 }, (_, at) => (at % 4 === 0 || at >= 4 ? silent : compared(0)))
  assert.deepEqual(comparedWith(dead), { peers: [b, c, b, c, b, b, b, b], how: 'done' })
})

test('what cannot be repaired is left for the next run', () => {
  const stuck: TaskEnd = { kind: 'compared', behind: 1, repaired: 0, left: 0 }
  assert.deepEqual(comparedWith([stuck]).peers, [b, c, b, c])
})

test('a leader that was overtaken ends the run', () => {
  assert.deepEqual(comparedWith([{ kind: 'refused', reason: 'outdated' }]).peers, [b])
})
