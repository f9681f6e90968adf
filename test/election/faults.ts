import type { Random } from '../../base/random.ts'

export type FaultKind = 'pause' | 'restart' | 'mute' | 'deaf' | 'clog' | 'jump' | 'stepDown' | 'executor'

/** What goes wrong in one schedule, and how often. */
export type Faults = {
  /** Parts of the messages. */
  readonly loss: number
  readonly tail: number
  readonly duplicate: number
  readonly unknown: number
  readonly unreached: number
  /** On the average, between two faults of `kinds`. */
  readonly everyMs: number
  readonly kinds: readonly FaultKind[]
}

/** How far a clock's rate may be off (rule 11). */
export const rateSlackMax = 0.11
/** The longest that a question and its answer are under way. */
export const tailMs = 3_000

const allKinds: readonly FaultKind[] = [
  'pause',
  'restart',
  'mute',
  'deaf',
  'clog',
  'jump',
  'stepDown',
  'executor',
]

/** Which faults are on is drawn as well: a schedule with all of them at once reaches few states. */
export function drawFaults(random: Random): Faults {
  const sometimes = (most: number) => (random.chance(0.5) ? random.next() * most : 0)
  const kinds = allKinds.filter(() => random.chance(0.6))
  return {
    loss: sometimes(0.3),
    tail: sometimes(0.3),
    duplicate: sometimes(0.3),
    unknown: sometimes(0.3),
    unreached: sometimes(0.3),
    everyMs: random.pick([400, 1_500, 4_000]),
    kinds: kinds.length > 0 ? kinds : ['pause'],
  }
}
