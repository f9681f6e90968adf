/** A map under two keys: putting them together as one text costs more than the second look. */
export class PairMap<A, B, V> {
  private readonly values = new Map<A, Map<B, V>>()

  get(first: A, second: B): V | undefined {
    return this.values.get(first)?.get(second)
  }

  set(first: A, second: B, value: V): void {
    const under = this.values.get(first)
    if (under === undefined) this.values.set(first, new Map([[second, value]]))
    else under.set(second, value)
  }

  *all(): Iterable<V> {
    for (const under of this.values.values()) yield* under.values()
  }
}
