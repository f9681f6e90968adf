import type { DecisionGraph, DecisionLink, DecisionNode } from './api.ts'
import { addressOf, type Entry, type Link } from './entry.ts'
import type { Sight, Snapshot } from './snapshot.ts'

export type WalkAsk = {
  readonly root: Entry
  readonly snapshot: Snapshot
  readonly sees: Sight
  readonly directions: readonly ('before' | 'after')[]
  readonly hops: number
  readonly limit: number
  /** Reads what the snapshot does not have, all at once; null where nothing is that the asker may read. */
  readonly fetch: (places: readonly string[]) => Promise<readonly (Entry | null)[]>
}

type Node = { entry: Entry | null; hop: number; direction: DecisionNode['direction'] }
type Step = {
  readonly place: string
  readonly link: { from: string; to: string; relation: Link['relation'] }
}

/**
 * Walks the graph of decisions from one context, level by level: `before` along what is followed and superseded, `after`
 * against it, and never both in turns, which would lead to everything. A context is met once in each direction, so that
 * circles end.
 */
export class DecisionWalk {
  readonly #ask: WalkAsk
  readonly #nodes = new Map<string, Node>()
  readonly #links = new Map<string, Step['link']>()
  readonly #truncated = new Set<'hops' | 'limit'>()

  constructor(ask: WalkAsk) {
    this.#ask = ask
    this.#nodes.set(ask.root.place, { entry: ask.root, hop: 0, direction: 'self' })
  }

  async run(): Promise<Pick<DecisionGraph, 'nodes' | 'links' | 'unclear' | 'truncated'>> {
    for (const direction of this.#ask.directions) await this.#walk(direction)
    const nodes = [...this.#nodes].sort(
      ([placeA, a], [placeB, b]) => a.hop - b.hop || (placeA < placeB ? -1 : 1),
    )
    const links = [...this.#links.values()].map(
      ({ from, to, relation }): DecisionLink => ({ from: this.#named(from), to: this.#named(to), relation }),
    )
    return {
      nodes: nodes.map(([place, node]) => this.#describe(place, node)),
      links,
      unclear: nodes.flatMap(([place, { entry }]) =>
        (entry?.unclear ?? []).map(reference => ({ from: this.#named(place), reference })),
      ),
      truncated: [...this.#truncated],
    }
  }

  async #walk(direction: 'before' | 'after'): Promise<void> {
    const met = new Set([this.#ask.root.place])
    let frontier = [this.#ask.root.place]
    for (let hop = 1; frontier.length > 0; hop++) {
      const steps = frontier.flatMap(place => this.#steps(place, direction))
      const fresh = [...new Set(steps.map(({ place }) => place))].filter(place => !met.has(place))
      if (hop > this.#ask.hops) {
        if (fresh.length > 0) this.#truncated.add('hops')
        // Links between what was met anyway are part of the answer.
        for (const { link } of steps) this.#join(link)
        return
      }
      for (const place of fresh) met.add(place)
      const taken = fresh.filter(place => this.#take(place, hop, direction))
      if (taken.length < fresh.length) this.#truncated.add('limit')
      await this.#fill(taken)
      for (const { link } of steps) this.#join(link)
      frontier = taken
    }
  }

  #steps(place: string, direction: 'before' | 'after'): Step[] {
    const { snapshot, sees } = this.#ask
    if (direction === 'before') {
      const { entry } = this.#nodes.get(place)!
      return (entry?.links ?? []).map(({ relation, place: to }) => ({
        place: to,
        link: { from: place, to, relation },
      }))
    }
    return snapshot
      .incoming(place)
      .filter(({ from }) => sees(from))
      .map(({ relation, from }) => ({ place: from.place, link: { from: from.place, to: place, relation } }))
  }

  /** @returns false where the answer is full. */
  #take(place: string, hop: number, direction: 'before' | 'after'): boolean {
    const known = this.#nodes.get(place)
    if (known !== undefined) {
      if (known.direction !== direction && known.direction !== 'self') known.direction = 'both'
      known.hop = Math.min(known.hop, hop)
      return true
    }
    if (this.#nodes.size >= this.#ask.limit) return false
    this.#nodes.set(place, { entry: null, hop, direction })
    return true
  }

  async #fill(places: readonly string[]): Promise<void> {
    const { snapshot, sees, fetch } = this.#ask
    const unknown: string[] = []
    for (const place of places) {
      const node = this.#nodes.get(place)!
      if (node.entry !== null) continue
      const entry = snapshot.at(place)
      if (entry !== null && sees(entry)) node.entry = entry
      else unknown.push(place)
    }
    const fetched = unknown.length === 0 ? [] : await fetch(unknown)
    for (const [at, place] of unknown.entries()) this.#nodes.get(place)!.entry = fetched[at] ?? null
  }

  #join(link: Step['link']): void {
    if (!this.#nodes.has(link.from) || !this.#nodes.has(link.to)) return
    this.#links.set(`${link.from} ${link.relation} ${link.to}`, link)
  }

  #describe(place: string, { entry, hop, direction }: Node): DecisionNode {
    const { snapshot, sees } = this.#ask
    const { standing, by } = snapshot.standingOf(place, entry?.status ?? null, sees)
    return {
      address: this.#named(place),
      direction,
      hop,
      version: entry?.version ?? null,
      writtenAt: entry?.writtenAt ?? null,
      author: entry?.author ?? null,
      title: entry?.title ?? null,
      reason: entry?.reason ?? null,
      status: entry?.status ?? null,
      confidence: entry?.confidence ?? null,
      standing: entry === null ? null : standing,
      supersededBy: entry === null ? [] : by.map(addressOf),
    }
  }

  /** A place as an address of what stands there now. */
  #named(place: string): string {
    const entry = this.#nodes.get(place)?.entry
    return entry ? addressOf(entry) : nowAt(place)
  }
}

/** The canonical text of a place has no temporal segment; an address has. */
export const nowAt = (place: string): string => place.replace(/^(ucxl:\/\/[^/]*\/)/, '$1*^/')
