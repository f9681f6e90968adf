import type { Mutant } from './mutants.ts'

const world: Mutant['world'] = { moves: true, peers: 5, operations: 120 }
const puller = 'replication/puller.ts'

/** Rule 10 broken in one place each. */
export const moveMutants: readonly Mutant[] = [
  {
    name: 'joint without sync',
    rule: 10,
    how: 'seeds',
    world,
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
    how: 'seeds',
    world,
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
    how: 'seeds',
    world,
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
    how: 'seeds',
    world,
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
    how: 'seeds',
    world,
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
    how: 'seeds',
    world,
    edits: [
      {
        file: 'replication/coordinator.ts',
        find: 'if (only !== null && only !== quorum.epoch) {',
        replace: 'if (only !== null && only < 0) {',
      },
    ],
  },
  {
    name: 'a list without what is not synced yet',
    rule: 10,
    how: 'seeds',
    world: { ...world, faults: { slowDisks: 1, reorder: 1, tails: 1 } },
    edits: [
      {
        file: 'node/driver/driver.ts',
        find: 'return this.#whenDurable(this.#lastBatch(), () => this.#lists.partition(effect))',
        replace: 'return this.#lists.partition(effect)',
      },
    ],
  },
]
