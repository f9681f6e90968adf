import assert from 'node:assert/strict'
import { bootTag, type Clock, newClock, nextHlc, peerTagDigits } from '../../base/hlc.ts'
import { type ContextKey, noBallot, type PartitionId, type PeerId, type Version } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { View } from '../../dht/view.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import { newPeer, type Peer } from '../../node/peer/peer.ts'
import type { Effect, Input, PeerEvent, Task, TaskEnd } from '../../node/peer/step.ts'
import { defaultLimits, type Limits } from '../../replication/limits.ts'
import type { Operation, Outcome, ScanEntry } from '../../replication/messages.ts'
import type { Hint } from '../../replication/records.ts'
import { MemoryRecords, wallMs } from '../replication/memory-records.ts'

export type Sent = { readonly from: PeerId; readonly to: PeerId; readonly message: PeerMessage }

/** One peer without a driver: its records in memory, and what waits for them to be durable. */
export class PureMember {
  readonly records = new MemoryRecords()
  readonly hints: Hint[] = []
  readonly events: PeerEvent[] = []
  peer: Peer
  /** While held nothing that was saved becomes durable; `sync` lets it. */
  isHeld = false
  storedView: View | null = null
  armedMs = Number.POSITIVE_INFINITY
  gated: (() => void)[] = []
  readonly outcomes = new Map<number, Outcome>()
  readonly ends = new Map<number, TaskEnd>()
  readonly self: PeerId
  readonly hlc: Clock
  readonly #number: number
  readonly #limits: Limits
  #boots = 0

  constructor(self: PeerId, number: number, view: View, limits: Limits) {
    this.self = self
    this.#number = number
    this.#limits = limits
    this.hlc = newClock(bootTag(number.toString(16).padStart(peerTagDigits, '0'), 0))
    this.peer = this.boot(view)
  }

  /** A peer that knows what is in the records and nothing else. */
  boot(view: View): Peer {
    this.#boots += 1
    this.gated = []
    this.armedMs = Number.POSITIVE_INFINITY
    this.peer = newPeer({
      self: this.self,
      view: this.storedView ?? view,
      clock: this.hlc,
      incarnation: this.#boots,
      records: this.records,
      limits: this.#limits,
      random: seeded(this.#number),
    })
    return this.peer
  }
}

/**
 * Peers without drivers: messages arrive at once and in order, unless `mayPass` says no; time stands still until nothing
 * is left to be delivered, then it jumps to the next timer.
 */
export class PureFleet {
  readonly members = new Map<PeerId, PureMember>()
  readonly sent: Sent[] = []
  mayPass: (sent: Sent) => boolean = () => true
  nowMs = 1_000
  readonly #queue: (() => void)[] = []
  #requests = 0

  constructor(view: View, peers: readonly PeerId[], limits: Partial<Limits> = {}) {
    const all = { ...defaultLimits, ...limits }
    for (const [at, peer] of peers.entries()) this.members.set(peer, new PureMember(peer, at + 1, view, all))
    for (const peer of peers) this.#begin(peer)
  }

  /** Stops a peer and starts it again on the same records. */
  restart(peer: PeerId): void {
    this.at(peer).boot(this.at(peer).peer.view())
    this.#begin(peer)
  }

  #begin(peer: PeerId): void {
    this.step(peer, { kind: 'started' })
    for (const other of this.members.keys())
      if (other !== peer) this.step(peer, { kind: 'peerConnected', peer: other })
  }

  at(peer: PeerId): PureMember {
    const member = this.members.get(peer)
    assert.ok(member, `no peer ${peer}`)
    return member
  }

  tellAll(view: View, peers: Iterable<PeerId> = this.members.keys()): void {
    for (const peer of peers) this.step(peer, { kind: 'viewTold', view })
  }

  /** Cuts one peer off from all others, and tells everybody so. */
  cut(peer: PeerId): void {
    for (const other of this.members.keys()) {
      if (other === peer) continue
      this.step(other, { kind: 'peerLost', peer })
      this.step(peer, { kind: 'peerLost', peer: other })
    }
    const passed = this.mayPass
    this.mayPass = sent => sent.from !== peer && sent.to !== peer && passed(sent)
  }

  sync(peer: PeerId): void {
    const member = this.at(peer)
    member.isHeld = false
    const { gated } = member
    member.gated = []
    for (const run of gated) run()
  }

  /** Submits an operation and runs until it is answered. */
  do(peer: PeerId, operation: Operation, timeoutMs = 5_000): Outcome {
    this.#requests += 1
    const request = this.#requests
    this.step(peer, { kind: 'requested', request, operation, timeoutMs })
    this.runUntil(() => this.at(peer).outcomes.has(request))
    return this.at(peer).outcomes.get(request)!
  }

  /** Has a peer do the work of a duty and runs until it has ended. */
  carryOut(peer: PeerId, work: Task): TaskEnd {
    this.#requests += 1
    const task = this.#requests
    this.step(peer, { kind: 'taskAsked', task, work })
    this.runUntil(() => this.at(peer).ends.has(task))
    return this.at(peer).ends.get(task)!
  }

  newId(peer: PeerId): Version {
    return nextHlc(this.at(peer).hlc, this.wallMs)
  }

  get wallMs(): number {
    return wallMs + this.nowMs
  }

  /** @throws AssertionError when it has not come true after `forMs` of the fleet's time. */
  runUntil(isTrue: () => boolean, forMs = 20_000): void {
    const endMs = this.nowMs + forMs
    while (!isTrue()) {
      assert.ok(this.nowMs <= endMs, 'it does not come true')
      this.#one()
    }
  }

  runFor(forMs: number): void {
    const endMs = this.nowMs + forMs
    while (this.nowMs < endMs) this.#one()
  }

  /** Everything that is under way arrives, and no time passes. */
  deliver(): void {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) next()
  }

  step(peer: PeerId, input: Input): void {
    const now = { wallMs: this.wallMs, monotonicMs: this.nowMs }
    for (const effect of this.at(peer).peer.step(input, now)) this.#perform(this.at(peer), effect)
  }

  #one(): void {
    const next = this.#queue.shift()
    if (next) return next()
    const [first] = [...this.members.values()].sort((a, b) => a.armedMs - b.armedMs)
    assert.ok(first && first.armedMs < Number.POSITIVE_INFINITY, 'nothing will ever happen')
    this.nowMs = Math.max(this.nowMs, first.armedMs)
    first.armedMs = Number.POSITIVE_INFINITY
    this.step(first.self, { kind: 'timePassed' })
  }

  #perform(member: PureMember, effect: Effect): void {
    const { self, records } = member
    switch (effect.kind) {
      case 'save':
        records.save(effect.changes)
        for (const change of effect.changes) if (change.kind === 'hint') member.hints.push(change.hint)
        return
      case 'saveView':
        return this.#gate(member, () => {
          member.storedView = effect.view
        })
      case 'confirmSaved':
        return this.#gate(member, () => this.#later(self, { kind: 'saved', mark: effect.mark }))
      case 'release':
        return this.#later(self, { ...effect, kind: 'released' })
      case 'sendAfterSave':
        return this.#gate(member, () => this.#send({ from: self, to: effect.to, message: effect.message }))
      case 'sendWhenSaved':
        return this.#gate(member, () => this.#send({ from: self, to: effect.to, message: effect.message }))
      case 'send':
        return this.#send({ from: self, to: effect.to, message: effect.message })
      case 'scanPartition': {
        const { scan, partition, after, limit } = effect
        return this.#gate(member, () => {
          const keys = this.#keysOf(records, partition, member).filter(key => after === null || key > after)
          const entries = keys.slice(0, limit).map((key): ScanEntry => {
            const head = records.head(key)
            assert.ok(head !== null)
            if (head === 'damaged') return { key, accepted: noBallot, value: null }
            return { key, accepted: head.accepted, value: head.value }
          })
          this.#later(self, { kind: 'partitionScanned', scan, entries, done: keys.length <= limit })
        })
      }
      case 'listRecords': {
        const { list, partition, limit } = effect
        return this.#gate(member, () => {
          const heads = this.#keysOf(records, partition, member).slice(0, limit)
          const versions = [...records.versions.keys()]
            .map(text => ({ key: text.slice(0, 64) as ContextKey, version: text.slice(64) as Version }))
            .filter(({ key }) => this.#partitionOf(key, member) === partition)
            .slice(0, limit)
          const done = heads.length + versions.length === 0
          this.#later(self, { kind: 'recordsListed', list, heads, versions, done })
        })
      }
      case 'listVersions': {
        const { list, keys } = effect
        return this.#gate(member, () => {
          const names = [...records.versions.keys()]
          const versionsOf = (key: ContextKey) =>
            names.filter(name => name.startsWith(key)).map(name => name.slice(64) as Version)
          const versions = new Map(keys.map(key => [key, versionsOf(key)]))
          this.#later(self, { kind: 'versionsListed', list, versions })
        })
      }
      case 'taskEnded':
        member.ends.set(effect.task, effect.end)
        return
      case 'listHints':
        return this.#later(self, {
          kind: 'hintsListed',
          peer: effect.peer,
          hints: member.hints.filter(hint => hint.peer === effect.peer).slice(0, effect.limit),
        })
      case 'answer':
        member.outcomes.set(effect.request, effect.outcome)
        return
      case 'arm':
        member.armedMs = effect.atMs
        return
      case 'report':
        member.events.push(effect.event)
    }
  }

  #gate(member: PureMember, run: () => void): void {
    if (member.isHeld) member.gated.push(run)
    else run()
  }

  #later(peer: PeerId, input: Input): void {
    this.#queue.push(() => this.step(peer, input))
  }

  #send(sent: Sent): void {
    this.sent.push(sent)
    if (!this.members.has(sent.to) || !this.mayPass(sent)) return
    this.#later(sent.to, { kind: 'messageArrived', from: sent.from, message: sent.message })
  }

  #partitionOf(key: ContextKey, member: PureMember): PartitionId {
    return partitionOf(key, member.peer.view().partitions.length)
  }

  #keysOf(records: MemoryRecords, partition: PartitionId, member: PureMember): ContextKey[] {
    const keys = [...records.heads.keys()] as ContextKey[]
    return keys.filter(key => this.#partitionOf(key, member) === partition).sort()
  }
}
