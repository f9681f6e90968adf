import type { Relation, Standing } from './api.ts'
import type { Entry, Link } from './entry.ts'

/** A link seen from what it names. */
export type Incoming = { readonly relation: Relation; readonly from: Entry }

/** What one asker may see of a catalogue at one moment. */
export type Sight = (entry: Entry) => boolean

/** Everything that a catalogue knew at one moment, with the ways through it. Made once for as long as nothing changes. */
export class Snapshot {
  /** By `order`. */
  readonly sorted: readonly Entry[]
  readonly #byPlace: ReadonlyMap<string, Entry>
  #incoming: ReadonlyMap<string, readonly Incoming[]> | null = null

  constructor(entries: Iterable<Entry>) {
    this.sorted = [...entries].sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    this.#byPlace = new Map(this.sorted.map(entry => [entry.place, entry]))
  }

  at(place: string): Entry | null {
    return this.#byPlace.get(place) ?? null
  }

  /** Who names this place in its decision, in the order of the list. */
  incoming(place: string): readonly Incoming[] {
    this.#incoming ??= incomingOf(this.sorted)
    return this.#incoming.get(place) ?? []
  }

  /** The first entry that is not before `order`. */
  indexFrom(order: string): number {
    let [low, high] = [0, this.sorted.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.sorted[middle]!.order < order) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Whether what stands at a place still holds, and who supersedes it. @param status - of its own decision. */
  standingOf(
    place: string,
    status: string | null,
    sees: Sight,
  ): { standing: Standing; by: readonly Entry[] } {
    const by = this.incoming(place)
      .filter(({ relation, from }) => relation === 'supersedes' && sees(from))
      .map(({ from }) => from)
      // Who was withdrawn replaces nothing.
      .filter(({ status }) => standingIn(status) !== 'withdrawn')
    const own = standingIn(status)
    return { standing: own === 'stands' && by.length > 0 ? 'superseded' : own, by }
  }
}

const superseded = new Set(['superseded', 'replaced', 'obsolete', 'obsoleted'])
const withdrawn = new Set(['withdrawn', 'retracted', 'revoked'])

/** The first word of a status counts: of `withdrawn/alpha`, `withdrawn`. */
function standingIn(status: string | null): Standing {
  const word = /^[a-z]+/.exec(status?.trim().toLowerCase() ?? '')?.[0] ?? ''
  return withdrawn.has(word) ? 'withdrawn' : superseded.has(word) ? 'superseded' : 'stands'
}

function incomingOf(entries: readonly Entry[]): Map<string, Incoming[]> {
  const incoming = new Map<string, Incoming[]>()
  const add = (from: Entry, { relation, place }: Link) => {
    const known = incoming.get(place)
    if (known === undefined) incoming.set(place, [{ relation, from }])
    else known.push({ relation, from })
  }
  for (const entry of entries) for (const link of entry.links) add(entry, link)
  return incoming
}
