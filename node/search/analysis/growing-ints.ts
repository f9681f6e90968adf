/** Whole numbers from −1 to 2^31 − 1 in order, four bytes each. */
export class GrowingInts {
  #values = new Int32Array(2)
  #length = 0

  get length(): number {
    return this.#length
  }

  at(index: number): number {
    return this.#values[index]!
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Int32Array(this.#length + Math.max(2, this.#length >> 1))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#length++] = value
  }

  toArray(): number[] {
    return [...this.#values.subarray(0, this.#length)]
  }
}
