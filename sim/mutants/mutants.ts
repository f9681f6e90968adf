import type { Limits } from '../../replication/limits.ts'

/** One place of the source that a mutant changes; `find` must be there exactly once. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string }

/** The protocol with one rule broken: the checkers must notice. */
export type Mutant = {
  readonly name: string
  /** Number of the rule in PROTOCOL that it breaks. */
  readonly rule: number
  readonly edits: readonly Edit[]
  /** Found by random seeds, or by a schedule of its own (directed.ts) where chance practically never meets it. */
  readonly how: 'seeds' | { readonly directed: string }
  /** Limits under which the rule matters more often. */
  readonly limits?: Partial<Limits>
}

const acceptor = 'replication/acceptor.ts'
const round = 'replication/round.ts'
const register = 'replication/register.ts'
const coordinator = 'replication/coordinator.ts'

export const mutants: readonly Mutant[] = [
  {
    name: 'no read repair',
    rule: 7,
    how: 'seeds',
    edits: [
      {
        file: 'replication/reading.ts',
        find: "  reading.phase = 'replaying'\n",
        replace:
          "  return end(reading, { kind: 'read', value: highest.value, behind: [], ballot: highest.ballot })\n",
      },
    ],
  },
  {
    name: 'unconfirmed failed compare-and-set',
    rule: 4,
    how: 'seeds',
    edits: [{ file: round, find: "if (unanimous || applied.answer === 'moved')", replace: 'if (1 > 0)' }],
  },
  {
    name: 'no ceiling after a crash',
    rule: 3,
    how: 'seeds',
    edits: [
      { file: acceptor, find: 'floor: record.ceiling, promises', replace: 'floor: noBallot, promises' },
    ],
  },
  {
    name: 'promises forgotten without a ceiling',
    rule: 3,
    how: 'seeds',
    limits: { promisesMax: 1 },
    edits: [{ file: acceptor, find: '    partition.floor = partition.record.ceiling\n', replace: '' }],
  },
  {
    name: 'cached ballot kept across an epoch',
    rule: 6,
    how: { directed: 'newEpoch' },
    edits: [
      { file: coordinator, find: 'return cached.epoch === epoch ? cached : null', replace: 'return cached' },
      {
        file: 'node/peer/peer.ts',
        find: 'return forgetCachedBallots(this.#coordinator)',
        replace: 'return void forgetCachedBallots',
      },
    ],
  },
  {
    name: 'cached ballot reused after a lost accept',
    rule: 5,
    how: { directed: 'lostAccept' },
    edits: [
      {
        file: coordinator,
        find: '  coordinator.cached.delete(key)\n  return cached.epoch',
        replace: '  return cached.epoch',
      },
    ],
  },
  {
    name: 'acknowledgement before the sync',
    rule: 2,
    how: 'seeds',
    edits: [{ file: 'node/driver/driver.ts', find: 'if (batch > this.#synced)', replace: 'if (batch < 0)' }],
  },
  {
    name: 'a quorum of one',
    rule: 4,
    how: 'seeds',
    edits: [
      { file: 'replication/quorum.ts', find: 'Math.floor(size / 2) + 1', replace: 'Math.min(1, size)' },
    ],
  },
  {
    name: 'a retry answered from what one replica holds',
    rule: 5,
    how: 'seeds',
    edits: [
      {
        file: round,
        find: 'if (unanimous) return answered(round, applied.answer',
        replace: 'if (1 > 0) return answered(round, applied.answer',
      },
    ],
  },
  {
    name: 'a late duplicate whose id left the window',
    rule: 5,
    how: { directed: 'leftWindow' },
    edits: [
      { file: register, find: "  if (operation.id <= floor) return { kind: 'unknown' }\n", replace: '' },
    ],
  },
  {
    name: 'a retry that is refused without a record of its id',
    rule: 5,
    how: 'seeds',
    edits: [{ file: register, find: 'if (!retried) return', replace: 'if (1 > 0) return' }],
  },
  {
    name: 'next reported on a repeated accept without a grant',
    rule: 2,
    how: 'seeds',
    edits: [
      {
        file: acceptor,
        find: 'ask.next !== noBallot && ask.next >= promised',
        replace: 'ask.next !== noBallot && (again || ask.next >= promised)',
      },
    ],
  },
  {
    name: 'an accept below the promise',
    rule: 2,
    how: 'seeds',
    edits: [
      {
        file: acceptor,
        find: 'return ballot >= promised && ballot > head.accepted',
        replace: 'return ballot > head.accepted',
      },
    ],
  },
  {
    name: 'a damaged record taken for an absent one',
    rule: 8,
    how: 'seeds',
    edits: [
      {
        file: acceptor,
        find: "if (head === 'damaged') return head\n",
        replace: "if (head === 'damaged') return null\n",
      },
    ],
  },
  {
    name: 'lost records not noticed at start',
    rule: 3,
    how: 'seeds',
    edits: [
      {
        file: 'node/driver/driver.ts',
        find: 'if (this.#options.recordsLost) {',
        replace: 'if (this.#batch < 0) {',
      },
    ],
  },
  {
    name: 'a version that is not above its parent',
    rule: 13,
    how: 'seeds',
    edits: [
      {
        file: register,
        find: "version !== null && operation.id <= version ? 'moved' : 'written'",
        replace: "'written'",
      },
    ],
  },
]
