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
import { headKey, parseHeadKey, partitionKey, viewKey } from '../../node/driver/codec/keys.ts'
import { decodeHead, decodePartition, decodeStoredView } from '../../node/driver/codec/records.ts'
import { decodeFrame } from '../../node/driver/codec/wire.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import type { Disk, DiskChange } from '../../node/ports/ports.ts'
import type { Message, Value, VersionRecord } from '../../replication/messages.ts'
import { Epochs } from './epochs.ts'
import { KeyLedger } from './ledger.ts'

/** Numbers are those of PROTOCOL; `bug`: an assertion of the peer itself. */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 8 | 9 | 10 | 11 | 13 | 14 | 'bug'
export type Breach = { readonly invariant: Invariant; readonly what: string; readonly key: ContextKey | null }

type Question = Extract<Message, { kind: 'prepare' | 'accept' | 'query' | 'replay' | 'backfill' }>

type Grant = {
  readonly peer: PeerId
  readonly key: ContextKey
  readonly ballot: Ballot
  readonly how: 'accepted' | 'granted a promise of' | 'granted next'
  /** A value that it holds already may be acknowledged again below a later promise (rule 2). */
  readonly isAgain: boolean
}

/** What is durable at one peer, and the highest ballot that it granted for each key. */
type Replica = {
  readonly heads: Map<ContextKey, Ballot>
  readonly gcFloors: Map<PartitionId, Ballot>
  /** What it held when it collected the key: messages about that may still be on their way. */
  readonly dropped: Map<ContextKey, Ballot>
  readonly ceilings: Map<PartitionId, Ballot>
  readonly granted: Map<ContextKey, Ballot>
  /** The newest view on its disk: the epochs in which it answers. */
  view: View
  /** What was stepped before the view was durable may be in the batch that follows it. */
  isBetween: boolean
}

const headLetter = headKey('0'.repeat(64) as ContextKey)[0]
const partitionLetter = partitionKey(0 as PartitionId)[0]
const partitionNumber = (diskKey: Uint8Array): PartitionId =>
  ((diskKey[1]! << 8) | diskKey[2]!) as PartitionId

/**
 * Watches every frame that leaves and every batch that is durable, and compares them with invariants 1 to 5 and 8
 * at each step. It believes what was sent and stored, never what a peer thinks.
 */
export class Invariants {
  private newest: View
  private readonly epochs = new Epochs()
  private readonly breached: (breach: Breach) => void
  private readonly collected: (key: ContextKey, version: Version) => void
  /** Dead ballots that every acceptor of a stable epoch held, or had dropped, at one time: they may be collected. */
  private readonly over = new Map<ContextKey, Set<Ballot>>()
  private readonly ledgers = new Map<ContextKey, KeyLedger>()
  private readonly replicas = new Map<PeerId, Replica>()
  /** Questions of the running boots, by who asked, then whom and under which id. */
  private readonly questions = new Map<PeerId, Map<string, Question>>()

  /** Grants of one event of the world: their frames leave peer by peer, not in the order of the steps. */
  private grants: Grant[] = []
  private grantsStep = -1
  private readonly stepNow: () => number

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
    this.stepNow = stepNow
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

  /** The same, or what it held when it collected the key. */
  private everHeld(peer: PeerId, key: ContextKey): Ballot {
    const dropped = this.replicas.get(peer)?.dropped.get(key) ?? noBallot
    const held = this.durableBallot(peer, key)
    return held > dropped ? held : dropped
  }

  /** A process opened its disk: what is really there replaces what was believed. */
  opened(peer: PeerId, disk: Disk, genesis: View): void {
    const replica = this.replica(peer)
    this.questions.set(peer, new Map())
    const storedView = disk.read(viewKey)
    const view = storedView === null ? null : decodeStoredView(storedView)
    replica.view = view === null || view === 'damaged' ? genesis : view
    for (const { partition } of assignmentsOf(genesis)) {
      const diskKey = partitionKey(partition)
      const stored = disk.read(diskKey)
      const record = stored === null ? null : decodePartition(diskKey, stored)
      if (record === null || record === 'damaged') {
        replica.ceilings.delete(partition)
        replica.gcFloors.delete(partition)
      } else {
        replica.ceilings.set(partition, record.ceiling)
        replica.gcFloors.set(partition, record.gcFloor)
      }
    }
    for (const key of this.ledgers.keys()) {
      const diskKey = headKey(key)
      const stored = disk.read(diskKey)
      const head = stored === null ? null : decodeHead(diskKey, stored)
      // A batch may be durable of which the boot before was not told any more.
      if (head === null || head === 'damaged') this.removed(peer, replica, key)
      else this.stored(peer, replica, key, head.accepted, head.value, null)
    }
  }

  /** A batch was reported durable to the process of `peer`. */
  durable(peer: PeerId, batch: readonly DiskChange[]): void {
    const replica = this.replica(peer)
    let adopted: View | null = null
    // A floor and what goes below it are one batch, in whatever order.
    for (const change of batch) {
      if (change.key[0] !== partitionLetter || change.kind !== 'put') continue
      const record = decodePartition(change.key, change.value)
      if (record !== 'damaged') this.floorRaised(replica, partitionNumber(change.key), record.gcFloor)
    }
    for (const change of batch) {
      if (change.key[0] === headLetter) {
        const key = parseHeadKey(change.key)
        if (change.kind === 'delete') this.removed(peer, replica, key)
        else {
          const head = decodeHead(change.key, change.value)
          if (head === 'damaged') continue
          const epoch = replica.isBetween ? null : this.epochAt(replica, key)
          this.stored(peer, replica, key, head.accepted, head.value, epoch)
        }
      } else if (change.key[0] === partitionLetter && change.kind === 'put') {
        const record = decodePartition(change.key, change.value)
        if (record !== 'damaged') replica.ceilings.set(partitionNumber(change.key), record.ceiling)
      } else if (change.key[0] === viewKey[0] && change.kind === 'put') {
        const view = decodeStoredView(change.value)
        if (view !== 'damaged') adopted = view
      }
    }
    replica.isBetween = adopted !== null
    if (adopted !== null) this.adopted(replica, adopted)
  }

  /** A head is gone. Dropped by rule 9, it need not be anywhere from now on. */
  private removed(peer: PeerId, replica: Replica, key: ContextKey): void {
    const ballot = replica.heads.get(key)
    replica.heads.delete(key)
    if (ballot === undefined || !this.over.get(key)?.has(ballot)) return
    const partition = this.partitionOf(key)
    if ((replica.gcFloors.get(partition) ?? noBallot) < ballot) return
    if (!this.mayAnswer(peer, key, assignmentAt(replica.view, partition).epoch)) return
    replica.dropped.set(key, ballot)
    const version = this.ledger(key).collect(ballot)
    if (version !== null) this.collected(key, version)
  }

  private floorRaised(replica: Replica, partition: PartitionId, gcFloor: Ballot): void {
    if ((replica.gcFloors.get(partition) ?? noBallot) === gcFloor) return
    replica.gcFloors.set(partition, gcFloor)
    for (const key of this.ledgers.keys()) if (this.partitionOf(key) === partition) this.checkOver(key)
  }

  /** Rule 9: whether all acceptors of an epoch hold the same dead ballot, or nothing that could come back below it. */
  private checkOver(key: ContextKey): void {
    const ledger = this.ledger(key)
    const partition = this.partitionOf(key)
    for (const groups of this.epochs.groupsOf(partition).values()) {
      const [owners, other] = groups
      if (owners === undefined || other !== undefined) continue
      const ballot = owners.map(owner => this.durableBallot(owner, key)).find(each => each !== noBallot)
      if (ballot === undefined || !ledger.isDead(ballot)) continue
      const isOver = owners.every(owner => {
        const held = this.durableBallot(owner, key)
        const floor = this.replicas.get(owner)?.gcFloors.get(partition) ?? noBallot
        return held === ballot || (held === noBallot && floor >= ballot)
      })
      if (!isOver) continue
      const known = this.over.get(key) ?? new Set()
      this.over.set(key, known.add(ballot))
    }
  }

  private adopted(replica: Replica, view: View): void {
    replica.view = view
    if (view.epoch > this.newest.epoch) {
      const before = this.newest
      this.newest = view
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
      const holders = owners.filter(owner => this.durableBallot(owner, key) >= chosen)
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
    const counts = new Map<string, Set<PeerId>>()
    for (const [peer, replica] of this.replicas) {
      const ballot = replica.heads.get(key)
      if (ballot === undefined || replica.isBetween) continue
      const name = `${this.epochAt(replica, key)} ${ballot}`
      counts.set(name, (counts.get(name) ?? new Set()).add(peer))
    }
    for (const [name, peers] of counts) {
      const [epoch, ballot] = name.split(' ')
      const groups = this.epochs.groupsOf(partition).get(Number(epoch))
      if (!groups?.every(group => group.filter(peer => peers.has(peer)).length > group.length / 2)) continue
      this.complain(2, this.ledger(key).choose(ballot as Ballot), key)
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
      replica = {
        heads: new Map(),
        gcFloors: new Map(),
        dropped: new Map(),
        ceilings: new Map(),
        granted: new Map(),
        view: this.newest,
        isBetween: false,
      }
      this.replicas.set(peer, replica)
    }
    return replica
  }

  frameSent(from: PeerId, to: PeerId, frame: Uint8Array): void {
    for (const message of decodeFrame(frame).messages) this.sent(from, to, message)
  }

  /** The end of the run: what was gathered is judged. */
  end(): void {
    this.settleGrants()
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
        const question = this.questions.get(to)?.get(`${from}#${message.id}`)
        if (message.granted && question?.kind === 'prepare')
          this.promised(from, question, message.promised, 'granted a promise of')
        return
      }
      case 'report':
        return this.reported(from, message)
      case 'accepted': {
        const question = this.questions.get(to)?.get(`${from}#${message.id}`)
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
    this.questions.get(from)?.set(`${to}#${question.id}`, question)
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
    this.proposed(peer, key, ballot, value)
    this.complain(2, this.ledger(key).accept(ballot, peer, epoch), key)
    this.checkHeld(key)
    this.checkOver(key)
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
    if (message.value === null) return
    this.proposed(peer, message.key, message.accepted, message.value)
    if (this.everHeld(peer, message.key) < message.accepted) {
      this.breach(
        4,
        `${this.name(peer)} reported ballot ${message.accepted} before it was durable`,
        message.key,
      )
    }
  }

  private accepted(
    peer: PeerId,
    { key, ballot, epoch }: { key: ContextKey; ballot: Ballot; epoch: number },
  ): void {
    const replica = this.replica(peer)
    const isAgain = this.ledger(key).hasAccepted(ballot, peer)
    this.grant({ peer, key, ballot, how: 'accepted', isAgain })
    if (!this.mayAnswer(peer, key, epoch))
      this.breach(8, `${this.name(peer)} accepted ${ballot} in epoch ${epoch} and is no owner`, key)
    if (this.everHeld(peer, key) < ballot) {
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
    this.grant({ peer, key, ballot, how, isAgain: false })
    if (this.mayAnswer(peer, key, epoch)) this.ledger(key).grant(ballot, peer, epoch)
    else this.breach(8, `${this.name(peer)} ${how} ${ballot} in epoch ${epoch} and is no owner`, key)
    this.needCeiling(peer, this.replica(peer), key, ballot)
  }

  /** Invariant 8: it is an acceptor of that epoch. */
  private mayAnswer(peer: PeerId, key: ContextKey, epoch: number): boolean {
    return this.epochs.accepts(peer, this.partitionOf(key), epoch)
  }

  private grant(grant: Grant): void {
    if (this.grantsStep !== this.stepNow()) this.settleGrants()
    this.grantsStep = this.stepNow()
    this.grants.push(grant)
  }

  /** Within one event the lowest ballot went first; over events no grant may be below an earlier one. */
  private settleGrants(): void {
    const { grants } = this
    this.grants = []
    if (grants.length > 1) grants.sort((a, b) => (a.ballot < b.ballot ? -1 : 1))
    for (const { peer, key, ballot, how, isAgain } of grants) {
      const { granted } = this.replica(peer)
      const before = granted.get(key) ?? noBallot
      if (ballot >= before) granted.set(key, ballot)
      else if (!isAgain)
        this.breach(3, `${this.name(peer)} ${how} ${ballot} after it had granted ${before}`, key)
    }
  }

  private needCeiling(peer: PeerId, replica: Replica, key: ContextKey, ballot: Ballot): void {
    const ceiling = replica.ceilings.get(this.partitionOf(key)) ?? noBallot
    if (ceiling >= ballot) return
    this.breach(4, `${this.name(peer)} granted ${ballot} above its durable ceiling ${ceiling}`, key)
  }

  private complain(invariant: Invariant, wrong: string | null, key: ContextKey): void {
    if (wrong !== null) this.breach(invariant, wrong, key)
  }

  private breach(invariant: Invariant, what: string, key: ContextKey): void {
    this.breached({ invariant, what, key })
  }

  private partitionOf(key: ContextKey): PartitionId {
    return partitionOf(key, this.newest.partitions.length)
  }

  private name(peer: PeerId): string {
    return this.newest.members.find(member => member.id === peer)?.name ?? peer
  }
}
