import type { Mutant } from './mutants.ts'

const world: Mutant['world'] = { moves: true, peers: 5, operations: 120 }
const puller = 'replication/puller.ts'
const mover = 'node/control/mover.ts'
const guard = 'node/control/guard.ts'
const viewChange = 'dht/view-change.ts'

/** Rule 10 broken in one place each. */
export const moveMutants: readonly Mutant[] = [
  {
    name: 'joint without sync',
    rule: 10,
    how: { directed: 'unheardWrite' },
    edits: [
      {
        file: 'dht/stages.ts',
        find: "if (stage === 'joint')",
        replace: "if (stage === 'joint') return true\n  if (stage === 'joint')",
      },
    ],
  },
  {
    name: 'no epoch check',
    rule: 10,
    how: { directed: 'lateAccept' },
    edits: [
      {
        file: 'replication/acceptor.ts',
        find: 'if (ask.epoch !== place.epoch) return',
        replace: 'if (ask.epoch < 0) return',
      },
      {
        file: 'node/peer/asks.ts',
        find: 'if (ask.epoch > place.epoch && membership.hold(from, ask, now)) return',
        replace: '',
      },
    ],
  },
  {
    name: 'no fence',
    rule: 10,
    how: { directed: 'unfencedSync' },
    edits: [
      {
        file: 'node/peer/asks.ts',
        find: 'if (isKnown && ask.epoch === epoch) return true',
        replace: 'if (isKnown) return true',
      },
    ],
  },
  {
    name: 'a fence that is not on the disk',
    rule: 10,
    how: 'seeds',
    world: { ...world, faults: { powerCuts: 1, effectCrashes: 1, slowDisks: 1, reorder: 1 } },
    edits: [
      {
        file: 'node/driver/driver.ts',
        find: 'return this.#whenDurable(this.#lastBatch(), () =>\n          this.#inputs.push',
        replace: 'return this.#whenDurable(0, () =>\n          this.#inputs.push',
      },
    ],
  },
  {
    name: 'a joint stage that reads at the owners before only',
    rule: 10,
    how: { directed: 'staleJointRead' },
    edits: [
      {
        file: 'replication/reader.ts',
        find: 'const { quorum } = process.placeOf(key)',
        replace:
          'const { quorum: both } = process.placeOf(key)\n  const quorum = { ...both, groups: both.groups.slice(0, 1) }',
      },
    ],
  },
  {
    name: 'no promise floor handed to new owners',
    rule: 10,
    how: { directed: 'learnerAlone' },
    edits: [
      {
        file: puller,
        find: 'if (job.isSync) save([raiseFloors',
        replace: 'if (job.isSync && this.copiedBytes < 0) save([raiseFloors',
      },
    ],
  },
  {
    name: 'a change of the view under the quorums of another',
    rule: 10,
    how: { directed: 'otherQuorums' },
    edits: [
      {
        file: 'replication/coordinator.ts',
        find: 'if (only !== null && only !== quorum.epoch) {',
        replace: 'if (only !== null && only < 0) {',
      },
    ],
  },
  {
    name: 'a replay of an earlier epoch above the promise floor',
    rule: 10,
    how: { directed: 'lateReplay' },
    edits: [
      {
        file: puller,
        find: 'if (job.isSync) save([raiseFloors',
        replace: 'if (job.isSync && this.copiedBytes < 0) save([raiseFloors',
      },
    ],
  },
  {
    name: 'an old copy kept by a rejoining owner',
    rule: 10,
    how: { directed: 'oldCopy' },
    edits: [
      { file: puller, find: "phase: entering ? 'dropping' : 'floors'", replace: "phase: 'floors'" },
      { file: puller, find: 'if (entering) this.#options.drop(partition)', replace: '' },
    ],
  },
  {
    name: 'a leader that moves on after its lease, whoever came after it',
    rule: 11,
    how: 'seeds',
    world: { ...world, faults: { pauses: 1, partitions: 1 } },
    edits: [
      { file: 'node/control/runners.ts', find: 'stop: () => mover.stop()', replace: 'stop: () => undefined' },
      {
        file: mover,
        find: '  #idle: () => void = () => undefined\n',
        replace: '  #idle: () => void = () => undefined\n  #held: number | null = null\n',
      },
      {
        file: mover,
        find: 'const token = this.#options.token()',
        replace: 'this.#held = this.#options.token() ?? this.#held\n    const token = this.#held',
      },
      { file: mover, find: 'const current = this.#options.token()', replace: 'const current = this.#held' },
      { file: mover, find: 'current === null || current < view.token', replace: 'current === null' },
      { file: viewChange, find: '  if (token < view.token) return null\n', replace: '' },
    ],
  },
  {
    name: 'a leader whose token is not put into the view',
    rule: 11,
    how: 'seeds',
    world,
    edits: [{ file: viewChange, find: '    ...next,\n    token,\n', replace: '    ...next,\n' }],
  },
  {
    name: 'a guard whose fence is not on the disk',
    rule: 11,
    how: { directed: 'forgottenFence' },
    edits: [
      {
        file: guard,
        find: 'this.#disk.write(changes.map(encode), (failure: DiskFailure | null) => done(failure === null))',
        replace: 'this.#disk.write(changes.map(encode), () => undefined)\n    done(true)',
      },
    ],
  },
  {
    name: 'a guard that remembers no token over a restart',
    rule: 11,
    how: { directed: 'forgottenFence' },
    edits: [{ file: guard, find: 'restoreFence(sound, isLost', replace: 'restoreFence([], isLost' }],
  },
]
