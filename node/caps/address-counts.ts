/** Counts what each address has open, so that nobody takes what is for the others. */
export class AddressCounts {
  readonly #max: number
  readonly #counts = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** @returns what is to be called once when it is closed; null: it is one too many, and not counted. */
  enter(address: string): (() => void) | null {
    const count = (this.#counts.get(address) ?? 0) + 1
    if (count > this.#max) return null
    this.#counts.set(address, count)
    return () => {
      const left = this.#counts.get(address)! - 1
      if (left === 0) this.#counts.delete(address)
      else this.#counts.set(address, left)
    }
  }
}
