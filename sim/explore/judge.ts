import type { Ballot, ContextKey, PartitionId, PeerId, Version } from '../../base/ids.ts'
import { noBallot } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import { assignmentAt, assignmentsOf, type View } from '../../dht/view.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import type { Operation, Outcome } from '../../replication/messages.ts'
import type { Change } from '../../replication/records.ts'
import { Epochs } from '../checker/epochs.ts'
import { KeyLedger, standingVersion } from '../checker/ledger.ts'

/** An operation under way: what was acknowledged before it began must be in what it finds. */
export type Asked = { readonly operation: Operation; readonly acknowledged: ReadonlySet<Version> }

/** What the judge sees of a peer: what is durable there, and the view in force. */
export type Seat = { readonly view: View; ballotOf(key: ContextKey): Ballot }

/**
 * The invariants of PROTOCOL on pure peers, where everything that is saved is durable at once: one value per ballot, one
 * chain of chosen versions, ballots only with the grants of a quorum of one epoch, nothing chosen left behind by a move,
 * no acknowledged write lost.
 */
export class Judge {
  readonly complaints: string[] = []
  readonly #epochs = new Epochs()
  readonly #ledgers = new Map<ContextKey, KeyLedger>()
  readonly #acknowledged = new Map<ContextKey, Set<Version>>()
  /** What was acknowledged of keys that were collected. */
  readonly #dead = new Map<ContextKey, readonly Version[]>()
  /** The epochs in which promises were asked for, by who asked whom under which id. */
  readonly #questions = new Map<string, number>()
  #newest: View

  constructor(view: View) {
    this.#newest = view
    this.#epochs.saw(view)
  }

  /** A view was agreed on. What was chosen before must be with a majority of whoever votes alone from now on. */
  agreed(view: View, seatOf: (peer: PeerId) => Seat): void {
    const before = this.#newest
    this.#newest = view
    this.#epochs.saw(view)
    for (const { partition, assignment } of assignmentsOf(view)) {
      const was = assignmentAt(before, partition)
      if (assignment.stage !== 'stable' || was.epoch === assignment.epoch) continue
      for (const [key, ledger] of this.#ledgers) {
        if (this.#partitionOf(key) !== partition) continue
        const chosen = ledger.lastChosen()
        const holders = assignment.owners.filter(owner => seatOf(owner).ballotOf(key) >= chosen)
        if (holders.length <= assignment.owners.length / 2)
          this.#complain(`stable, and ${chosen} is held by ${holders.join(', ') || 'nobody'}`)
      }
    }
  }

  sent(from: PeerId, to: PeerId, message: PeerMessage): void {
    if (message.kind === 'prepare' || message.kind === 'accept')
      this.#questions.set(`${from} ${to} ${message.id}`, message.epoch)
    if (message.kind !== 'accept') return
    const ledger = this.#ledger(message.key)
    if (!ledger.isProposed(message.ballot) && !ledger.hasGrants(message.ballot, from))
      this.#complain(`${from} proposes under ${message.ballot}, and no quorum told it that it may`)
    this.#complain(ledger.propose(message.ballot, message.value))
  }

  /** A proposer may count only what it was told. */
  arrived(from: PeerId, to: PeerId, message: PeerMessage): void {
    const isGrant =
      message.kind === 'promise' ? message.granted : message.kind === 'accepted' && message.nextGranted
    if (!isGrant || !('promised' in message)) return
    const epoch = this.#questions.get(`${to} ${from} ${message.id}`)
    // A ballot names its key nowhere: it is granted in the ledgers of all, and proposed in one.
    if (epoch !== undefined)
      for (const ledger of this.#ledgers.values()) ledger.grant(message.promised, from, epoch)
  }

  saved(peer: PeerId, change: Change, view: View): void {
    if (change.kind !== 'head') return
    const epoch = assignmentAt(view, this.#partitionOf(change.key)).epoch
    this.#complain(this.#ledger(change.key).accept(change.head.accepted, peer, epoch))
  }

  /** A peer goes on in a newer epoch with what it held: a quorum of them that agrees is what a read returns. */
  adopted(seats: Iterable<readonly [PeerId, Seat]>): void {
    const all = [...seats]
    for (const [key, ledger] of this.#ledgers) {
      const partition = this.#partitionOf(key)
      for (const [peer, { view, ballotOf }] of all) {
        const ballot = ballotOf(key)
        if (ballot === noBallot) continue
        const { epoch } = assignmentAt(view, partition)
        const isOne = (other: PeerId) =>
          all.some(
            ([who, seat]) =>
              who === other &&
              seat.ballotOf(key) === ballot &&
              assignmentAt(seat.view, partition).epoch === epoch,
          )
        const groups = this.#epochs.groupsOf(partition).get(epoch) ?? []
        if (!groups.some(group => group.includes(peer))) continue
        if (groups.every(group => group.filter(isOne).length > group.length / 2))
          this.#complain(ledger.choose(ballot))
      }
    }
  }

  asked(operation: Operation): Asked {
    this.#ledger(operation.key)
    return { operation, acknowledged: new Set(this.#acknowledged.get(operation.key)) }
  }

  /** Rule 9 was carried out on a key, by hand: nothing that was there may come back. */
  collected(key: ContextKey): void {
    this.#dead.set(key, [...(this.#acknowledged.get(key) ?? [])])
    this.#acknowledged.delete(key)
    this.#ledgers.delete(key)
  }

  /** Invariants 5 and 6, as far as they can be told at once: what is answered stands, and rests on all that was acknowledged. */
  answered({ operation, acknowledged }: Asked, outcome: Outcome): void {
    const { key } = operation
    const ledger = this.#ledger(key)
    const told = standingVersion(outcome)
    if (told !== null && !ledger.isHeld(told))
      this.#complain(`the answer ${outcome.kind} rests on ${told}, which no majority holds`)
    if (told !== null && this.#dead.get(key)?.includes(told))
      this.#complain(`${told} was deleted and collected, and is back`)
    const isSight = outcome.kind === 'found' || outcome.kind === 'absent' || outcome.kind === 'written'
    for (const version of isSight ? acknowledged : []) {
      if (told !== null && ledger.descends(told, version)) continue
      // A retried write may stand under versions that followed it.
      if (outcome.kind === 'written' && told !== null && ledger.descends(version, told)) continue
      this.#complain(`${outcome.kind} ${told ?? ''}: ${version} was acknowledged before and is lost`)
    }
    if (outcome.kind !== 'written') return
    const known = this.#acknowledged.get(key) ?? new Set()
    this.#acknowledged.set(key, known.add(outcome.version))
  }

  #ledger(key: ContextKey): KeyLedger {
    let ledger = this.#ledgers.get(key)
    if (ledger === undefined) {
      ledger = new KeyLedger(this.#epochs.groupsOf(this.#partitionOf(key)))
      this.#ledgers.set(key, ledger)
    }
    return ledger
  }

  #partitionOf(key: ContextKey): PartitionId {
    return partitionOf(key, this.#newest.partitions.length)
  }

  #complain(wrong: string | null): void {
    if (wrong !== null) this.complaints.push(wrong)
  }
}
