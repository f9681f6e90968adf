import type { StoreClock } from './deadline.ts'

/**
 * Resolves so many milliseconds later by a clock, or a little later; with 0 once whatever else waits has had its turn.
 *
 * @param stopped - resolves it at once, and lets go of the timer: a process that is done is not kept up by it.
 */
export const pauseFor = (
  clock: Pick<StoreClock, 'monotonicMs' | 'at'>,
  ms: number,
  stopped?: AbortSignal,
): Promise<void> =>
  new Promise(resolve => {
    if (stopped?.aborted) return resolve()
    const stop = () => {
      cancel()
      resolve()
    }
    const cancel = clock.at(clock.monotonicMs() + ms, () => {
      stopped?.removeEventListener('abort', stop)
      resolve()
    })
    stopped?.addEventListener('abort', stop, { once: true })
  })
