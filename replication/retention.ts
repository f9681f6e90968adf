import { hlcMs } from '../base/hlc.ts'
import type { Version } from '../base/ids.ts'

/** How much history a project keeps. A version goes only when every limit that is set lets it go. */
export type Retention = {
  /** The current version and those before it, at least 1; null: no limit by number. */
  readonly versions: number | null
  /** Versions that were written within so long; null: no limit by age. */
  readonly ageMs: number | null
}

/**
 * From which version on a history is to be kept.
 *
 * @param chain - versions, newest first and without a gap; the current one first.
 * @param isWhole - whether nothing follows the last of them.
 * @returns null when all that is known is to be kept, or nothing limits it. What stands now is always kept.
 */
export function keepFrom(
  chain: readonly Version[],
  isWhole: boolean,
  { versions, ageMs }: Retention,
  wallMs: number,
): Version | null {
  if (versions === null && ageMs === null) return null
  let oldest: Version | null = null
  for (const [at, version] of chain.entries()) {
    const isWithinNumber = versions === null ? false : at < Math.max(1, versions)
    const isWithinAge = ageMs === null ? false : hlcMs(version) + ageMs > wallMs
    if (at > 0 && !isWithinNumber && !isWithinAge) break
    oldest = version
  }
  return oldest === chain.at(-1) && isWhole ? null : oldest
}
