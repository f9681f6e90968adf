/**
 * The time of a fleet: the median of its members' wall clocks. No minority of wrong clocks moves it, as a median lies
 * between two clocks of any majority. Only raw clocks go into it: were a clock told that had followed the median,
 * all could follow each other away. Advice only: it keeps service and votes, no rule's safety rests on it.
 *
 * All clocks are compared at one moment, so any common zero will do; here it is that of a monotonic clock.
 * Source of the idea: Mills 1991, RFC 5905, section 11.2, without its intervals: seconds are exact enough.
 */

/** Between which two clocks the median of all lies, whatever the own one shows. */
export type MedianBounds = { readonly lowMs: number; readonly highMs: number }

/**
 * @param othersMs - clocks of the other members that are known.
 * @returns infinite where there is no such clock. Of an even number the lower one of the two in the middle counts: a
 * clock ahead leaves promises in its future, one behind leaves nothing.
 * Cost: sorts.
 */
export function medianBounds(othersMs: readonly number[]): MedianBounds {
  const sorted = [...othersMs].sort((a, b) => a - b)
  const at = Math.floor(sorted.length / 2)
  return {
    lowMs: sorted[at - 1] ?? Number.NEGATIVE_INFINITY,
    highMs: sorted[at] ?? Number.POSITIVE_INFINITY,
  }
}

/** The median of the others' clocks and the own one. */
export const medianWith = (bounds: MedianBounds, ownMs: number): number => within(bounds, ownMs, 0)

/** The own clock, or what is at most `slackMs` away from the median where it is not. */
export const within = ({ lowMs, highMs }: MedianBounds, ownMs: number, slackMs: number): number =>
  Math.min(highMs + slackMs, Math.max(lowMs - slackMs, ownMs))

/**
 * Whether a majority of all members shows the same time, to `spanMs`: then the median of those that are known is
 * right as long as a minority is wrong, whoever is heard of later.
 *
 * @param clocksMs - those that are known, the own one too.
 * @param members - of the fleet, known or not.
 */
export function majorityAgrees(clocksMs: readonly number[], members: number, spanMs: number): boolean {
  const majority = Math.floor(members / 2) + 1
  const sorted = [...clocksMs].sort((a, b) => a - b)
  return sorted.some((lowMs, at) => (sorted[at + majority - 1] ?? Number.POSITIVE_INFINITY) - lowMs <= spanMs)
}
