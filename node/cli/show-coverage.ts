import type { Coverage } from '../store/catalogue/api.ts'
import type { Session } from './session.ts'

const partial = 3

/** Says what an answer does not speak of, and makes the exit code that of a partial one. */
export function noteCoverage(session: Session, { partitions, partitionsTotal, unlisted }: Coverage): void {
  if (partitions < partitionsTotal) {
    session.exitCode = partial
    session.err(
      `partial: the peer that was asked went through ${partitions} of ${partitionsTotal} partitions; ` +
        'other peers have the rest (--url)\n',
    )
  }
  if (unlisted > 0) {
    session.exitCode = partial
    session.err(
      `partial: ${unlisted} contexts are left out: sealed without their address by an early version, or too many\n`,
    )
  }
}
