import { hlcMs } from '../base/hlc.ts'
import type { Version } from '../base/ids.ts'

/** How much history a project keeps. A version goes only when every limit that is set lets it go. */
export type Retention = {
  /** The current version and those before it, at least 1; null: no limit by number. */
  readonly versions: number | null
  /**
   * Versions that stood within so long; null: no limit by age. The age of a version counts from when the next one was
   * written, so that whatever was read at a moment within the limit can be read as of that moment.
   */
  readonly ageMs: number | null
}

/** Whether nothing is ever trimmed. */
export const keepsAll = ({ versions, ageMs }: Retention): boolean => versions === null && ageMs === null

/**
 * Whether a rule that limits something keeps the version behind another one.
 *
 * @param at - how many versions are newer, at least 1.
 * @param newer - the version that replaced it.
 */
export function keepsBehind(
  { versions, ageMs }: Retention,
  at: number,
  newer: Version,
  wallMs: number,
): boolean {
  return (versions !== null && at < versions) || (ageMs !== null && hlcMs(newer) + ageMs > wallMs)
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
  rule: Retention,
  wallMs: number,
): Version | null {
  if (keepsAll(rule)) return null
  const end = chain.findIndex((_, at) => at > 0 && !keepsBehind(rule, at, chain[at - 1]!, wallMs))
  if (end < 0) return isWhole ? null : (chain.at(-1) ?? null)
  return chain[end - 1]!
}
