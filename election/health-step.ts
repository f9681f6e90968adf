import type { PeerId } from '../base/ids.ts'
import type { Report } from './report.ts'

/**
 * What the fleet takes a member for, as this process sees it. Advice only: where to send first, whom to replace after
 * a long while; no rule's safety rests on it.
 *
 * `suspect`: silent for this process, what the others say is not known yet; or back and not yet steady.
 * `unreachable`: from here; most others hear it. `down`: most of those who report suspect it. `flapping`: it came and
 * went several times, and has to stay for longer each time before it counts as up.
 */
export type HealthState = 'up' | 'suspect' | 'unreachable' | 'down' | 'flapping'

/** Past events. At start a health wants `membersChanged`. */
export type HealthInput =
  | { readonly kind: 'timePassed' }
  /** All members of the view, this process too. */
  | { readonly kind: 'membersChanged'; readonly members: readonly PeerId[] }
  /** A heartbeat, or any other frame, of a peer. */
  | { readonly kind: 'heard'; readonly peer: PeerId }
  /**
   * By gossip, whose signature says who made it. It may be lost, repeated, late or a lie.
   * `ageMs`: since it was made, as far as the way of the gossip tells; 0 where it does not.
   */
  | {
      readonly kind: 'reportArrived'
      readonly from: PeerId
      readonly report: Report
      readonly ageMs: number
    }

export type HealthEffect =
  | {
      readonly kind: 'changed'
      readonly peer: PeerId
      readonly from: HealthState
      readonly to: HealthState
    }
  /** To be gossiped to all members. */
  | { readonly kind: 'share'; readonly report: Report }
  /** One timer: `timePassed` is wanted at or after this monotonic time; replaces the one before. */
  | { readonly kind: 'wake'; readonly atMs: number }
