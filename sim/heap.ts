/** What is to happen at a virtual time. Events of one time run in the order in which they were pushed. */
export type Event = { readonly atMs: number; readonly order: number; run: (() => void) | null }

/** Binary heap of events: the one place of the simulator that decides what comes next. */
export class EventHeap {
  private readonly events: Event[] = []
  private pushed = 0

  get size(): number {
    return this.events.length
  }

  push(atMs: number, run: () => void): Event {
    const event: Event = { atMs, order: this.pushed++, run }
    const { events } = this
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = events[parent]!
      if (!earlier(event, above)) break
      events[at] = above
      at = parent
    }
    events[at] = event
    return event
  }

  /** The earliest event, taken out; null when none is left. */
  pop(): Event | null {
    const { events } = this
    const first = events[0]
    const last = events.pop()
    if (first === undefined || last === undefined) return null
    if (events.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= events.length) break
      if (child + 1 < events.length && earlier(events[child + 1]!, events[child]!)) child++
      if (!earlier(events[child]!, last)) break
      events[at] = events[child]!
      at = child
    }
    events[at] = last
    return first
  }

  peekMs(): number | null {
    return this.events[0]?.atMs ?? null
  }
}

const earlier = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
