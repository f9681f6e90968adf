/** Whole numbers from −2^31 to 2^31 − 1 in order, four bytes each. */
export class GrowingInts {
  #values = new Int32Array(2)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** The numbers, and behind `length` whatever; good until the next `push`. */
  get values(): Int32Array {
    return this.#values
  }

  at(index: number): number {
    return this.#values[index]!
  }

  set(index: number, value: number): void {
    this.#values[index] = value
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Int32Array(this.#length + Math.max(2, this.#length >> 1))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#length++] = value
  }
}
