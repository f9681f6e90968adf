import type { SimOptions } from '../scenario.ts'
import { collectionMutants } from './collection-mutants.ts'
import { moveMutants } from './move-mutants.ts'

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
  /** The kind of world in which the rule matters often. */
  readonly world?: Pick<SimOptions, 'peers' | 'operations' | 'faults' | 'limits' | 'moves' | 'upkeep'>
}

const acceptor = 'replication/acceptor.ts'
const partitionState = 'replication/partition-state.ts'
const saved = 'node/driver/saved.ts'
const round = 'replication/round.ts'
const register = 'replication/register.ts'
const coordinator = 'replication/coordinator.ts'

export const mutants: readonly Mutant[] = [
  {
    name: 'a promise below an earlier one',
    rule: 1,
    how: 'seeds',
    edits: [
      {
        file: acceptor,
        find: 'const granted = ask.ballot > promised',
        replace: 'const granted = ask.ballot !== promised',
      },
    ],
  },
  {
    name: 'a promise before its ceiling is durable',
    rule: 1,
    how: 'seeds',
    edits: [{ file: saved, find: 'this.#partitions.get(this.#partitionOf(key))?.batch ?? 0', replace: '0' }],
  },
  {
    name: 'a ceiling further ahead than any clock may be',
    rule: 3,
    how: 'seeds',
    edits: [
      {
        file: partitionState,
        find: 'const reserve = ballotCeiling(wallMs + acceptor.limits.ceilingReserveMs)',
        replace: 'const reserve = ballotCeiling(wallMs + acceptor.limits.ceilingReserveMs * 1_000)',
      },
    ],
  },
  {
    name: 'the lowest accepted value instead of the highest',
    rule: 4,
    how: 'seeds',
    edits: [
      {
        file: round,
        find: 'if (promise.accepted > accepted) accepted',
        replace: 'if (accepted === noBallot) accepted',
      },
    ],
  },
  {
    name: 'a lost accept told as a failure',
    rule: 5,
    how: 'seeds',
    edits: [
      {
        file: 'replication/requester.ts',
        find: "outcome.kind === 'unreached' && job.mayBeWritten ? { kind: 'unknown' } : outcome",
        replace: 'outcome',
      },
    ],
  },
  {
    name: 'an answer to a former boot counted in this one',
    rule: 5,
    how: { directed: 'formerBoot' },
    edits: [
      {
        file: 'replication/context.ts',
        find: '(process.incarnation % 0x20_0000) * 0x1_0000_0000 + process',
        replace: 'process',
      },
    ],
  },
  {
    name: 'a floor that does not rise with what leaves the window',
    rule: 5,
    how: { directed: 'leftWindow' },
    edits: [
      {
        file: register,
        find: 'gone.reduce((highest, each) => highestOf(highest, each.id), floor)',
        replace: 'floor',
      },
    ],
  },
  {
    name: 'cached ballot without a quorum of grants',
    rule: 6,
    how: { directed: 'ungrantedNext' },
    edits: [{ file: round, find: ' || !isQuorum(round.quorum, round.nextGranted)', replace: '' }],
  },
  {
    name: 'a write over a version that no majority holds',
    rule: 4,
    how: 'seeds',
    world: { peers: 3, faults: { loss: 0.8, crashes: 1 } },
    edits: [
      {
        file: round,
        find: '!unanimous && current !== null && applied',
        replace: '!unanimous && current === null && applied',
      },
    ],
  },
  {
    name: 'a failed precondition answered from the cache',
    rule: 6,
    how: 'seeds',
    edits: [
      {
        file: round,
        find: "if (applied.kind === 'refuse' && applied.answer === 'moved')\n      return answered(round, 'moved', cached.value, cached)",
        replace:
          "if (applied.kind === 'refuse') return answered(round, applied.answer, cached.value, cached)",
      },
    ],
  },
  {
    name: 'no read repair',
    rule: 7,
    how: { directed: 'unconfirmedRead' },
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
    name: 'a read that believes the highest report',
    rule: 7,
    how: { directed: 'unconfirmedRead' },
    edits: [
      {
        file: 'replication/reading.ts',
        find: "  reading.phase = 'replaying'\n",
        replace: '  return readAt(reading, highest.ballot)\n',
      },
    ],
  },
  {
    name: 'unconfirmed failed compare-and-set',
    rule: 4,
    how: { directed: 'unconfirmedRefusal' },
    edits: [{ file: round, find: "if (unanimous || applied.answer === 'moved')", replace: 'if (1 > 0)' }],
  },
  {
    name: 'no ceiling after a crash',
    rule: 3,
    how: 'seeds',
    edits: [
      { file: partitionState, find: '    floor: record.ceiling,\n', replace: '    floor: noBallot,\n' },
    ],
  },
  {
    name: 'promises forgotten without a ceiling',
    rule: 3,
    how: 'seeds',
    world: { limits: { promisesMax: 1 } },
    edits: [{ file: acceptor, find: '    partition.floor = partition.record.ceiling\n', replace: '' }],
  },
  {
    name: 'cached ballot kept across an epoch',
    rule: 6,
    how: { directed: 'newEpoch' },
    edits: [
      { file: coordinator, find: 'return cached.epoch === epoch ? cached : null', replace: 'return cached' },
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
    edits: [
      {
        file: 'node/driver/driver.ts',
        find: 'if (batch > this.#synced) this.#gated',
        replace: 'if (batch < 0) this.#gated',
      },
    ],
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
    world: { peers: 3, faults: { loss: 0.8, partitions: 0.5 } },
    edits: [{ file: register, find: 'if (!retried) return', replace: 'if (1 > 0) return' }],
  },
  {
    name: 'next reported on a repeated accept without a grant',
    rule: 2,
    how: 'seeds',
    world: { faults: { duplicates: 1, reorder: 1 } },
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
    world: { peers: 3, faults: { bitFlips: 1, crashes: 1, loss: 0.5 } },
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
    world: { peers: 3, faults: { lostTails: 1, partitions: 0.5 } },
    edits: [
      {
        file: 'node/driver/driver.ts',
        find: 'if (recordsLost) {',
        replace: 'if (this.#batch < 0) {',
      },
    ],
  },
  {
    name: 'a lost ceiling bounded by the own clock alone',
    rule: 3,
    how: { directed: 'lostCeilingUnasked' },
    edits: [{ file: acceptor, find: "head === 'damaged' && !partition.isBounded", replace: 'false' }],
  },
  {
    name: 'a lost ceiling that the others told of, forgotten',
    rule: 3,
    how: { directed: 'lostCeilingAsked' },
    edits: [
      {
        file: partitionState,
        find: 'const ceiling = highest(state.record.ceiling, met)',
        replace: 'const ceiling = state.record.ceiling',
      },
    ],
  },
  {
    name: 'operation ids of an earlier boot made again',
    rule: 5,
    how: { directed: 'sameMoment' },
    edits: [{ file: 'base/hlc.ts', find: '(incarnation & 0xff)', replace: '(incarnation & 0)' }],
  },
  {
    name: 'a peer that goes by its own clock alone',
    rule: 3,
    how: 'seeds',
    world: { peers: 3, faults: { clockJumps: 1, crashes: 1 } },
    edits: [
      {
        file: 'election/fleet-clock.ts',
        find: 'Math.min(highMs + slackMs, Math.max(lowMs - slackMs, ownMs))',
        replace: 'ownMs',
      },
    ],
  },
  {
    name: 'a peer that takes part before it knows the time',
    rule: 3,
    how: 'seeds',
    world: { peers: 3, faults: { clockJumps: 1, crashes: 1 } },
    edits: [
      { file: 'node/driver/fleet-clock.ts', find: 'return this.#isKnown\n  }', replace: 'return true\n  }' },
    ],
  },
  {
    name: 'a version that is not above its parent',
    rule: 13,
    how: 'seeds',
    world: { peers: 3, faults: { clockJumps: 1, skew: 1, loss: 0.4 } },
    edits: [
      {
        file: register,
        find: "version !== null && operation.id <= version ? 'moved' : 'written'",
        replace: "'written'",
      },
    ],
  },
  ...moveMutants,
  ...collectionMutants,
]
