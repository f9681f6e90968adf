import { type Ballot, type ContextKey, noBallot, type PeerId } from '../../base/ids.ts'
import { PairMap } from '../pair-map.ts'

export type Grant = {
  readonly peer: PeerId
  readonly key: ContextKey
  readonly ballot: Ballot
  readonly how: 'accepted' | 'granted a promise of' | 'granted next'
  /** A value that it holds already may be acknowledged again below a later promise (rule 2). */
  readonly isAgain: boolean
}

/** Invariant 3: over events no grant of a peer for a key may be below an earlier one, in whatever boot. */
export class Grants {
  /** Of one event of the world: their frames leave peer by peer, not in the order of the steps. */
  private grants: Grant[] = []
  private step = -1
  private readonly highest = new PairMap<PeerId, ContextKey, Ballot>()
  private readonly stepNow: () => number
  private readonly broken: (grant: Grant, before: Ballot) => void

  /** @param stepNow - number of the event that is being carried out. */
  constructor(stepNow: () => number, broken: (grant: Grant, before: Ballot) => void) {
    this.stepNow = stepNow
    this.broken = broken
  }

  add(grant: Grant): void {
    if (this.step !== this.stepNow()) this.settle()
    this.step = this.stepNow()
    this.grants.push(grant)
  }

  /** Within one event the lowest ballot went first. */
  settle(): void {
    const { grants } = this
    this.grants = []
    if (grants.length > 1) grants.sort((a, b) => (a.ballot < b.ballot ? -1 : 1))
    for (const grant of grants) {
      const { peer, key, ballot } = grant
      const before = this.highest.get(peer, key) ?? noBallot
      if (ballot >= before) this.highest.set(peer, key, ballot)
      else if (!grant.isAgain) this.broken(grant, before)
    }
  }
}
