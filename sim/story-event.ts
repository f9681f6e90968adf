/** What became of a frame after it was handed to the network; a duplicate arrives more than once. */
export type Fate = { readonly arrivedAtMs: number[]; stoppedBy: 'cut' | 'loss' | null }

/**
 * Something that a story tells. Peers and callers are named as in the story, `p1` and `c1`; spans are in virtual
 * milliseconds.
 *
 * A new kind needs a line here, its words in `wordsOf` and its place in the drawing (timeline/bars.ts for what
 * lasts, timeline/marks.ts for what happens at once); the compiler names all three. Until then a plain text will do:
 * it is `noted`, and drawn as a square on the lanes of the peers that it names.
 */
export type Happening =
  | {
      readonly kind: 'sent'
      readonly from: string
      readonly to: string
      /** Its kind. */
      readonly message: string
      readonly what: string
      readonly fate: Fate
    }
  /** A caller asks `peer` for something; null while it only makes up its mind. */
  | { readonly kind: 'called'; readonly client: string; readonly peer: string | null; readonly what: string }
  /** A caller is told something; not by `peer` when nobody answered in time. */
  | {
      readonly kind: 'answered'
      readonly client: string
      readonly peer: string
      readonly isLost: boolean
      readonly what: string
    }
  | { readonly kind: 'started'; readonly peer: string; readonly boot: number }
  | { readonly kind: 'died'; readonly peer: string; readonly why: string }
  | { readonly kind: 'paused'; readonly peer: string; readonly forMs: number }
  | {
      readonly kind: 'cut'
      readonly from: readonly string[]
      readonly to: readonly string[]
      readonly bothWays: boolean
      readonly forMs: number
    }
  | { readonly kind: 'clogged'; readonly from: string; readonly to: string; readonly forMs: number }
  | { readonly kind: 'clockJumped'; readonly peer: string; readonly byMs: number }
  | { readonly kind: 'diskSlowed'; readonly peer: string; readonly factor: number; readonly forMs: number }
  | { readonly kind: 'diskFilled'; readonly peer: string; readonly forMs: number }
  | { readonly kind: 'bitFlipped'; readonly peer: string }
  | {
      readonly kind: 'batchesLost'
      readonly peer: string
      readonly batches: number
      readonly inTheMiddle: boolean
    }
  | { readonly kind: 'faultsEnded' }
  | { readonly kind: 'broken'; readonly invariant: number | string; readonly what: string }
  | { readonly kind: 'noted'; readonly what: string }

/** What may be told: plain text is told as `noted`. */
export type Telling = string | Happening

export type StoryEvent = Happening & { readonly atMs: number }

/** A story as data: what befell one key and the machines, in the order of virtual time. */
export type Tale = {
  /** Names of the peers that own the key at the start; none without a key. */
  readonly owners: readonly string[]
  /** Events before `events` that are not told. */
  readonly leftOut: number
  /** Those of them whose effect lasts into `events`: who is down, paused, cut off. */
  readonly standing: readonly StoryEvent[]
  readonly events: readonly StoryEvent[]
}

/** One event in words, without its time. */
export function wordsOf(event: Happening): string {
  switch (event.kind) {
    case 'sent':
      return `${event.from} -> ${event.to}  ${event.what}`
    case 'called':
    case 'answered':
      return `${event.client} ${event.what}`
    case 'started':
      return `${event.peer} starts, boot ${event.boot}`
    case 'died':
      return `${event.peer} is dead: ${event.why}`
    case 'paused':
      return `${event.peer} stands still for ${Math.round(event.forMs)} ms`
    case 'cut': {
      const oneWay = event.bothWays ? '' : ', one way'
      return `cut ${event.from.join(' ')} | ${event.to.join(' ')}${oneWay}, for ${Math.round(event.forMs)} ms`
    }
    case 'clogged':
      return `frames from ${event.from} to ${event.to} wait for ${Math.round(event.forMs)} ms`
    case 'clockJumped':
      return `the wall clock of ${event.peer} jumps by ${event.byMs} ms`
    case 'diskSlowed':
      return `the disk of ${event.peer} is ${Math.round(event.factor)} times slower`
    case 'diskFilled':
      return `the disk of ${event.peer} is full`
    case 'bitFlipped':
      return `a bit flips on the disk of ${event.peer}`
    case 'batchesLost':
      return `the disk of ${event.peer} loses ${event.batches} batches${event.inTheMiddle ? ' in the middle' : ''}`
    case 'faultsEnded':
      return 'all faults end'
    case 'broken':
      return `BROKEN ${event.invariant}: ${event.what}`
    case 'noted':
      return event.what
  }
}

/** The tale as lines of text, seconds of virtual time on the left. */
export function linesOf(tale: Tale): string[] {
  const head = tale.leftOut > 0 ? [`(${tale.leftOut} earlier lines left out)`] : []
  return [
    ...head,
    ...tale.events.map(event => `${(event.atMs / 1000).toFixed(4).padStart(10)}  ${wordsOf(event)}`),
  ]
}
