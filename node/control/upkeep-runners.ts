import type { PartitionId, PeerId } from '../../base/ids.ts'
import { type Assignment, assignmentsOf, type View } from '../../dht/view.ts'
import { antiEntropyDuty, collectionDuty } from '../peer/duty-names.ts'
import type { Task, TaskEnd } from '../peer/step.ts'
import type { Clock } from '../ports/ports.ts'
import type { Runner } from './duty-desk.ts'

export type UpkeepParts = {
  readonly self: PeerId
  readonly clock: Clock
  readonly view: () => View
  readonly carryOut: (work: Task, done: (end: TaskEnd) => void) => void
}

const minuteMs = 60_000
/** Between two partitions, so that a run never takes all of a peer. */
const pauseMs = 20
/** Comparisons of one partition with one peer in one run: each looks into a part of what differs. */
const roundsMax = 1_000
/**
 * What waits for peers that are away, or have just come, is tried so often again at the end of a run, each time after a longer
 * while: the next run may be an hour away.
 */
const lateTurnsMax = 4
const lateMs = 2_000

/**
 * Collects tombstones and what has expired (rule 9), one peer after the other: each goes through its own partitions, so
 * that what one collection could not finish is found by whoever still has it.
 */
export const collectRunner = (parts: UpkeepParts): Runner => ({
  spec: { name: collectionDuty, where: 'staggered', intervalMs: 10 * minuteMs, timeoutMs: 30 * minuteMs },
  run: ({ token }, ended) =>
    carryOutAll(
      parts,
      partition => [{ kind: 'collect', partition, token }],
      () => ended('done'),
    ),
})

/**
 * Compares each partition of a peer with its other owners, and repairs what differs (rule 8); after a repair once more,
 * as one comparison does not look into everything, and what was repaired is known to be equal only then.
 */
export const repairRunner = (parts: UpkeepParts): Runner => ({
  spec: { name: antiEntropyDuty, where: 'staggered', intervalMs: 60 * minuteMs, timeoutMs: 60 * minuteMs },
  run: ({ token }, ended) =>
    carryOutAll(
      parts,
      (partition, { owners }) =>
        owners
          .filter(peer => peer !== parts.self)
          .map((peer): Task => ({ kind: 'compare', partition, peer, token })),
      () => ended('done'),
      end => end.kind === 'compared' && end.repaired > 0,
    ),
})

/**
 * One task after the other. A token that was overtaken ends it: the rest is another leader's.
 *
 * @param isWorthMore - whether a task that ended like this is to be carried out again.
 */
function carryOutAll(
  { self, clock, view, carryOut }: UpkeepParts,
  tasksOf: (partition: PartitionId, assignment: Assignment) => readonly Task[],
  ended: () => void,
  isWorthMore: (end: TaskEnd) => boolean = () => false,
): { stop(): void } {
  let tasks = [...assignmentsOf(view())].flatMap(({ partition, assignment }) =>
    assignment.owners.includes(self) ? tasksOf(partition, assignment) : [],
  )
  let late: Task[] = []
  let turns = 0
  let isStopped = false
  const after = (ms: number, work: () => void) => clock.at(clock.monotonicMs() + ms, work)
  const over = () => {
    if (late.length === 0 || turns === lateTurnsMax) return ended()
    turns += 1
    tasks = late
    late = []
    after(lateMs * turns, () => next(0))
  }
  const next = (at: number, round = 1): void => {
    const task = tasks[at]
    if (isStopped) return
    if (task === undefined) return over()
    carryOut(task, end => {
      if (end.kind === 'refused' && end.reason === 'outdated') return ended()
      if (end.kind === 'waiting') late.push(task)
      const isAgain = isWorthMore(end) && round < roundsMax
      after(pauseMs, () => (isAgain ? next(at, round + 1) : next(at + 1)))
    })
  }
  next(0)
  return {
    stop: () => {
      isStopped = true
    },
  }
}
