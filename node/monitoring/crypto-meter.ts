import { Histogram } from 'prom-client'
import { SlurpError } from '../../base/errors.ts'
import type { CryptoOperation, CryptoOutcome, CryptoTimer } from '../../crypto/crypto-timer.ts'

/** What `/metrics` shows of work with keys. */
export class CryptoMeter implements CryptoTimer {
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
