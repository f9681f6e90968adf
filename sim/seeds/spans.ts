/** Which seeds were run, as few spans from first to last as possible. */
export class SeedSpans {
  private spans: (readonly [first: number, last: number])[] = []

  /** Ascending, apart from each other. */
  get list(): readonly (readonly [first: number, last: number])[] {
    return this.spans
  }

  add(seed: number): void {
    this.addSpan(seed, seed)
  }

  addSpan(first: number, last: number): void {
    const touching = this.spans.filter(([from, to]) => from <= last + 1 && to >= first - 1)
    const joined = [
      Math.min(first, ...touching.map(([from]) => from)),
      Math.max(last, ...touching.map(([, to]) => to)),
    ] as const
    this.spans = [...this.spans.filter(span => !touching.includes(span)), joined].sort(([a], [b]) => a - b)
  }

  firstShared(other: SeedSpans): number | null {
    for (const [first, last] of this.spans) {
      const shared = other.spans.find(([from, to]) => from <= last && to >= first)
      if (shared !== undefined) return Math.max(first, shared[0])
    }
    return null
  }

  words(): string {
    return this.spans.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
  }
}
