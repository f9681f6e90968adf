import type { PartitionId, PeerId } from '../../base/ids.ts'
import type { MoveReports } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import type { HealthState } from '../../election/health-step.ts'
import { type Client, type KeyPlace, noteHeard, type Process, wakeAt } from '../../replication/context.ts'
import {
  coordinateTrim,
  coordinateWrite,
  onEpochs,
  onOwnerLost,
  onRoundAnswer,
  sweepRounds,
} from '../../replication/coordinator.ts'
import {
  deliver,
  forgetDeliveries,
  hintsListedMax,
  onDelivered,
  sweepHints,
} from '../../replication/hints.ts'
import { startWalk } from '../../replication/history-walk.ts'
import type { PeerLag } from '../../replication/lag.ts'
import type { Operation, ReplicaMessage } from '../../replication/messages.ts'
import { onReadEpochs, onReaderAnswer, startRead, sweepReads } from '../../replication/reader.ts'
import type { Change } from '../../replication/records.ts'
import { onReply, onTargetLost, requestWrite, sweepRequests } from '../../replication/requester.ts'
import { onPeerLost } from '../../replication/tails.ts'
import { answerAsk } from './asks.ts'
import { assemble } from './assembly.ts'
import type { PeerMessage } from './fleet-messages.ts'
import type { Machines, PeerOptions } from './machines.ts'
import { placeIn } from './place.ts'
import type { Effect, Input, Now, PeerEvent } from './step.ts'
import { grantWishes } from './wishes.ts'

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
  readonly #machines: Machines
  #view: View
  #places: (KeyPlace | undefined)[] = []
  #effects: Effect[] = []
  #armedMs = Number.POSITIVE_INFINITY

  constructor(options: PeerOptions) {
    this.#view = options.view
    this.#machines = assemble(options, {
      view: () => this.#view,
      placeOf: partition => this.#placeOf(partition),
      emit: effect => this.#emit(effect),
      adopt: (view, now) => this.#adopt(view, now),
    })
    this.#process = this.#machines.process
  }

  view(): View {
    return this.#view
  }

  get reports(): MoveReports {
    return this.#machines.membership.reports
  }

  healthOf(peer: PeerId): HealthState {
    return this.#machines.watch.healthOf(peer)
  }

  deadForMs(peer: PeerId, monotonicMs: number): number | null {
    return this.#machines.watch.deadForMs(peer, monotonicMs)
  }

  lags(): PeerLag[] {
    return this.#machines.upkeep.lags()
  }

  copiedBytes(): number {
    return this.#machines.puller.copiedBytes
  }

  step(input: Input, now: Now): Effect[] {
    this.#effects = []
    this.#take(input, now)
    grantWishes(this.#machines, now)
    this.#arm(now)
    return this.#effects
  }

  damagedPartitions(): PartitionId[] {
    return this.#machines.repair.damagedPartitions()
  }

  #take(input: Input, now: Now): void {
    switch (input.kind) {
      case 'messageArrived':
        this.#process.suspects.delete(input.from)
        noteHeard(this.#process, input.from, now.monotonicMs)
        return this.#takeMessage(input.from, input.message, now)
      case 'released':
        return this.#takeMessage(input.from, input.message, now)
      case 'requested':
        return this.#request({ kind: 'local', request: input.request }, input.operation, input.timeoutMs, now)
      case 'timePassed':
        return this.#sweep(now)
      case 'peerConnected':
        this.#process.connected.add(input.peer)
        this.#process.suspects.delete(input.peer)
        noteHeard(this.#process, input.peer, now.monotonicMs)
        return this.#listHints(input.peer)
      case 'peerLost':
        this.#process.connected.delete(input.peer)
        this.#process.heard.delete(input.peer)
        onTargetLost(this.#machines.requester, input.peer, now)
        onOwnerLost(this.#machines.coordinator, now)
        onPeerLost(this.#process, this.#machines.coordinator.tails, input.peer, now)
        this.#machines.upkeep.peerLost(input.peer, now)
        return forgetDeliveries(this.#machines.deliverer, input.peer)
      case 'started':
        this.#watchMembers(now)
        return this.#machines.membership.begin(now)
      case 'viewTold':
        return this.#machines.membership.announce(input.view, now)
      case 'saved':
        for (const held of this.#machines.membership.saved(input.mark, now))
          this.#effects.push({ kind: 'release', ...held })
        return
      case 'recordsListed':
        return this.#machines.membership.recordsListed(input, now)
      case 'partitionScanned':
        return this.#machines.scans.scanned(input, now)
      case 'versionsListed':
        return this.#machines.scans.listed(input, now)
      case 'taskAsked':
        return this.#machines.upkeep.begin(input.task, input.work, now)
      case 'hintsListed':
        return this.#save(deliver(this.#machines.deliverer, input.peer, input.hints, now.monotonicMs))
      case 'recordsLost':
        return this.#machines.repair.recordsLost(now)
      case 'damageSeen':
        return this.#machines.repair.resume(input.partitions, now)
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
        return this.#machines.membership.take(from, message, now)
      case 'beat':
        this.#machines.watch.heard(from, now)
        return this.#machines.membership.take(from, message, now)
      case 'dutyOrdered':
      case 'dutyStopped':
      case 'dutyEnded':
      case 'replaceAsked':
        this.#effects.push({ kind: 'passOn', from, message })
        return
      case 'health':
        return this.#machines.watch.reported(from, message.report, now)
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
        return onReply(this.#machines.requester, from, message, now)
      case 'clockAsked':
      case 'clockTold':
        // The driver's: a peer is told what time it is.
        return
    }
  }

  #takeAnswer(from: PeerId, message: ReplicaMessage & { id: number }, now: Now): void {
    if (message.kind === 'refused' && (message.reason === 'stale' || message.reason === 'ahead')) {
      this.#report({ kind: 'counted', name: 'staleEpoch' })
      this.#machines.membership.refusedBy(from, message.reason, now)
    }
    if (onRoundAnswer(this.#machines.coordinator, from, message, now)) return
    if (onReaderAnswer(this.#machines.reader, from, message, now)) return
    const delivered = onDelivered(this.#machines.deliverer, from, message)
    if (delivered) {
      if (delivered.change) this.#save([delivered.change])
      if (delivered.ready) this.#listHints(from)
      return
    }
    if (this.#machines.puller.answered(from, message, now)) return
    if (this.#machines.upkeep.answered(from, message, now)) return
    this.#machines.repair.scanPage(from, message, now)
  }

  /** A newer view is on the disk. Rounds and reads of older epochs begin again in theirs (rule 10). */
  #adopt(view: View, now: Now): void {
    this.#view = view
    this.#places = []
    this.#report({ kind: 'viewAdopted', view })
    onEpochs(this.#machines.coordinator, now)
    onReadEpochs(this.#machines.reader, now)
    this.#machines.repair.onEpochs(now)
    this.#machines.upkeep.onEpochs()
    this.#watchMembers(now)
  }

  #watchMembers(now: Now): void {
    this.#machines.watch.membersChanged(
      this.#view.members.map(member => member.id),
      now,
    )
  }

  /** Reads are coordinated where they are asked; writes at the first live owner of the key (rule 6). */
  #request(client: Client, operation: Operation, timeoutMs: number, now: Now): void {
    switch (operation.kind) {
      case 'write':
        if (client.kind === 'local')
          return requestWrite(this.#machines.requester, client, operation, timeoutMs, now)
        return coordinateWrite(this.#machines.coordinator, client, operation, timeoutMs, now)
      case 'trim':
        return coordinateTrim(this.#machines.coordinator, client, operation, timeoutMs, now)
      case 'read':
        return startRead(this.#machines.reader, client, operation.key, timeoutMs, now)
      case 'history': {
        const { key, from, limit } = operation
        const deadlineMs = now.monotonicMs + timeoutMs
        return startWalk(this.#machines.reader.walks, client, key, from, limit, deadlineMs, now)
      }
    }
  }

  #sweep(now: Now): void {
    this.#armedMs = Number.POSITIVE_INFINITY
    this.#process.wakeMs = Number.POSITIVE_INFINITY
    wakeAt(this.#process, sweepRounds(this.#machines.coordinator, now))
    wakeAt(this.#process, sweepReads(this.#machines.reader, now))
    wakeAt(this.#process, sweepRequests(this.#machines.requester, now))
    for (const peer of sweepHints(this.#machines.deliverer, now.monotonicMs)) this.#listHints(peer)
    wakeAt(this.#process, this.#machines.repair.sweep(now))
    wakeAt(this.#process, this.#machines.puller.sweep(now))
    wakeAt(this.#process, this.#machines.membership.sweep(now))
    wakeAt(this.#process, this.#machines.watch.sweep(now))
    wakeAt(this.#process, this.#machines.upkeep.sweep(now))
  }

  #listHints(peer: PeerId): void {
    this.#effects.push({ kind: 'listHints', peer, limit: hintsListedMax })
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
    if (effect.kind === 'save') this.#machines.upkeep.saved(effect.changes)
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
