import type { ContextKey } from '../../base/ids.ts'

/** When which contexts expire: only those that do take memory. */
export class Expiries {
  readonly #atMs = new Map<ContextKey, number>()
  #nextMs: number | null = null

  /** @param atMs - 0 for never. */
  note(key: ContextKey, atMs: number): void {
    if (atMs === 0) {
      this.#atMs.delete(key)
      return
    }
    this.#atMs.set(key, atMs)
    if (this.#nextMs === null || atMs < this.#nextMs) this.#nextMs = atMs
  }

  /** When the first of them may have expired; null while none does. */
  get nextMs(): number | null {
    return this.#nextMs
  }

  /** Those that have expired by now; they are forgotten. Cost: a look at all of them, and only when one is due. */
  take(wallMs: number): ContextKey[] {
    if (this.#nextMs === null || this.#nextMs > wallMs) return []
    const expired: ContextKey[] = []
    this.#nextMs = null
    for (const [key, atMs] of this.#atMs) {
      if (atMs <= wallMs) {
        expired.push(key)
        this.#atMs.delete(key)
      } else if (this.#nextMs === null || atMs < this.#nextMs) this.#nextMs = atMs
    }
    return expired
  }
}
