import {
  type Ballot,
  type ContextKey,
  noBallot,
  type PartitionId,
  type PeerId,
  type Version,
} from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import { assignmentAt, assignmentsOf, type View } from '../../dht/view.ts'
import { decodeFrame } from '../../node/driver/codec/wire.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import type { Disk, DiskChange } from '../../node/ports/ports.ts'
import type { Message, Value, VersionRecord } from '../../replication/messages.ts'
import { PairMap } from '../pair-map.ts'
import { Collections } from './collections.ts'
import { headOn, partitionOn, readBatch, viewOn } from './durable-records.ts'
import { Epochs } from './epochs.ts'
import { type Grant, Grants } from './grants.ts'
import { addIn, isMajority, KeyLedger } from './ledger.ts'
import { saysOnlyWhoIsThere } from './lone-kinds.ts'
import { doubt, newReplica, type Replica } from './replica.ts'
import { Tokens } from './tokens.ts'

/** Numbers are those of PROTOCOL; `bug`: an assertion of the peer itself. */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 8 | 9 | 10 | 11 | 13 | 14 | 'bug'
export type Breach = { readonly invariant: Invariant; readonly what: string; readonly key: ContextKey | null }

type Question = Extract<Message, { kind: 'prepare' | 'accept' | 'query' | 'replay' | 'backfill' }>

/**
 * Watches every frame that leaves and every batch that is durable, and compares them with invariants 1 to 5 and 8
 * at each step. It believes what was sent and stored, never what a peer thinks.
 */
export class Invariants {
  private newest: View
  private readonly epochs = new Epochs()
  readonly tokens = new Tokens()
  private readonly breached: (breach: Breach) => void
  private readonly collected: (key: ContextKey, version: Version) => void
  private readonly collections = new Collections({
    durableBallot: (peer, key) => this.durableBallot(peer, key),
    ledger: key => this.ledger(key),
    groupsOf: partition => this.epochs.groupsOf(partition),
  })
  private readonly ledgers = new Map<ContextKey, KeyLedger>()
  private readonly replicas = new Map<PeerId, Replica>()
  /** Questions of the running boots, by who asked, then whom and under which id. */
  private readonly questions = new Map<PeerId, PairMap<PeerId, number, Question>>()
  private readonly grants: Grants

  /**
   * @param stepNow - number of the event that is being carried out.
   * @param collected - a replica has dropped a key by rule 9: this version of it may be gone from now on.
   */
  constructor(
    view: View,
    stepNow: () => number,
    breached: (breach: Breach) => void,
    collected: (key: ContextKey, version: Version) => void,
  ) {
    this.newest = view
    this.grants = new Grants(stepNow, ({ peer, key, ballot, how }, before) =>
      this.breach(3, `${this.name(peer)} ${how} ${ballot} after it had granted ${before}`, key),
    )
    this.breached = breached
    this.collected = collected
    this.saw(view)
  }

  /** The newest view that is on some disk. */
  get view(): View {
    return this.newest
  }

  ledger(key: ContextKey): KeyLedger {
    let ledger = this.ledgers.get(key)
    if (ledger === undefined) {
      ledger = new KeyLedger(this.epochs.groupsOf(this.partitionOf(key)))
      this.ledgers.set(key, ledger)
    }
    return ledger
  }

  ownersOf(key: ContextKey): readonly PeerId[] {
    return assignmentAt(this.newest, this.partitionOf(key)).owners
  }

  /** Ballot of what `peer` holds durably for `key`, noBallot for nothing. */
  durableBallot(peer: PeerId, key: ContextKey): Ballot {
    return this.replicas.get(peer)?.heads.get(key) ?? noBallot
  }

  /** A process opened its disk: what is really there replaces what was believed. */
  opened(peer: PeerId, disk: Disk, recordsLost: boolean, genesis: View): void {
    const replica = this.replica(peer)
    this.questions.set(peer, new PairMap())
    const view = viewOn(disk) ?? genesis
    replica.view = view
    // It may have become durable with the end of the boot before, which never told of it (seed 8320096).
    this.saw(view)
    for (const { partition } of assignmentsOf(genesis)) {
      const record = partitionOn(disk, partition)
      if (record === null) replica.ceilings.delete(partition)
      else replica.ceilings.set(partition, record.ceiling)
      doubt(replica, partition, recordsLost || (record?.damagedBelow ?? noBallot) !== noBallot)
      this.collections.floorIs(peer, partition, record?.gcFloor ?? noBallot)
    }
    for (const key of this.ledgers.keys()) {
      const head = headOn(disk, key)
      // A batch may be durable of which the boot before was not told any more.
      if (head === 'damaged') replica.damaged.add(key)
      if (head === null || head === 'damaged') this.removed(peer, replica, key)
      else this.stored(peer, replica, key, head.accepted, head.value, null)
    }
    if (view.epoch > this.newest.epoch) this.adopted(replica, view)
  }

  /** A batch was reported durable to the process of `peer`. */
  durable(peer: PeerId, batch: readonly DiskChange[]): void {
    const replica = this.replica(peer)
    let adopted: View | null = null
    const changes = readBatch(batch)
    // A floor and what goes below it are one batch, in whatever order.
    for (const change of changes)
      if (change.kind === 'partition') this.floorIs(peer, change.partition, change.record.gcFloor)
    for (const change of changes) {
      if (change.kind === 'partition') {
        replica.ceilings.set(change.partition, change.record.ceiling)
        doubt(replica, change.partition, change.record.damagedBelow !== noBallot)
      } else if (change.kind === 'view') adopted = change.view
      else if (change.head === null) this.removed(peer, replica, change.key)
      else {
        const { key, head } = change
        const epoch = replica.isBetween ? null : this.epochAt(replica, key)
        this.stored(peer, replica, key, head.accepted, head.value, epoch)
      }
    }
    replica.isBetween = adopted !== null
    if (adopted !== null) this.adopted(replica, adopted)
  }

  /** A head is gone. Dropped by rule 9, it need not be anywhere from now on. */
  private removed(peer: PeerId, replica: Replica, key: ContextKey): void {
    const ballot = replica.heads.get(key)
    replica.heads.delete(key)
    const partition = this.partitionOf(key)
    if (ballot === undefined || !this.mayAnswer(peer, key, assignmentAt(replica.view, partition).epoch))
      return
    if (!this.collections.isCollection(peer, key, partition, ballot)) return
    const ledger = this.ledger(key)
    // What a minority alone held, over a key that the others had collected, goes without ever having stood.
    if (ledger.hasStood(ballot)) this.complain(2, ledger.choose(ballot), key)
    const version = ledger.collect(ballot)
    if (version !== null) this.collected(key, version)
  }

  private floorIs(peer: PeerId, partition: PartitionId, gcFloor: Ballot): void {
    if (!this.collections.floorIs(peer, partition, gcFloor)) return
    for (const key of this.ledgers.keys())
      if (this.partitionOf(key) === partition) this.collections.look(key, partition)
  }

  private adopted(replica: Replica, view: View): void {
    replica.view = view
    if (view.epoch > this.newest.epoch) {
      const before = this.newest
      this.newest = view
      this.complain(11, this.tokens.saw(before, view), null)
      for (const { partition, assignment } of assignmentsOf(view)) {
        const was = assignmentAt(before, partition)
        const moved = assignment.stage === 'stable' && was.epoch < assignment.epoch
        if (moved) this.checkSynced(partition, assignment.owners)
      }
    }
    this.saw(view)
    for (const key of this.ledgers.keys()) this.checkHeld(key)
  }

  /** Invariant 9: what was chosen before is held by a majority of those who vote alone from now on. */
  private checkSynced(partition: PartitionId, owners: readonly PeerId[]): void {
    for (const [key, ledger] of this.ledgers) {
      if (this.partitionOf(key) !== partition) continue
      const chosen = ledger.lastChosen()
      // A fault may have taken what was there: that one machine must be healed, and takes no part until then.
      const holders = owners.filter(owner => {
        const { damaged, doubtful } = this.replica(owner)
        return this.durableBallot(owner, key) >= chosen || damaged.has(key) || doubtful.has(partition)
      })
      if (holders.length > owners.length / 2) continue
      this.breach(
        9,
        `partition ${partition} is stable, and ${chosen} is held by ${holders.map(each => this.name(each)).join(', ') || 'nobody'} of ${owners.map(each => this.name(each)).join(', ')}`,
        key,
      )
    }
  }

  /** A ballot that a whole quorum of one epoch holds now, all of them in that epoch, is what a read returns. */
  private checkHeld(key: ContextKey): void {
    const partition = this.partitionOf(key)
    const held = new Map<Ballot, Map<number, Set<PeerId>>>()
    for (const [peer, replica] of this.replicas) {
      const ballot = replica.heads.get(key)
      if (ballot === undefined || replica.isBetween) continue
      addIn(held, ballot, assignmentAt(replica.view, partition).epoch, peer)
    }
    const groups = this.epochs.groupsOf(partition)
    for (const [ballot, byEpoch] of held) {
      for (const [epoch, peers] of byEpoch) {
        const isHeld = groups.get(epoch)?.every(group => isMajority(group, peer => peers.has(peer)))
        if (isHeld) this.complain(2, this.ledger(key).choose(ballot), key)
      }
    }
  }

  private epochAt(replica: Replica, key: ContextKey): number {
    return assignmentAt(replica.view, this.partitionOf(key)).epoch
  }

  private saw(view: View): void {
    if (this.epochs.saw(view)) for (const { id } of view.members) this.replica(id)
  }

  private replica(peer: PeerId): Replica {
    let replica = this.replicas.get(peer)
    if (replica === undefined) {
      replica = newReplica(this.newest)
      this.replicas.set(peer, replica)
    }
    return replica
  }

  frameSent(from: PeerId, to: PeerId, frame: Uint8Array): void {
    if (saysOnlyWhoIsThere(frame)) return
    for (const message of decodeFrame(frame).messages) this.sent(from, to, message)
  }

  /** The end of the run: what was gathered is judged. */
  end(): void {
    this.grants.settle()
  }

  /** A caller was told that its write was carried out. */
  acknowledged(key: ContextKey, version: Version): void {
    if (this.ledger(key).isHeld(version)) return
    this.breach(5, `version ${version} was acknowledged and no majority holds it`, key)
  }

  private sent(from: PeerId, to: PeerId, message: PeerMessage): void {
    switch (message.kind) {
      case 'prepare':
      case 'query':
        return this.asked(from, to, message)
      case 'accept':
      case 'replay':
        this.asked(from, to, message)
        return this.proposed(from, message.key, message.ballot, message.value)
      case 'promise': {
        this.reported(from, message)
        const question = this.questionTo(from, to, message.id)
        if (message.granted && question?.kind === 'prepare')
          this.promised(from, question, message.promised, 'granted a promise of')
        return
      }
      case 'report':
        return this.reported(from, message)
      case 'accepted': {
        const question = this.questionTo(from, to, message.id)
        if (!message.granted || (question?.kind !== 'accept' && question?.kind !== 'replay')) return
        this.accepted(from, question)
        if (message.nextGranted && question.kind === 'accept')
          this.promised(from, question, question.next, 'granted next')
        return
      }
      case 'backfill':
        this.asked(from, to, message)
        return this.knownParent(message.key, message.record)
      case 'chain':
        for (const record of message.records) this.knownParent(message.key, record)
        return
      default:
        return
    }
  }

  private asked(from: PeerId, to: PeerId, question: Question): void {
    this.questions.get(from)?.set(to, question.id, question)
  }

  private questionTo(answerer: PeerId, asker: PeerId, id: number): Question | undefined {
    return this.questions.get(asker)?.get(answerer, id)
  }

  private stored(
    peer: PeerId,
    replica: Replica,
    key: ContextKey,
    ballot: Ballot,
    value: Value,
    epoch: number | null,
  ): void {
    replica.heads.set(key, ballot)
    replica.damaged.delete(key)
    this.proposed(peer, key, ballot, value)
    this.complain(2, this.ledger(key).accept(ballot, peer, epoch), key)
    this.checkHeld(key)
    this.collections.look(key, this.partitionOf(key))
  }

  /** Whoever shows a ballot's value first is its proposer: nobody else can know it yet. */
  private proposed(by: PeerId, key: ContextKey, ballot: Ballot, value: Value): void {
    const ledger = this.ledger(key)
    if (!ledger.isProposed(ballot) && !ledger.hasGrants(ballot, by))
      this.breach(8, `${this.name(by)} proposes under ${ballot}, which no majority granted`, key)
    const wrong = ledger.propose(ballot, value)
    this.complain(wrong?.startsWith('two values') ? 1 : 2, wrong, key)
  }

  private knownParent(key: ContextKey, record: VersionRecord): void {
    this.complain(1, this.ledger(key).knowParent(record), key)
  }

  private reported(peer: PeerId, message: Extract<Message, { kind: 'promise' | 'report' }>): void {
    const { key, accepted, value } = message
    if (value === null) return
    this.proposed(peer, key, accepted, value)
    if (this.collections.everHeld(peer, key) >= accepted) return
    // A copy that was given away may be dropped before a frame leaves that tells of it, as one that was late on its way.
    if (this.ledger(key).hasAccepted(accepted, peer)) return
    this.breach(4, `${this.name(peer)} reported ballot ${accepted} before it was durable`, key)
  }

  private accepted(
    peer: PeerId,
    { key, ballot, epoch }: { key: ContextKey; ballot: Ballot; epoch: number },
  ): void {
    const replica = this.replica(peer)
    const isAgain = this.ledger(key).hasAccepted(ballot, peer)
    this.grants.add({ peer, key, ballot, how: 'accepted', isAgain })
    if (!this.mayAnswer(peer, key, epoch))
      this.breach(8, `${this.name(peer)} accepted ${ballot} in epoch ${epoch} and is no owner`, key)
    if (this.collections.everHeld(peer, key) < ballot) {
      this.breach(4, `${this.name(peer)} acknowledged ${ballot} before it was durable`, key)
    }
    this.needCeiling(peer, replica, key, ballot)
    this.complain(2, this.ledger(key).accept(ballot, peer, epoch), key)
  }

  private promised(
    peer: PeerId,
    { key, epoch }: { key: ContextKey; epoch: number },
    ballot: Ballot,
    how: Grant['how'],
  ): void {
    this.grants.add({ peer, key, ballot, how, isAgain: false })
    if (this.mayAnswer(peer, key, epoch)) this.ledger(key).grant(ballot, peer, epoch)
    else this.breach(8, `${this.name(peer)} ${how} ${ballot} in epoch ${epoch} and is no owner`, key)
    this.needCeiling(peer, this.replica(peer), key, ballot)
  }

  /** Invariant 8: it is an acceptor of that epoch. */
  private mayAnswer(peer: PeerId, key: ContextKey, epoch: number): boolean {
    return this.epochs.accepts(peer, this.partitionOf(key), epoch)
  }

  private needCeiling(peer: PeerId, replica: Replica, key: ContextKey, ballot: Ballot): void {
    const ceiling = replica.ceilings.get(this.partitionOf(key)) ?? noBallot
    if (ceiling >= ballot) return
    this.breach(4, `${this.name(peer)} granted ${ballot} above its durable ceiling ${ceiling}`, key)
  }

  private complain(invariant: Invariant, wrong: string | null, key: ContextKey | null): void {
    if (wrong !== null) this.breach(invariant, wrong, key)
  }

  private breach(invariant: Invariant, what: string, key: ContextKey | null): void {
    this.breached({ invariant, what, key })
  }

  private partitionOf(key: ContextKey): PartitionId {
    return partitionOf(key, this.newest.partitions.length)
  }

  private name(peer: PeerId): string {
    return this.newest.members.find(member => member.id === peer)?.name ?? peer
  }
}
