import type { SearchResult } from '../fleet-search/api.ts'
import type { Coverage } from '../store/catalogue/api.ts'
import type { Session } from './session.ts'

const partial = 3

const whys = {
  unreachable: 'cannot be reached',
  late: 'did not answer in time',
  blind: 'holds not all of these roles',
  sealed: 'is sealed',
  opening: 'is opening its index',
  filling: 'is filling its index',
  damaged: 'is mending its copy',
  otherIndex: 'has no index of this name, or makes it in another way',
  refused: 'does not answer this peer for these roles',
  failed: 'failed',
} as const

/** As {@link noteCoverage}, of a search. */
export function noteMissing(session: Session, { coverage, missing }: SearchResult): void {
  if (coverage === 1) return
  session.exitCode = partial
  for (const { partitions, peers } of missing) {
    const reasons = peers.map(({ name, why }) => `${name} ${whys[why]}`).join(', ')
    session.err(`partial: nothing is told of ${partitions} partitions: ${reasons}\n`)
  }
}

/** Says what an answer does not speak of, and makes the exit code that of a partial one. */
export function noteCoverage(session: Session, coverage: Coverage): void {
  const { partitions, partitionsHere, partitionsTotal, unlisted } = coverage
  if (partitions < partitionsTotal) {
    session.exitCode = partial
    const why =
      partitions < partitionsHere
        ? 'it is not through with its own disk yet, ask again'
        : 'other peers have the rest, ask them with --url'
    session.err(
      `partial: the peer that was asked went through ${partitions} of ${partitionsTotal} partitions; ${why}\n`,
    )
  }
  if (unlisted !== null && unlisted > 0) {
    session.exitCode = partial
    session.err(
      `partial: ${unlisted} contexts are left out: sealed without their address by an early version, or too many\n`,
    )
  }
}
