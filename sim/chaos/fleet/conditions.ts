/** Which peers are up and which pairs are cut, from a moment until the next one noted. Pairs: `from to`, one way. */
export type Condition = {
  readonly atMs: number
  readonly up: ReadonlySet<string>
  readonly cuts: ReadonlySet<string>
}

/** What the fleet was like over the whole run, as whoever does it harm knows. */
export class Conditions {
  private readonly noted: Condition[] = []

  note(condition: Condition): void {
    this.noted.push(condition)
  }

  get all(): readonly Condition[] {
    return this.noted
  }

  /**
   * Whether a quorum of these owners was up, and able to talk with each other, all the time from `fromMs` to `toMs`.
   *
   * @param owners - names of the owners of a key.
   */
  hadQuorum(owners: readonly string[], fromMs: number, toMs: number): boolean {
    for (let at = this.indexAt(fromMs); at < this.noted.length && this.noted[at]!.atMs < toMs; at++) {
      if (!hasQuorum(owners, this.noted[at]!)) return false
    }
    return true
  }

  /** The condition that held at a moment; the first one before anything was noted. */
  private indexAt(ms: number): number {
    let low = 0
    let high = this.noted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.noted[middle]!.atMs <= ms) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

function hasQuorum(owners: readonly string[], { up, cuts }: Condition): boolean {
  const majority = Math.floor(owners.length / 2) + 1
  const alive = owners.filter(owner => up.has(owner))
  const grow = (chosen: readonly string[], from: number): boolean => {
    if (chosen.length === majority) return true
    for (let at = from; at < alive.length; at++) {
      const next = alive[at]!
      const fits = chosen.every(other => !cuts.has(`${other} ${next}`) && !cuts.has(`${next} ${other}`))
      if (fits && grow([...chosen, next], at + 1)) return true
    }
    return false
  }
  return grow([], 0)
}
