import type { Clock } from '../../base/hlc.ts'
import type { ContextKey, PartitionId, PeerId, Version } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { controlPartition, partitionOf } from '../../dht/keyspace.ts'
import type { MoveReports } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import { consider } from '../../replication/acceptor.ts'
import { wentWithKey } from '../../replication/collection.ts'
import { type Client, type KeyPlace, type Process, wakeAt } from '../../replication/context.ts'
import {
  bringUp,
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
import type { Operation, Outcome, ReplicaMessage } from '../../replication/messages.ts'
import { type Acceptor, newAcceptor, type Place } from '../../replication/partition-state.ts'
import { floorsFor, Puller } from '../../replication/puller.ts'
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
  onOwnOutcome,
  onReply,
  onTargetLost,
  type Requester,
  requestWrite,
  sweepRequests,
} from '../../replication/requester.ts'
import { onPeerLost } from '../../replication/tails.ts'
import { chainFrom, considerBackfill, isMissing } from '../../replication/versions.ts'
import type { PeerMessage } from './fleet-messages.ts'
import { Membership } from './membership.ts'
import { placeIn, toPlace } from './place.ts'
import { Scans } from './scans.ts'
import { SelfRepair } from './self-repair.ts'
import type { Effect, Input, Now, PeerEvent } from './step.ts'
import { Upkeep } from './upkeep.ts'

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
    this.#scans = new Scans(effect => this.#effects.push(effect))
    this.#repair = new SelfRepair({
      process: this.#process,
      acceptor: this.#acceptor,
      records: options.records,
      partitionCount: () => this.#view.partitions.length,
      placeOf: partition => this.#placeOf(partition),
      scans: this.#scans,
      emit: effect => this.#emit(effect),
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
      emit: effect => this.#effects.push(effect),
      save: changes => this.#save(changes),
      forget: key => this.#coordinator.cached.delete(key),
      damageFound: (key, now) => this.#repair.damageFound(key, now),
      fill: (key, version, now) => {
        const deadlineMs = now.monotonicMs + options.limits.attemptMaxMs
        startChain(this.#reader, { kind: 'repair' }, key, version, options.limits.chainMax, deadlineMs, now)
      },
    })
  }

  view(): View {
    return this.#view
  }

  get reports(): MoveReports {
    return this.#membership.reports
  }

  copiedBytes(): number {
    return this.#puller.copiedBytes
  }

  lags(): PeerLag[] {
    return this.#upkeep.lags()
  }

  step(input: Input, now: Now): Effect[] {
    this.#effects = []
    this.#take(input, now)
    this.#grant(now)
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
        return this.#considerAsk(from, message, now)
      case 'backfill': {
        if (!this.#process.placeOf(message.key).accepts) return
        const { changes, reply } = considerBackfill(this.#acceptor.records, message)
        if (!this.#wentWithKey(message.key, message.record.version, now)) {
          if (changes.length > 0) this.#report({ kind: 'counted', name: 'backfilled' })
          this.#save(changes)
        }
        this.#effects.push({ kind: 'sendAfterSave', to: from, key: message.key, message: reply })
        return
      }
      case 'chainAsked': {
        const records = chainFrom(
          this.#acceptor.records,
          this.#acceptor.limits,
          message.key,
          message.from,
          message.limit,
        )
        const { id, key } = message
        const place = this.#acceptorPlace(key)
        const isKnown = records.length > 0 || isMissing(this.#acceptor, key, message.from, place, now.wallMs)
        const refusal = { kind: 'refused', id, epoch: place.epoch, reason: 'damaged' } as const
        // That a version is gone may be said only when it is so for good.
        this.#effects.push({
          kind: 'sendAfterSave',
          to: from,
          key,
          message: isKnown ? { kind: 'chain', id, key, records } : refusal,
        })
        return
      }
      case 'scanAsked':
        if (this.#isOfMyEpoch(from, message, message.partition, now))
          this.#repair.scanAsked(from, message, now)
        return
      case 'floorsAsked': {
        if (!this.#isOfMyEpoch(from, message, message.partition, now)) return
        const place = toPlace(this.#placeOf(message.partition))
        const floors = floorsFor(this.#acceptor, message, place, now.wallMs)
        const refusal = { kind: 'refused', id: message.id, epoch: place.epoch, reason: 'notOwner' } as const
        this.#effects.push({ kind: 'send', to: from, message: floors ?? refusal })
        return
      }
      case 'viewAsked':
      case 'viewTold':
      case 'beat':
        return this.#membership.take(from, message, now)
      case 'gather':
      case 'collect':
      case 'digestAsked':
        if (this.#isOfMyEpoch(from, message, message.partition, now)) this.#upkeep.asked(from, message, now)
        return
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

  #considerAsk(
    from: PeerId,
    ask: Extract<ReplicaMessage, { kind: 'prepare' | 'accept' | 'query' | 'replay' }>,
    now: Now,
  ): void {
    const place = this.#acceptorPlace(ask.key)
    // Rule 10: newer makes the receiver adopt the view first, older gets it.
    if (ask.epoch > place.epoch && this.#membership.hold(from, ask, now)) return
    if (ask.epoch < place.epoch) this.#membership.tellStale(from, now)
    const considered = consider(this.#acceptor, ask, place, now.wallMs)
    this.#save(considered.changes)
    this.#effects.push({ kind: 'sendAfterSave', to: from, key: ask.key, message: considered.reply })
    if (considered.healed) this.#report({ kind: 'damageRepaired', key: ask.key })
    if (considered.damaged) this.#repair.damageFound(ask.key, now)
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

  /** False: it was held until the view is here, or refused. */
  #isOfMyEpoch(
    from: PeerId,
    ask: Extract<
      ReplicaMessage,
      { kind: 'scanAsked' | 'floorsAsked' | 'gather' | 'collect' | 'digestAsked' }
    >,
    partition: PartitionId,
    now: Now,
  ): boolean {
    const known = partition === controlPartition || partition < this.#view.partitions.length
    const epoch = known ? this.#placeOf(partition).quorum.epoch : 0
    if (known && ask.epoch === epoch) return true
    if (ask.epoch > epoch && known && this.#membership.hold(from, ask, now)) return false
    const reason = ask.epoch < epoch ? 'stale' : 'ahead'
    if (reason === 'stale') this.#membership.tellStale(from, now)
    this.#effects.push({ kind: 'send', to: from, message: { kind: 'refused', id: ask.id, epoch, reason } })
    return false
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

  /** Turns what the machines wish into effects; an outcome may make another machine wish for more. */
  #grant(now: Now): void {
    const { wishes } = this.#process
    for (let at = 0; at < wishes.length; at++) {
      const wish = wishes[at]!
      switch (wish.kind) {
        case 'send':
          this.#effects.push({ kind: 'send', to: wish.to, message: wish.message })
          break
        case 'finish':
          this.#finish(wish.client, wish.key, wish.outcome, now)
          break
        case 'missed':
          // Only an owner has what it would deliver.
          if (!this.#process.placeOf(wish.key).accepts) break
          this.#report({ kind: 'counted', name: 'hintKept' })
          this.#save([{ kind: 'hint', hint: { peer: wish.peer, key: wish.key, version: wish.version } }])
          break
        case 'keep': {
          if (!this.#process.placeOf(wish.key).accepts) break
          if (this.#wentWithKey(wish.key, wish.record.version, now)) break
          this.#save(
            considerBackfill(this.#acceptor.records, {
              kind: 'backfill',
              id: 0,
              key: wish.key,
              record: wish.record,
            }).changes,
          )
          break
        }
        case 'bringUp':
          bringUp(this.#coordinator, wish.key, now)
          break
        case 'count':
          this.#report({ kind: 'counted', name: wish.name })
      }
    }
    wishes.length = 0
  }

  #finish(client: Client, key: ContextKey, outcome: Outcome, now: Now): void {
    switch (client.kind) {
      case 'local':
        this.#effects.push({ kind: 'answer', request: client.request, outcome })
        return
      case 'member':
        this.#effects.push({
          kind: 'send',
          to: client.peer,
          message: { kind: 'reply', id: client.id, outcome },
        })
        return
      case 'requester':
        return onOwnOutcome(this.#requester, client.id, outcome, now)
      case 'repair':
        return
      case 'heal':
        return this.#repair.healed(key, outcome, now)
      case 'pull':
        return this.#puller.settled(key, outcome, now)
      case 'history': {
        if (outcome.kind !== 'found' && outcome.kind !== 'absent')
          return this.#finish(client.asker, key, outcome, now)
        const from = outcome.kind === 'found' ? outcome.value.version : null
        return startChain(this.#reader, client.asker, key, from, client.limit, client.deadlineMs, now)
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
    wakeAt(this.#process, this.#upkeep.sweep(now))
  }

  #arm(now: Now): void {
    const { wakeMs } = this.#process
    if (wakeMs >= this.#armedMs) return
    this.#armedMs = Math.max(wakeMs, now.monotonicMs + sweepEveryMs)
    this.#effects.push({ kind: 'arm', atMs: this.#armedMs })
  }

  #placeOf(partition: PartitionId): KeyPlace {
    const known = this.#places[partition]
    if (known) return known
    const place = placeIn(this.#view, partition, this.#process.self)
    this.#places[partition] = place
    return place
  }

  #acceptorPlace(key: ContextKey): Place {
    return toPlace(this.#process.placeOf(key))
  }

  #save(changes: readonly Change[]): void {
    if (changes.length > 0) this.#emit({ kind: 'save', changes })
  }

  #emit(effect: Effect): void {
    if (effect.kind === 'save') this.#upkeep.saved(effect.changes)
    this.#effects.push(effect)
  }

  #wentWithKey(key: ContextKey, version: Version, now: Now): boolean {
    return wentWithKey(this.#acceptor, key, version, this.#acceptorPlace(key), now.wallMs)
  }

  #report(event: PeerEvent): void {
    this.#effects.push({ kind: 'report', event })
  }
}

/** A peer as after a start: what it must remember is in `records`. */
export function newPeer(options: PeerOptions): Peer {
  return new RingMember(options)
}
