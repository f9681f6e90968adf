import type { Mutant } from './mutants.ts'

const collection = 'replication/collection.ts'
const collector = 'replication/collector.ts'

/** Rule 9 broken, one sentence at a time. */
export const collectionMutants: readonly Mutant[] = [
  {
    name: 'a key collected without raising the floor',
    rule: 9,
    how: { directed: 'acceptAfterCollection' },
    edits: [
      {
        file: collection,
        find: 'epoch: place.epoch, gcFloor, ceiling }',
        replace: 'epoch: place.epoch, ceiling }',
      },
    ],
  },
  {
    name: 'a floor that is not the highest promise',
    rule: 9,
    how: { directed: 'promiseBeforeGather' },
    edits: [
      {
        file: collection,
        find: 'highest(partition.record.gcFloor, ask.floor)',
        replace: 'highest(partition.record.gcFloor, noBallot)',
      },
    ],
  },
  {
    name: 'a key collected over a promise of the meantime',
    rule: 9,
    how: { directed: 'promiseAfterGather' },
    edits: [
      {
        file: collection,
        find: 'if (promisedOf(acceptor, partition, key, head) > ask.floor) continue',
        replace: '',
      },
    ],
  },
  {
    name: 'a key collected without one of its replicas',
    rule: 9,
    how: { directed: 'missedDelete' },
    edits: [
      {
        file: collector,
        find: 'neededFor(job).every(peer => job.answered.has(peer))',
        replace: 'job.answered.size * 2 > neededFor(job).length',
      },
    ],
  },
  {
    name: 'collection while a partition moves',
    rule: 9,
    how: { directed: 'movingCollection' },
    edits: [
      {
        file: 'node/peer/upkeep.ts',
        find: ".stage === 'stable'",
        replace: '.epoch > 0',
      },
      { file: collector, find: '=> job.place.quorum.targets', replace: '=> job.place.quorum.groups[0]!' },
    ],
  },
  {
    name: 'a key collected although it was written again',
    rule: 9,
    how: 'seeds',
    world: { peers: 3, upkeep: true, limits: { collectAfterMs: 0 } },
    edits: [
      {
        file: collection,
        find: "if (head === null || head === 'damaged' || head.accepted !== accepted) continue\n    if (!mayGo(acceptor, partition, head, wallMs)) continue\n    if (promisedOf(acceptor, partition, key, head) > ask.floor) continue\n",
        replace: "if (head === null || head === 'damaged') continue\n",
      },
    ],
  },
  {
    name: 'a lost record of a collected key that comes back',
    rule: 9,
    how: { directed: 'lostCollection' },
    edits: [
      {
        file: 'replication/healer.ts',
        find: 'job.isOwnListed && isQuorum(job.quorum, job.listed)',
        replace: 'isQuorum(job.quorum, job.listed)',
      },
      {
        file: 'replication/healer.ts',
        find: 'peer === self ? !job.isOwnListed',
        replace: 'peer === self ? false',
      },
    ],
  },
]
