import type { Clock } from '../ports/ports.ts'

/** The clocks and the timers of this machine. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  at(atMs, wake) {
    const timer = setTimeout(wake, Math.max(0, Math.ceil(atMs - performance.now())))
    return () => clearTimeout(timer)
  },
  soon(run) {
    setImmediate(run)
  },
}
