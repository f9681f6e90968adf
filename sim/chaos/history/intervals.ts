import type { Version } from '../../../base/ids.ts'
import type { Expected } from '../../../replication/messages.ts'
import type { RegisterOperation } from '../../checker/context-register.ts'
import type { Interval } from '../../checker/linearizability.ts'
import type { Call } from './call.ts'
import type { Chain } from './chain.ts'

/**
 * The calls of one address as the checker of the simulator takes them. A write without an answer counts with the
 * version that the final history gives it; one that is not in there never took effect. A tombstone that nobody was
 * told of is some unanswered deletion: it counts from the first of those that may have made it.
 */
export function intervalsOf(calls: readonly Call[], chain: Chain): Interval<RegisterOperation>[] {
  const intervals = calls.flatMap(call => operationsOf(call, chain))
  for (const { version } of chain.orphans(calls)) {
    intervals.push({
      operation: wrote(version, null, chain.parentOf(version), false),
      calledAt: Math.min(...chain.deletersOf(version, calls).map(call => call.calledAt)),
      returnedAt: null,
    })
  }
  return intervals
}

function operationsOf(call: Call, chain: Chain): Interval<RegisterOperation>[] {
  const { ask, outcome, calledAt, returnedAt } = call
  const known = (...operations: RegisterOperation[]) =>
    operations.map(operation => ({ operation, calledAt, returnedAt }))
  const ifVersion = ask.kind === 'put' || ask.kind === 'delete' ? ask.ifVersion : null
  switch (outcome.kind) {
    case 'written':
    case 'deleted':
      return known(
        wrote(outcome.version, ifVersion, chain.parentOf(outcome.version), outcome.kind === 'written'),
      )
    case 'found':
      return known(saw(outcome.version))
    case 'versions':
      return known(saw(outcome.entries[0]?.version ?? null))
    case 'nothing':
      return known(ask.kind === 'history' ? saw(null) : { kind: 'sawDead' })
    case 'conflict':
      return known(
        { kind: 'conflicted', expect: expected(ifVersion) },
        outcome.current === null ? { kind: 'sawDead' } : saw(outcome.current),
      )
    case 'refused':
      return []
    case 'unknown': {
      const version = chain.versionOf(call)
      if (version === null) return []
      const operation = wrote(version, ifVersion, chain.parentOf(version), true)
      return [{ operation, calledAt, returnedAt: null }]
    }
  }
}

const expected = (ifVersion: string | null): Expected => (ifVersion ?? 'any') as Expected

const saw = (version: string | null): RegisterOperation => ({
  kind: 'saw',
  version: version as Version | null,
})

const wrote = (
  version: string,
  ifVersion: string | null,
  parent: string | null | undefined,
  makesLive: boolean,
): RegisterOperation => ({
  kind: 'wrote',
  id: version as Version,
  expect: expected(ifVersion),
  parent: (parent === undefined ? 'any' : parent) as Version | null | 'any',
  makesLive,
})
