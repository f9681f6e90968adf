import type { Coverage } from '../store/catalogue/api.ts'
import type { Session } from './session.ts'

const partial = 3

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
  if (unlisted > 0) {
    session.exitCode = partial
    session.err(
      `partial: ${unlisted} contexts are left out: sealed without their address by an early version, or too many\n`,
    )
  }
}
