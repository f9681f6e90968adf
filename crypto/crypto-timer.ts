/** `collect`: from wanting a key until it is open, messages included. */
export type CryptoOperation = 'seal' | 'open' | 'release' | 'collect' | 'rotate'
export type CryptoOutcome = 'done' | 'refused' | 'failed'

/** Counts what a process does with keys, and how long it takes. */
export interface CryptoTimer {
  observe(operation: CryptoOperation, outcome: CryptoOutcome, milliseconds: number): void
  /** Counts a refusal with a code of ours as `refused`, anything else that is thrown as `failed`. */
  timed<T>(operation: CryptoOperation, run: () => Promise<T>): Promise<T>
}
