import { type Ballot, type ContextKey, noBallot, type PartitionId, type PeerId } from '../../base/ids.ts'
import { PairMap } from '../pair-map.ts'
import type { GroupsByEpoch, KeyLedger } from './ledger.ts'

export type CollectionsOptions = {
  /** Ballot of what a peer holds durably, noBallot for nothing. */
  readonly durableBallot: (peer: PeerId, key: ContextKey) => Ballot
  readonly ledger: (key: ContextKey) => KeyLedger
  readonly groupsOf: (partition: PartitionId) => GroupsByEpoch
}

/** What was collected by rule 9, seen from the disks: a head that is gone, and a floor that reached it. */
export class Collections {
  private readonly options: CollectionsOptions
  private readonly floors = new PairMap<PeerId, PartitionId, Ballot>()
  /** What a peer held when it collected a key: messages about that may still be on their way. */
  private readonly dropped = new PairMap<PeerId, ContextKey, Ballot>()
  /** Dead ballots that every acceptor of an epoch held, or had dropped, at one time: they may be collected. */
  private readonly over = new Map<ContextKey, Set<Ballot>>()

  constructor(options: CollectionsOptions) {
    this.options = options
  }

  /** The floor of a partition on the disk of a peer. @returns whether it is another one than before. */
  floorIs(peer: PeerId, partition: PartitionId, floor: Ballot): boolean {
    if (this.floorOf(peer, partition) === floor) return false
    this.floors.set(peer, partition, floor)
    return true
  }

  /** What a peer holds, or held when it collected the key. */
  everHeld(peer: PeerId, key: ContextKey): Ballot {
    const dropped = this.dropped.get(peer, key) ?? noBallot
    const held = this.options.durableBallot(peer, key)
    return held > dropped ? held : dropped
  }

  /** Rule 9: whether all acceptors of an epoch hold the same dead ballot, or nothing that could come back below it. */
  look(key: ContextKey, partition: PartitionId): void {
    const { durableBallot, groupsOf, ledger } = this.options
    for (const [owners, other] of groupsOf(partition).values()) {
      if (owners === undefined || other !== undefined) continue
      const ballot = owners.map(owner => durableBallot(owner, key)).find(each => each !== noBallot)
      if (ballot === undefined || !ledger(key).isDead(ballot)) continue
      const isOver = owners.every(owner => {
        const held = durableBallot(owner, key)
        return held === ballot || (held === noBallot && this.floorOf(owner, partition) >= ballot)
      })
      if (isOver) this.over.set(key, (this.over.get(key) ?? new Set()).add(ballot))
    }
  }

  /** The head of a key is gone from the disk of an acceptor. @returns whether rule 9 allowed it. */
  isCollection(peer: PeerId, key: ContextKey, partition: PartitionId, ballot: Ballot): boolean {
    if (!this.over.get(key)?.has(ballot) || this.floorOf(peer, partition) < ballot) return false
    this.dropped.set(peer, key, ballot)
    return true
  }

  private floorOf(peer: PeerId, partition: PartitionId): Ballot {
    return this.floors.get(peer, partition) ?? noBallot
  }
}
