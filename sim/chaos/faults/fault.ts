import type { Random } from '../../../base/random.ts'
import type { ChaosFleet } from '../fleet/fleet.ts'

/** A fault that has struck. */
export type Struck = {
  /** What was done, in words. */
  readonly what: string
  /** Undoes it, and waits until it is undone. */
  heal(): Promise<void>
}

/**
 * One kind of fault. To add one: write it in a file of this folder and put it into the list of kinds.ts.
 */
export type FaultKind = {
  readonly name: string
  /** One fault at a time in each lane: what befalls processes, their clocks, their network, and who is a member. */
  readonly lane: 'peers' | 'clocks' | 'network' | 'members'
  /** How often it is drawn among those of its lane. */
  readonly weight: number
  /** Shortest and longest time that it lasts, in milliseconds. */
  readonly lastsMs: readonly [number, number]
  /** About how long it takes to undo it, in milliseconds: the next fault of the lane waits for that. */
  readonly healsMs: number
  /**
   * Strikes. Draws what it needs from `random` alone, which belongs to this one fault.
   *
   * @returns null when there was nothing to strike.
   */
  strike(fleet: ChaosFleet, random: Random): Promise<Struck | null>
}
