import {
  type Ballot,
  type ContextKey,
  noBallot,
  type PartitionId,
  type PeerId,
  type Version,
} from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { View } from '../../dht/view.ts'
import { headKey, parseHeadKey, partitionKey } from '../../node/driver/codec/keys.ts'
import { decodeHead, decodePartition } from '../../node/driver/codec/records.ts'
import { decodeFrame } from '../../node/driver/codec/wire.ts'
import type { Disk, DiskChange } from '../../node/ports/ports.ts'
import type { Message, Value, VersionRecord } from '../../replication/messages.ts'
import { KeyLedger } from './ledger.ts'

/** Numbers are those of PROTOCOL; `bug`: an assertion of the peer itself. */
export type Invariant = 1 | 2 | 3 | 4 | 5 | 6 | 8 | 13 | 14 | 'bug'
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
  readonly ceilings: Map<PartitionId, Ballot>
  readonly granted: Map<ContextKey, Ballot>
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
  private readonly view: View
  private readonly breached: (breach: Breach) => void
  private readonly ledgers = new Map<ContextKey, KeyLedger>()
  private readonly replicas = new Map<PeerId, Replica>()
  /** Questions of the running boots, by who asked, then whom and under which id. */
  private readonly questions = new Map<PeerId, Map<string, Question>>()

  /** Grants of one event of the world: their frames leave peer by peer, not in the order of the steps. */
  private grants: Grant[] = []
  private grantsStep = -1
  private readonly stepNow: () => number

  /** @param stepNow - number of the event that is being carried out. */
  constructor(view: View, stepNow: () => number, breached: (breach: Breach) => void) {
    this.view = view
    this.stepNow = stepNow
    this.breached = breached
    for (const { id } of view.members) {
      this.replicas.set(id, { heads: new Map(), ceilings: new Map(), granted: new Map() })
    }
  }

  ledger(key: ContextKey): KeyLedger {
    let ledger = this.ledgers.get(key)
    if (ledger === undefined) {
      ledger = new KeyLedger(Math.floor(this.ownersOf(key).length / 2) + 1)
      this.ledgers.set(key, ledger)
    }
    return ledger
  }

  ownersOf(key: ContextKey): readonly PeerId[] {
    return this.view.partitions[this.partitionOf(key)]!.owners
  }

  /** Ballot of what `peer` holds durably for `key`, noBallot for nothing. */
  durableBallot(peer: PeerId, key: ContextKey): Ballot {
    return this.replicas.get(peer)?.heads.get(key) ?? noBallot
  }

  /** A process opened its disk: what is really there replaces what was believed. */
  opened(peer: PeerId, disk: Disk): void {
    const replica = this.replicas.get(peer)!
    this.questions.set(peer, new Map())
    for (const key of this.ledgers.keys()) {
      const diskKey = headKey(key)
      const stored = disk.read(diskKey)
      const head = stored === null ? null : decodeHead(diskKey, stored)
      if (head === null || head === 'damaged') replica.heads.delete(key)
      else this.stored(peer, replica, key, head.accepted, head.value)
    }
    for (let number = 0; number < this.view.partitions.length; number++) {
      const partition = number as PartitionId
      const diskKey = partitionKey(partition)
      const stored = disk.read(diskKey)
      const record = stored === null ? null : decodePartition(diskKey, stored)
      if (record === null || record === 'damaged') replica.ceilings.delete(partition)
      else replica.ceilings.set(partition, record.ceiling)
    }
  }

  /** A batch was reported durable to the process of `peer`. */
  durable(peer: PeerId, batch: readonly DiskChange[]): void {
    const replica = this.replicas.get(peer)!
    for (const change of batch) {
      if (change.key[0] === headLetter) {
        const key = parseHeadKey(change.key)
        if (change.kind === 'delete') replica.heads.delete(key)
        else {
          const head = decodeHead(change.key, change.value)
          if (head !== 'damaged') this.stored(peer, replica, key, head.accepted, head.value)
        }
      } else if (change.key[0] === partitionLetter && change.kind === 'put') {
        const record = decodePartition(change.key, change.value)
        if (record !== 'damaged') replica.ceilings.set(partitionNumber(change.key), record.ceiling)
      }
    }
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
    if (this.ledger(key).isChosen(version)) return
    this.breach(5, `version ${version} was acknowledged and no majority holds it`, key)
  }

  private sent(from: PeerId, to: PeerId, message: Message): void {
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
        if (message.granted) this.promised(from, message.key, message.promised, 'granted a promise of')
        return
      }
      case 'report':
        return this.reported(from, message)
      case 'accepted': {
        const question = this.questions.get(to)?.get(`${from}#${message.id}`)
        if (!message.granted || (question?.kind !== 'accept' && question?.kind !== 'replay')) return
        this.accepted(from, question.key, question.ballot)
        if (message.nextGranted && question.kind === 'accept')
          this.promised(from, question.key, question.next, 'granted next')
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

  private stored(peer: PeerId, replica: Replica, key: ContextKey, ballot: Ballot, value: Value): void {
    replica.heads.set(key, ballot)
    this.proposed(peer, key, ballot, value)
    this.complain(2, this.ledger(key).accept(ballot, peer), key)
  }

  /** Whoever shows a ballot's value first is its proposer: nobody else can know it yet. */
  private proposed(by: PeerId, key: ContextKey, ballot: Ballot, value: Value): void {
    const ledger = this.ledger(key)
    const voter = this.ownersOf(key).includes(by) ? by : null
    if (!ledger.isProposed(ballot) && !ledger.hasGrants(ballot, voter))
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
    if (this.durableBallot(peer, message.key) < message.accepted) {
      this.breach(
        4,
        `${this.name(peer)} reported ballot ${message.accepted} before it was durable`,
        message.key,
      )
    }
  }

  private accepted(peer: PeerId, key: ContextKey, ballot: Ballot): void {
    const replica = this.replicas.get(peer)!
    const isAgain = this.ledger(key).hasAccepted(ballot, peer)
    this.grant({ peer, key, ballot, how: 'accepted', isAgain })
    if (!this.ownersOf(key).includes(peer))
      this.breach(8, `${this.name(peer)} accepted ${ballot} and is no owner`, key)
    if (this.durableBallot(peer, key) < ballot) {
      this.breach(4, `${this.name(peer)} acknowledged ${ballot} before it was durable`, key)
    }
    this.needCeiling(peer, replica, key, ballot)
    this.complain(2, this.ledger(key).accept(ballot, peer), key)
  }

  private promised(peer: PeerId, key: ContextKey, ballot: Ballot, how: Grant['how']): void {
    this.grant({ peer, key, ballot, how, isAgain: false })
    if (this.ownersOf(key).includes(peer)) this.ledger(key).grant(ballot, peer)
    else this.breach(8, `${this.name(peer)} ${how} ${ballot} and is no owner`, key)
    this.needCeiling(peer, this.replicas.get(peer)!, key, ballot)
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
      const { granted } = this.replicas.get(peer)!
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
    return partitionOf(key, this.view.partitions.length)
  }

  private name(peer: PeerId): string {
    return this.view.members.find(member => member.id === peer)?.name ?? peer
  }
}
