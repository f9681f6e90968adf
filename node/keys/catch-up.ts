import { SlurpError } from '../../base/errors.ts'
import type { SecretEntry } from '../../crypto/registry/registry.ts'
import type { Clock } from '../ports/ports.ts'
import type { RoleVersion } from '../store/api.ts'
import { pauseFor } from '../store/pause.ts'
import type { Collector } from './collector.ts'

/** How long a reader waits for a key version that it has just heard of. */
const catchUpMs = 3_000
/** Whatever an envelope names: for what is in no registry the register is read so often, and no more. */
const lookAgainMs = 1_000

export type CatchUpParts = {
  readonly clock: Clock
  readonly collector: Collector
  /** Reads the register of keys. @throws SlurpError */
  readonly refresh: () => Promise<void>
  /** Resolves when another key is open, or wanted. */
  readonly changed: () => Promise<void>
}

/** A reader meets what others have sealed to key versions that are not here yet: waits until one of them is. */
export function catchUpOf(parts: CatchUpParts): (wanted: readonly RoleVersion[]) => Promise<void> {
  const { clock, collector, refresh, changed } = parts
  let lookedMs = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null
  const look = async () => {
    await pauseFor(clock, Math.max(0, lookedMs + lookAgainMs - clock.monotonicMs()))
    lookedMs = clock.monotonicMs()
    await refresh().catch((failure: unknown) => {
      if (!(failure instanceof SlurpError)) throw failure
    })
  }
  const isKnown = (wanted: readonly RoleVersion[]) =>
    collector
      .list()
      .some(({ entry }) =>
        wanted.some(each => each.name === entry.name && each.keyVersion === entry.keyVersion),
      )
  return async wanted => {
    const startMs = clock.monotonicMs()
    // Whoever comes meanwhile waits for the same look, and once more, as that may have begun too early.
    for (let looks = 0; looks < 2 && !isKnown(wanted); looks++) {
      looking ??= look().finally(() => {
        looking = null
      })
      await looking
    }
    const late = Promise.withResolvers<void>()
    const cancel = clock.at(startMs + catchUpMs, late.resolve)
    const isOpen = () => wanted.some(each => collector.identityOf(each as KeyName) !== null)
    while (isKnown(wanted) && !isOpen() && clock.monotonicMs() < startMs + catchUpMs)
      await Promise.race([changed(), late.promise])
    cancel()
  }
}

type KeyName = Pick<SecretEntry, 'name' | 'keyVersion'>
