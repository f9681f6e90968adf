import type { StoreClock } from './deadline.ts'

/** Resolves so many milliseconds later by a clock, or a little later; with 0 once whatever else waits has had its turn. */
export const pauseFor = (clock: Pick<StoreClock, 'monotonicMs' | 'at'>, ms: number): Promise<void> =>
  new Promise(resolve => void clock.at(clock.monotonicMs() + ms, resolve))
