import { assert } from '../../base/assert.ts'
import { newClock } from '../../base/hlc.ts'
import type { ContextKey, PartitionId, PeerId, Version } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import type { View } from '../../dht/view.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import { newPeer, type Peer } from '../../node/peer/peer.ts'
import type { Effect, Input, Task, TaskEnd } from '../../node/peer/step.ts'
import { defaultLimits, type Limits } from '../../replication/limits.ts'
import type { Operation, Outcome, ScanEntry, VersionRecord } from '../../replication/messages.ts'
import type { Change, Head, PartitionRecord, Records } from '../../replication/records.ts'
import { KeyLedger, standingVersion } from '../checker/ledger.ts'

type Letter = { readonly from: PeerId; readonly to: PeerId; readonly message: PeerMessage }

/** Wall-clock milliseconds at the beginning of every schedule. */
export const stageStartMs = 1_750_000_000_000

/** How long an asker waits, in milliseconds. */
export const askedForMs = 1_000

/** What is saved is there, durable at once. */
class MemoryRecords implements Records {
  private readonly heads = new Map<ContextKey, Head>()
  private readonly versions = new Map<string, VersionRecord>()
  private readonly partitions = new Map<PartitionId, PartitionRecord>()

  head(key: ContextKey): Head | null {
    return this.heads.get(key) ?? null
  }

  version(key: ContextKey, version: Version): VersionRecord | null {
    return this.versions.get(key + version) ?? null
  }

  partition(partition: PartitionId): PartitionRecord | null {
    return this.partitions.get(partition) ?? null
  }

  apply(change: Change): void {
    if (change.kind === 'head') this.heads.set(change.key, change.head)
    else if (change.kind === 'version') this.versions.set(change.key + change.record.version, change.record)
    else if (change.kind === 'partition') this.partitions.set(change.partition, change.record)
    else if (change.kind === 'headDropped') this.heads.delete(change.key)
    else if (change.kind === 'versionDropped') this.versions.delete(change.key + change.version)
  }

  /** Of any partition: the keys of a schedule lie in one. */
  listed(after: ContextKey | null): ScanEntry[] {
    const keys = [...this.heads.keys()].sort().filter(key => after === null || key > after)
    return keys.map(key => ({ key, ...this.heads.get(key)! }))
  }

  copy(): MemoryRecords {
    const copy = new MemoryRecords()
    for (const [key, head] of this.heads) copy.heads.set(key, head)
    for (const [name, record] of this.versions) copy.versions.set(name, record)
    for (const [partition, record] of this.partitions) copy.partitions.set(partition, record)
    return copy
  }

  versionsOf(key: ContextKey): Version[] {
    const names = [...this.versions.keys()].filter(name => name.startsWith(key))
    return names.map(name => name.slice(key.length) as Version)
  }
}

/**
 * Pure peers without drivers: saves are durable at once and every message waits until the schedule delivers or
 * drops it. For schedules that chance practically never finds.
 */
export class Stage {
  readonly ledger: KeyLedger
  readonly answers: Outcome[] = []
  readonly complaints: string[] = []
  /** How the tasks ended, in order. */
  readonly ends: TaskEnd[] = []
  private readonly names: readonly PeerId[]
  private readonly peers = new Map<PeerId, { peer: Peer; records: MemoryRecords; boots: number }>()
  private letters: Letter[] = []
  private readonly view: View
  private readonly limits: Limits
  private readonly sent = new Map<PeerMessage['kind'], PeerMessage>()
  /** How far the wall clocks of some run behind. */
  private readonly behindMs = new Map<PeerId, number>()
  private nowMs = 0
  private nextId = 0x4000_0000

  /** Clock tags grow in the order of `names`. */
  constructor(names: readonly PeerId[], view: View, limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, ...limits }
    this.view = view
    this.names = names
    this.ledger = new KeyLedger(new Map([[1, [view.partitions[0]!.owners]]]))
    for (const self of names) this.boot(self, new MemoryRecords(), 1)
  }

  /** The process dies and comes back: it knows what it saved, and nothing else. */
  restart(self: PeerId): void {
    const { records, boots } = this.peers.get(self)!
    this.boot(self, records, boots + 1)
  }

  /** The wall clock of a peer is so far behind from now on. */
  setBehind(self: PeerId, ms: number): void {
    this.behindMs.set(self, ms)
  }

  /** Remembers what a peer has saved so far. The function it returns takes everything since away, as a disk may. */
  remember(self: PeerId): () => void {
    const kept = this.peers.get(self)!.records.copy()
    return () => {
      this.boot(self, kept, this.peers.get(self)!.boots + 1)
      this.step(self, { kind: 'recordsLost' })
    }
  }

  /** The message of this kind that was sent last. */
  last<Kind extends PeerMessage['kind']>(kind: Kind): Extract<PeerMessage, { kind: Kind }> {
    const message = this.sent.get(kind)
    assert(message !== undefined, `a message of kind ${kind} was sent`)
    return message as Extract<PeerMessage, { kind: Kind }>
  }

  /** A view that was agreed on comes to `peer`. */
  adopt(peer: PeerId, view: View): void {
    this.step(peer, { kind: 'viewTold', view })
  }

  /** What `asker` asks `coordinator` to carry out; the answers arrive in `answers` when delivered. */
  request(asker: PeerId, coordinator: PeerId, operation: Operation): void {
    this.nextId += 1
    const message: PeerMessage = { kind: 'request', id: this.nextId, timeoutMs: askedForMs, operation }
    this.step(coordinator, { kind: 'messageArrived', from: asker, message })
  }

  /** What a duty has `peer` do. */
  carryOut(peer: PeerId, work: Task): void {
    this.nextId += 1
    this.step(peer, { kind: 'taskAsked', task: this.nextId, work })
  }

  /** What `peer` holds of a key. */
  head(peer: PeerId, key: ContextKey): Head | null {
    return this.peers.get(peer)!.records.head(key)
  }

  /** Whom a coordinator asks first is its own affair: after this everybody was asked. */
  hedge(): void {
    this.pass(defaultLimits.hedgeMs + 1)
  }

  /** Hands a message over that nobody sent in this schedule. */
  hand(from: PeerId, to: PeerId, message: PeerMessage): void {
    this.step(to, { kind: 'messageArrived', from, message })
  }

  /** Delivers what waits, and what that causes, as long as `wanted` says so; the rest is lost. */
  deliver(wanted: (letter: Letter) => boolean = () => true): void {
    while (this.letters.length > 0) {
      const letters = this.letters.filter(wanted)
      this.letters = []
      for (const { from, to, message } of letters) {
        if (message.kind === 'reply') this.answers.push(message.outcome)
        else this.step(to, { kind: 'messageArrived', from, message })
      }
    }
  }

  /** All hear each other for long enough that nobody is taken for one who is only starting. */
  acquaint(): void {
    const { steadyMs, beatMs } = this.limits
    for (let ms = 0; ms <= steadyMs; ms += beatMs) {
      this.pass(beatMs)
      this.deliver(({ message }) => message.kind === 'beat')
    }
  }

  /** Time goes by, and every timer is looked at. */
  pass(ms: number): void {
    this.nowMs += ms
    for (const peer of this.peers.keys()) this.step(peer, { kind: 'timePassed' })
  }

  /** Delivers everything until whoever asked was answered, or until its time is up. */
  settle(): void {
    for (let ms = 0; ms < askedForMs; ms += 100) {
      this.deliver()
      this.pass(100)
    }
  }

  private boot(self: PeerId, records: MemoryRecords, boots: number): void {
    const peer = newPeer({
      self,
      view: this.view,
      clock: newClock(`0000000${this.names.indexOf(self) + 1}`),
      incarnation: boots,
      records,
      limits: this.limits,
      random: seeded(boots),
    })
    this.peers.set(self, { peer, records, boots })
    for (const other of this.names)
      if (other !== self) this.step(self, { kind: 'peerConnected', peer: other })
  }

  private step(self: PeerId, input: Input): void {
    const inputs = [input]
    for (let at = 0; at < inputs.length; at++) {
      const taken = inputs[at]!
      if (taken.kind === 'messageArrived') this.learn(taken.from, taken.message)
      const wallMs = stageStartMs + this.nowMs - (this.behindMs.get(self) ?? 0)
      const now = { wallMs, monotonicMs: this.nowMs }
      for (const effect of this.peers.get(self)!.peer.step(taken, now)) {
        const later = this.perform(self, effect)
        if (later !== null) inputs.push(later)
      }
    }
  }

  /** @returns what the peer is told at once. */
  private perform(self: PeerId, effect: Effect): Input | null {
    switch (effect.kind) {
      case 'save':
        this.save(self, effect.changes)
        return null
      case 'confirmSaved':
        return { kind: 'saved', mark: effect.mark }
      case 'release':
        return { ...effect, kind: 'released' }
      case 'scanPartition': {
        const entries = this.peers.get(self)!.records.listed(effect.after)
        return { kind: 'partitionScanned', scan: effect.scan, entries, done: true }
      }
      case 'listVersions': {
        const { records } = this.peers.get(self)!
        const versions = new Map(effect.keys.map(key => [key, records.versionsOf(key)]))
        return { kind: 'versionsListed', list: effect.list, versions }
      }
      // Nobody here ever had an older copy of a partition.
      case 'listRecords':
        return { kind: 'recordsListed', list: effect.list, heads: [], versions: [], done: true }
      case 'taskEnded':
        this.ends.push(effect.end)
        return null
      case 'send':
      case 'sendAfterSave':
      case 'sendWhenSaved': {
        const { to, message } = effect
        this.watch(self, message)
        if (to === self) return { kind: 'messageArrived', from: self, message }
        this.letters.push({ from: self, to, message })
        return null
      }
      default:
        return null
    }
  }

  private watch(from: PeerId, message: PeerMessage): void {
    this.sent.set(message.kind, message)
    if (message.kind === 'reply') this.judge(message.outcome)
    if (message.kind !== 'accept') return
    const { ballot, value } = message
    if (!this.ledger.isProposed(ballot) && !this.ledger.hasGrants(ballot, from))
      this.complaints.push(`${from} proposes under ${ballot}, and no majority told it that it may`)
    this.complain(this.ledger.propose(ballot, value))
  }

  /** Whoever is told that a version stands may rely on it from then on. */
  private judge(outcome: Outcome): void {
    const told = standingVersion(outcome)
    if (told !== null && !this.ledger.isChosen(told))
      this.complaints.push(`the answer ${outcome.kind} rests on ${told}, which no majority holds`)
  }

  /** A proposer may count only what it was told. */
  private learn(from: PeerId, message: PeerMessage): void {
    const isGrant =
      message.kind === 'promise' ? message.granted : message.kind === 'accepted' && message.nextGranted
    if (isGrant && 'promised' in message) this.ledger.grant(message.promised, from, 1)
  }

  private save(self: PeerId, changes: readonly Change[]): void {
    for (const change of changes) {
      this.peers.get(self)!.records.apply(change)
      if (change.kind === 'head') this.complain(this.ledger.accept(change.head.accepted, self, 1))
    }
  }

  private complain(wrong: string | null): void {
    if (wrong !== null) this.complaints.push(wrong)
  }
}
