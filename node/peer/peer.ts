import type { Clock } from '../../base/hlc.ts'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { MoveReports } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import type { HealthState } from '../../election/health-step.ts'
import { type Client, type KeyPlace, type Process, wakeAt } from '../../replication/context.ts'
import {
  type Coordinator,
  coordinateConfirm,
  coordinateWrite,
  newCoordinator,
  onEpochs,
  onRoundAnswer,
  sweepRounds,
} from '../../replication/coordinator.ts'
import {
  type Deliverer,
  deliver,
  forgetDeliveries,
  hintsListedMax,
  newDeliverer,
  onDelivered,
} from '../../replication/hints.ts'
import type { PeerLag } from '../../replication/lag.ts'
import type { Limits } from '../../replication/limits.ts'
import type { Operation, ReplicaMessage } from '../../replication/messages.ts'
import { type Acceptor, newAcceptor } from '../../replication/partition-state.ts'
import { Puller } from '../../replication/puller.ts'
import {
  newReader,
  onReadEpochs,
  onReaderAnswer,
  type Reader,
  startChain,
  startRead,
  sweepReads,
} from '../../replication/reader.ts'
import type { Change, Records } from '../../replication/records.ts'
import {
  newRequester,
  onReply,
  onTargetLost,
  type Requester,
  requestWrite,
  sweepRequests,
} from '../../replication/requester.ts'
import { onPeerLost } from '../../replication/tails.ts'
import { chainFrom } from '../../replication/versions.ts'
import { answerAsk } from './asks.ts'
import type { PeerMessage } from './fleet-messages.ts'
import type { Machines } from './machines.ts'
import { Membership } from './membership.ts'
import { placeIn } from './place.ts'
import { Scans } from './scans.ts'
import { SelfRepair } from './self-repair.ts'
import type { Effect, Input, Now, PeerEvent } from './step.ts'
import { Upkeep } from './upkeep.ts'
import { Watch } from './watch.ts'
import { grantWishes } from './wishes.ts'

export type PeerOptions = {
  readonly self: PeerId
  readonly view: View
  /** Shared with whoever makes operation ids in this process. */
  readonly clock: Clock
  readonly incarnation: number
  readonly records: Records
  readonly limits: Limits
  readonly random: Random
}

/** One ring member: composes the protocols, decides everything, does nothing itself. */
export type Peer = {
  /** Takes one past event and returns what is to be done, in order. Deterministic. */
  step(input: Input, now: Now): Effect[]
  /** Partitions of this peer that may have lost records, by number. */
  damagedPartitions(): PartitionId[]
  /** The view in force here. */
  view(): View
  /** How far the members are with the moves under way, as they said themselves. */
  reports: MoveReports
  /** What the fleet takes a member for, as this peer sees it. */
  healthOf(peer: PeerId): HealthState
  /** For how long a member has been down for most of the fleet; null while it is not. */
  deadForMs(peer: PeerId, monotonicMs: number): number | null
  /** Bytes that this peer copied for moves, in this boot. */
  copiedBytes(): number
  /** How far the other owners of this peer's partitions are from what it has, by the comparisons of this boot. */
  lags(): PeerLag[]
}

/** The least time between two looks at the timers: many due at once cost one sweep. */
const sweepEveryMs = 5

class RingMember implements Peer {
  readonly #process: Process
  readonly #acceptor: Acceptor
  readonly #coordinator: Coordinator
  readonly #reader: Reader
  readonly #requester: Requester
  readonly #repair: SelfRepair
  readonly #deliverer: Deliverer
  readonly #puller: Puller
  readonly #membership: Membership
  readonly #scans: Scans
  readonly #upkeep: Upkeep
  readonly #watch: Watch
  readonly #machines: Machines
  #view: View
  #places: (KeyPlace | undefined)[] = []
  #effects: Effect[] = []
  #armedMs = Number.POSITIVE_INFINITY

  constructor(options: PeerOptions) {
    this.#view = options.view
    this.#process = {
      self: options.self,
      clock: options.clock,
      incarnation: options.incarnation,
      limits: options.limits,
      random: options.random,
      placeOf: key => this.#placeOf(partitionOf(key, this.#view.partitions.length)),
      connected: new Set(),
      suspects: new Map(),
      wishes: [],
      nextId: 0,
      wakeMs: Number.POSITIVE_INFINITY,
    }
    this.#acceptor = newAcceptor(options.records, options.limits)
    this.#coordinator = newCoordinator(this.#process)
    this.#reader = newReader(
      this.#process,
      (key, from, limit) => chainFrom(this.#acceptor.records, this.#acceptor.limits, key, from, limit),
      (client, key, timeoutMs, now) =>
        coordinateConfirm(this.#coordinator, client, key, false, timeoutMs, now),
    )
    this.#requester = newRequester(this.#process, (client, operation, timeoutMs, now) =>
      coordinateWrite(this.#coordinator, client, operation, timeoutMs, now),
    )
    this.#scans = new Scans(effect => this.#emit(effect))
    this.#repair = new SelfRepair({
      process: this.#process,
      acceptor: this.#acceptor,
      records: options.records,
      partitionCount: () => this.#view.partitions.length,
      placeOf: partition => this.#placeOf(partition),
      scans: this.#scans,
      emit: effect => this.#emit(effect),
      whole: (partition, now) => this.#membership.retarget(partition, now),
      confirm: (key, now) =>
        coordinateConfirm(this.#coordinator, { kind: 'heal' }, key, true, options.limits.attemptMaxMs, now),
    })
    this.#deliverer = newDeliverer(this.#process, options.records)
    this.#puller = new Puller({
      process: this.#process,
      acceptor: this.#acceptor,
      save: changes => this.#save(changes),
      drop: partition => this.#membership.dropNow(partition),
      tellWhenSaved: partition => this.#membership.tellWhenSaved(partition),
      confirm: (key, now) =>
        coordinateConfirm(this.#coordinator, { kind: 'pull' }, key, true, options.limits.attemptMaxMs, now),
      changed: (place, now) => {
        this.#membership.reportsChanged(now)
        this.#repair.resumeIfDamaged(place, now)
      },
      bytesPerSecond: () => (this.#view.moves.paused ? 0 : this.#view.moves.bytesPerSecond),
    })
    this.#membership = new Membership({
      view: options.view,
      process: this.#process,
      acceptor: this.#acceptor,
      puller: this.#puller,
      placeOf: partition => this.#placeOf(partition),
      emit: effect => this.#emit(effect),
      adopt: (view, now) => this.#adopt(view, now),
    })
    this.#upkeep = new Upkeep({
      process: this.#process,
      acceptor: this.#acceptor,
      scans: this.#scans,
      view: () => this.#view,
      placeOf: partition => this.#placeOf(partition),
      emit: effect => this.#emit(effect),
      save: changes => this.#save(changes),
      forget: key => this.#coordinator.cached.delete(key),
      damageFound: (key, now) => this.#repair.damageFound(key, now),
      fill: (key, version, now) => {
        const deadlineMs = now.monotonicMs + options.limits.attemptMaxMs
        startChain(this.#reader, { kind: 'repair' }, key, version, options.limits.chainMax, deadlineMs, now)
      },
    })
    this.#watch = new Watch({
      process: this.#process,
      emit: effect => this.#effects.push(effect),
      suspected: (peer, now) => onTargetLost(this.#requester, peer, now),
    })
    this.#machines = {
      process: this.#process,
      acceptor: this.#acceptor,
      coordinator: this.#coordinator,
      reader: this.#reader,
      requester: this.#requester,
      repair: this.#repair,
      puller: this.#puller,
      membership: this.#membership,
      scans: this.#scans,
      upkeep: this.#upkeep,
      partitionCount: () => this.#view.partitions.length,
      placeOf: partition => this.#placeOf(partition),
      emit: effect => this.#emit(effect),
    }
  }

  view(): View {
    return this.#view
  }

  get reports(): MoveReports {
    return this.#membership.reports
  }

  healthOf(peer: PeerId): HealthState {
    return this.#watch.healthOf(peer)
  }

  deadForMs(peer: PeerId, monotonicMs: number): number | null {
    return this.#watch.deadForMs(peer, monotonicMs)
  }

  lags(): PeerLag[] {
    return this.#upkeep.lags()
  }

  copiedBytes(): number {
    return this.#puller.copiedBytes
  }

  step(input: Input, now: Now): Effect[] {
    this.#effects = []
    this.#take(input, now)
    grantWishes(this.#machines, now)
    this.#arm(now)
    return this.#effects
  }

  damagedPartitions(): PartitionId[] {
    return this.#repair.damagedPartitions()
  }

  #take(input: Input, now: Now): void {
    switch (input.kind) {
      case 'messageArrived':
        this.#process.suspects.delete(input.from)
        return this.#takeMessage(input.from, input.message, now)
      case 'requested':
        return this.#request({ kind: 'local', request: input.request }, input.operation, input.timeoutMs, now)
      case 'timePassed':
        return this.#sweep(now)
      case 'peerConnected':
        this.#process.connected.add(input.peer)
        this.#process.suspects.delete(input.peer)
        this.#effects.push({ kind: 'listHints', peer: input.peer, limit: hintsListedMax })
        return
      case 'peerLost':
        this.#process.connected.delete(input.peer)
        onTargetLost(this.#requester, input.peer, now)
        onPeerLost(this.#process, this.#coordinator.tails, input.peer, now)
        this.#upkeep.peerLost(input.peer, now)
        return forgetDeliveries(this.#deliverer, input.peer)
      case 'started':
        this.#watchMembers(now)
        return this.#membership.begin(now)
      case 'viewTold':
        return this.#membership.learn(input.view)
      case 'saved':
        for (const held of this.#membership.saved(input.mark, now))
          this.#takeMessage(held.from, held.message, now)
        return
      case 'recordsListed':
        return this.#membership.recordsListed(input, now)
      case 'partitionScanned':
        return this.#scans.scanned(input, now)
      case 'versionsListed':
        return this.#scans.listed(input, now)
      case 'taskAsked':
        return this.#upkeep.begin(input.task, input.work, now)
      case 'hintsListed':
        return this.#save(deliver(this.#deliverer, input.peer, input.hints))
      case 'recordsLost':
        return this.#repair.recordsLost(now)
      case 'damageSeen':
        return this.#repair.resume(input.partitions, now)
    }
  }

  #takeMessage(from: PeerId, message: PeerMessage, now: Now): void {
    switch (message.kind) {
      case 'prepare':
      case 'accept':
      case 'query':
      case 'replay':
      case 'backfill':
      case 'chainAsked':
      case 'scanAsked':
      case 'floorsAsked':
      case 'gather':
      case 'collect':
      case 'digestAsked':
        return answerAsk(this.#machines, from, message, now)
      case 'viewAsked':
      case 'viewTold':
        return this.#membership.take(from, message, now)
      case 'beat':
        this.#watch.heard(from, now)
        return this.#membership.take(from, message, now)
      case 'dutyOrdered':
      case 'dutyStopped':
      case 'dutyEnded':
      case 'replaceAsked':
        this.#effects.push({ kind: 'passOn', from, message })
        return
      case 'health':
        return this.#watch.reported(from, message.report, now)
      case 'promise':
      case 'accepted':
      case 'report':
      case 'refused':
      case 'chain':
      case 'scanPage':
      case 'floors':
      case 'gathered':
      case 'collected':
      case 'digest':
        return this.#takeAnswer(from, message, now)
      case 'request':
        return this.#request(
          { kind: 'member', peer: from, id: message.id },
          message.operation,
          message.timeoutMs,
          now,
        )
      case 'reply':
        return onReply(this.#requester, from, message, now)
    }
  }

  #takeAnswer(from: PeerId, message: ReplicaMessage & { id: number }, now: Now): void {
    if (message.kind === 'refused' && (message.reason === 'stale' || message.reason === 'ahead')) {
      this.#report({ kind: 'counted', name: 'staleEpoch' })
      this.#membership.refusedBy(from, message.reason, now)
    }
    if (onRoundAnswer(this.#coordinator, from, message, now)) return
    if (onReaderAnswer(this.#reader, from, message, now)) return
    const delivered = onDelivered(this.#deliverer, from, message)
    if (delivered) {
      if (delivered.change) this.#save([delivered.change])
      if (delivered.ready) this.#effects.push({ kind: 'listHints', peer: from, limit: hintsListedMax })
      return
    }
    if (this.#puller.answered(from, message, now)) return
    if (this.#upkeep.answered(from, message, now)) return
    this.#repair.scanPage(from, message, now)
  }

  /** A newer view is on the disk. Rounds and reads of older epochs begin again in theirs (rule 10). */
  #adopt(view: View, now: Now): void {
    this.#view = view
    this.#places = []
    this.#report({ kind: 'viewAdopted', view })
    onEpochs(this.#coordinator, now)
    onReadEpochs(this.#reader, now)
    this.#repair.onEpochs(now)
    this.#upkeep.onEpochs()
    this.#watchMembers(now)
  }

  #watchMembers(now: Now): void {
    this.#watch.membersChanged(
      this.#view.members.map(member => member.id),
      now,
    )
  }

  /** Reads are coordinated where they are asked; writes at the first live owner of the key (rule 6). */
  #request(client: Client, operation: Operation, timeoutMs: number, now: Now): void {
    switch (operation.kind) {
      case 'write':
        if (client.kind === 'local') return requestWrite(this.#requester, client, operation, timeoutMs, now)
        return coordinateWrite(this.#coordinator, client, operation, timeoutMs, now)
      case 'read':
        return startRead(this.#reader, client, operation.key, null, timeoutMs, now)
      case 'history': {
        const { key, from, limit } = operation
        if (from === null) return startRead(this.#reader, client, key, limit, timeoutMs, now)
        return startChain(this.#reader, client, key, from, limit, now.monotonicMs + timeoutMs, now)
      }
    }
  }

  #sweep(now: Now): void {
    this.#armedMs = Number.POSITIVE_INFINITY
    this.#process.wakeMs = Number.POSITIVE_INFINITY
    wakeAt(this.#process, sweepRounds(this.#coordinator, now))
    wakeAt(this.#process, sweepReads(this.#reader, now))
    wakeAt(this.#process, sweepRequests(this.#requester, now))
    wakeAt(this.#process, this.#repair.sweep(now))
    wakeAt(this.#process, this.#puller.sweep(now))
    wakeAt(this.#process, this.#membership.sweep(now))
    wakeAt(this.#process, this.#watch.sweep(now))
    wakeAt(this.#process, this.#upkeep.sweep(now))
  }

  #arm(now: Now): void {
    // A timer that is armed is never put off: under load there is always another step.
    const atMs = Math.max(this.#process.wakeMs, now.monotonicMs + sweepEveryMs)
    if (atMs >= this.#armedMs) return
    this.#armedMs = atMs
    this.#effects.push({ kind: 'arm', atMs })
  }

  #placeOf(partition: PartitionId): KeyPlace {
    const known = this.#places[partition]
    if (known) return known
    const place = placeIn(this.#view, partition, this.#process.self)
    this.#places[partition] = place
    return place
  }

  #save(changes: readonly Change[]): void {
    if (changes.length > 0) this.#emit({ kind: 'save', changes })
  }

  #emit(effect: Effect): void {
    if (effect.kind === 'save') this.#upkeep.saved(effect.changes)
    this.#effects.push(effect)
  }

  #report(event: PeerEvent): void {
    this.#effects.push({ kind: 'report', event })
  }
}

/** A peer as after a start: what it must remember is in `records`. */
export function newPeer(options: PeerOptions): Peer {
  return new RingMember(options)
}
