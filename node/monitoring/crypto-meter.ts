import { Histogram } from 'prom-client'
import { SlurpError } from '../../base/errors.ts'

/** `collect`: from wanting a key until it is open, messages included. */
export type CryptoOperation = 'seal' | 'open' | 'release' | 'collect' | 'rotate'
export type CryptoOutcome = 'done' | 'refused' | 'failed'

/** What is timed, from where it is done. */
export type CryptoTimer = Pick<CryptoMeter, 'timed'>

/** Counts what a process does with keys, and how long it takes. One observation costs about a microsecond. */
export class CryptoMeter {
  readonly durations = new Histogram({
    name: 'slurp_crypto_duration_seconds',
    help: 'Work with keys: sealing and opening contexts, releasing shares, collecting keys, rotating roles',
    labelNames: ['operation', 'outcome'] as const,
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 30],
    registers: [],
  })

  observe(operation: CryptoOperation, outcome: CryptoOutcome, milliseconds: number): void {
    this.durations.observe({ operation, outcome }, milliseconds / 1_000)
  }

  /** Counts a refusal with a code of ours as `refused`, anything else that is thrown as `failed`. */
  async timed<T>(operation: CryptoOperation, run: () => Promise<T>): Promise<T> {
    const startMs = performance.now()
    try {
      const result = await run()
      this.observe(operation, 'done', performance.now() - startMs)
      return result
    } catch (failure) {
      const outcome = failure instanceof SlurpError ? 'refused' : 'failed'
      this.observe(operation, outcome, performance.now() - startMs)
      throw failure
    }
  }
}
