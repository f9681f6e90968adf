import { hash } from 'node:crypto'
import { assert } from '../../base/assert.ts'
import { type Clock, newClock } from '../../base/hlc.ts'
import { type ContextKey, noBallot, type PartitionId, type PeerId, type Version } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { MoveState } from '../../dht/stages.ts'
import type { View } from '../../dht/view.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import { newPeer, type Peer } from '../../node/peer/peer.ts'
import type { Effect, Input } from '../../node/peer/step.ts'
import { defaultLimits, type Limits } from '../../replication/limits.ts'
import type { Operation, Outcome, ScanEntry } from '../../replication/messages.ts'
import { type Asked, Judge, type Seat } from './judge.ts'
import { PureRecords } from './pure-records.ts'

/** A message under way. Its name and its turn follow from what its sender went through, not from what others did. */
export type Letter = {
  readonly from: PeerId
  readonly to: PeerId
  readonly message: PeerMessage
  /** One more than the letter that it answers. */
  readonly turn: number
  /** Of all letters of this sender. */
  readonly number: number
  /** What it says follows from what its sender had gone through. */
  readonly print: string
}

type Member = Seat & {
  readonly self: PeerId
  readonly tag: number
  readonly records: PureRecords
  clock: Clock
  peer: Peer
  boots: number
  storedView: View | null
  nowMs: number
  armedMs: number
  sent: number
  /** Fingerprint of everything that this process took, in its order: its state follows from that alone. */
  print: string
}

/** Wall-clock milliseconds at the beginning. */
export const worldStartMs = 1_750_000_000_000
const timeoutMs = 60_000
/** A timer that is due so soon belongs to the step that armed it. */
const atOnceMs = 6

/**
 * Pure peers without drivers: what they save is durable at once, and each message waits until it is delivered, lost, or
 * told to wait longer. Each peer has a clock of its own, that moves when one of its timers fires, and a state that
 * follows from what it took. Heartbeats and reports of health are left out; how far a move is, is asked directly.
 */
export class PureWorld {
  letters: Letter[] = []
  readonly judge: Judge
  readonly answers: Outcome[] = []
  view: View
  readonly names: readonly PeerId[]
  readonly #members = new Map<PeerId, Member>()
  readonly #asked = new Map<number, Asked & { readonly at: PeerId }>()
  readonly #limits: Limits
  #requests = 0

  constructor(names: readonly PeerId[], view: View, limits: Partial<Limits> = {}) {
    this.names = names
    this.view = view
    this.judge = new Judge(view)
    this.#limits = { ...defaultLimits, beatMs: 1_000_000_000, ...limits }
    for (const [at, self] of names.entries()) this.#boot(self, at + 1, new PureRecords(), 1)
  }

  get complaint(): string | null {
    return this.judge.complaints[0] ?? null
  }

  get open(): number {
    return this.#asked.size
  }

  at(peer: PeerId): Member {
    const member = this.#members.get(peer)
    assert(member !== undefined, `peer ${peer} exists`)
    return member
  }

  /** Equal for equal states: what each peer went through, what is under way, and what callers knew when they asked. */
  print(): string {
    const peers = [...this.#members.values()].map(member => `${member.print}@${member.nowMs}`)
    const asked = [...this.#asked].map(([request, { acknowledged }]) => `${request}:${acknowledged.size}`)
    const letters = this.letters.map(letter => letter.print)
    return hash('md5', [this.view.epoch, ...asked, ...peers, ...letters].join(' '))
  }

  /** The process dies and comes back with what it saved; its callers never hear of what they asked. */
  restart(self: PeerId): void {
    for (const [request, { at }] of this.#asked) if (at === self) this.#asked.delete(request)
    const { tag, records, boots, storedView, nowMs } = this.at(self)
    this.#boot(self, tag, records, boots + 1, storedView, nowMs)
  }

  request(at: PeerId, operation: Operation): void {
    this.#requests += 1
    this.#asked.set(this.#requests, { ...this.judge.asked(operation), at })
    this.step(at, { kind: 'requested', request: this.#requests, operation, timeoutMs })
  }

  /** The control group agreed on a view; whoever does not hear of it meets it when it is refused as old. */
  agree(view: View, told: readonly PeerId[]): void {
    this.view = view
    this.judge.agreed(view, peer => this.at(peer))
    for (const peer of told) this.step(peer, { kind: 'viewTold', view })
  }

  /** How far a member is with a partition that it takes over. */
  stateOf(partition: PartitionId, epoch: number, peer: PeerId): MoveState | null {
    return this.at(peer).peer.reports(partition, epoch, peer)
  }

  deliver(letter: Letter): void {
    this.lose(letter)
    const { from, to, message } = letter
    this.step(to, { kind: 'messageArrived', from, message }, letter)
  }

  lose(letter: Letter): void {
    this.letters.splice(this.letters.indexOf(letter), 1)
  }

  /** Puts a message under way that the peer itself did not send. */
  post(from: PeerId, to: PeerId, message: PeerMessage): void {
    this.#send(this.at(from), to, message, [], 1)
  }

  /** Hands a message over that nobody sent. */
  hand(from: PeerId, to: PeerId, message: PeerMessage): void {
    this.step(to, { kind: 'messageArrived', from, message })
  }

  /** Delivers what waits, and what that causes, as long as `wanted` says so; the rest keeps waiting. */
  run(wanted: (letter: Letter) => boolean = () => true): void {
    for (;;) {
      const letter = this.letters.find(wanted)
      if (letter === undefined) return
      this.deliver(letter)
    }
  }

  /** The next timer of a peer fires, or the first of all; false: none will. */
  fire(self?: PeerId): boolean {
    const all = self === undefined ? [...this.#members.values()] : [this.at(self)]
    const first = all.toSorted((a, b) => a.armedMs - b.armedMs)[0]
    if (first === undefined || first.armedMs === Number.POSITIVE_INFINITY) return false
    this.#fire(first)
    return true
  }

  /** Everybody's clock goes on, and their timers fire. */
  pass(ms: number): void {
    for (const member of this.#members.values()) {
      member.nowMs += ms
      this.step(member.self, { kind: 'timePassed' })
    }
  }

  step(self: PeerId, input: Input, letter: Letter | null = null): void {
    const member = this.at(self)
    this.#take(member, input, letter)
    while (member.armedMs <= member.nowMs + atOnceMs) this.#fire(member)
  }

  #fire(member: Member): void {
    member.nowMs = Math.max(member.nowMs, member.armedMs)
    member.armedMs = Number.POSITIVE_INFINITY
    this.#take(member, { kind: 'timePassed' }, null)
  }

  #take(member: Member, first: Input, letter: Letter | null): void {
    const cause = letter?.print ?? causeOf(first)
    member.print = hash('md5', `${member.print} ${member.nowMs} ${cause}`)
    const inputs = [first]
    const turn = (letter?.turn ?? 0) + 1
    for (let at = 0; at < inputs.length; at++) {
      const input = inputs[at]!
      if (input.kind === 'messageArrived') this.judge.arrived(input.from, member.self, input.message)
      const now = { wallMs: worldStartMs + member.nowMs, monotonicMs: member.nowMs }
      const before = member.peer.view()
      for (const effect of member.peer.step(input, now)) this.#perform(member, effect, inputs, turn)
      if (member.peer.view() !== before) this.judge.adopted(this.#members)
    }
  }

  #perform(member: Member, effect: Effect, inputs: Input[], turn: number): void {
    const { self, records } = member
    switch (effect.kind) {
      case 'save':
        for (const change of effect.changes) {
          records.apply(change)
          this.judge.saved(self, change, member.view)
        }
        return
      case 'saveView':
        member.storedView = effect.view
        return
      case 'confirmSaved':
        inputs.push({ kind: 'saved', mark: effect.mark })
        return
      case 'release':
        return void inputs.push({ ...effect, kind: 'released' })
      case 'send':
      case 'sendAfterSave':
        return this.#send(member, effect.to, effect.message, inputs, turn)
      case 'scanPartition':
        return void inputs.push(scanned(member, effect))
      case 'listRecords':
        return void inputs.push(listed(member, effect))
      case 'listHints': {
        const hints = [...records.hints.values()].filter(hint => hint.peer === effect.peer)
        return void inputs.push({
          kind: 'hintsListed',
          peer: effect.peer,
          hints: hints.slice(0, effect.limit),
        })
      }
      case 'answer': {
        const asked = this.#asked.get(effect.request)
        this.#asked.delete(effect.request)
        this.answers.push(effect.outcome)
        if (asked !== undefined) this.judge.answered(asked, effect.outcome)
        return
      }
      case 'arm':
        member.armedMs = effect.atMs
    }
  }

  #send(member: Member, to: PeerId, message: PeerMessage, inputs: Input[], turn: number): void {
    const { self } = member
    if (message.kind === 'beat' || message.kind === 'health' || !this.#members.has(to)) return
    this.judge.sent(self, to, message)
    if (to === self) return void inputs.push({ kind: 'messageArrived', from: self, message })
    member.sent += 1
    const print = `${member.print}.${member.sent}`
    const letter: Letter = { from: self, to, message, turn, number: member.sent, print }
    const at = this.letters.findIndex(other => isBefore(letter, other))
    this.letters.splice(at < 0 ? this.letters.length : at, 0, letter)
  }

  #boot(
    self: PeerId,
    tag: number,
    records: PureRecords,
    boots: number,
    storedView: View | null = null,
    nowMs = 0,
  ): void {
    const clock = newClock(tag.toString(16).padStart(8, '0'))
    const view = storedView ?? this.view
    const options = { self, view, clock, incarnation: boots, records, limits: this.#limits }
    const peer = newPeer({ ...options, random: seeded(tag * 100 + boots) })
    const before = this.#members.get(self)
    const member: Member = {
      self,
      tag,
      records,
      clock,
      peer,
      boots,
      storedView,
      nowMs,
      armedMs: Number.POSITIVE_INFINITY,
      sent: before?.sent ?? 0,
      print: before?.print ?? '',
      get view() {
        return this.peer.view()
      },
      ballotOf: key => records.head(key)?.accepted ?? noBallot,
    }
    this.#members.set(self, member)
    this.step(self, { kind: 'started' })
    for (const other of this.#members.keys()) {
      if (other === self) continue
      this.step(self, { kind: 'peerConnected', peer: other })
      if (before === undefined) this.step(other, { kind: 'peerConnected', peer: self })
    }
  }
}

/** First those that answer the earliest ones; the same order whatever the schedule. */
function isBefore(letter: Letter, other: Letter): boolean {
  if (letter.turn !== other.turn) return letter.turn < other.turn
  if (letter.from !== other.from) return letter.from < other.from
  return letter.number < other.number
}

/** Enough of an input to tell it from others that a peer may take in the same state. */
function causeOf(input: Input): string {
  if (input.kind === 'requested') return `${input.request} ${input.operation.key} ${input.operation.kind}`
  if (input.kind === 'viewTold') return `view ${input.view.epoch}`
  if (input.kind === 'messageArrived') return `${input.from} ${input.message.kind}`
  return 'peer' in input ? `${input.kind} ${input.peer}` : input.kind
}

function scanned({ records, view }: Member, effect: Extract<Effect, { kind: 'scanPartition' }>): Input {
  const { scan, partition, after, limit } = effect
  const keys = keysOf(records, partition, view).filter(key => after === null || key > after)
  const entries = keys.slice(0, limit).map((key): ScanEntry => {
    const head = records.head(key)!
    return { key, accepted: head.accepted, value: head.value }
  })
  return { kind: 'partitionScanned', scan, entries, done: keys.length <= limit }
}

function listed({ records, view }: Member, effect: Extract<Effect, { kind: 'listRecords' }>): Input {
  const { list, partition, limit } = effect
  const heads = keysOf(records, partition, view).slice(0, limit)
  const versions = [...records.versions.values()]
    .filter(({ key }) => partitionOf(key, view.partitions.length) === partition)
    .map(({ key, record }): { key: ContextKey; version: Version } => ({ key, version: record.version }))
    .slice(0, limit)
  return { kind: 'recordsListed', list, heads, versions, done: heads.length + versions.length === 0 }
}

const keysOf = (records: PureRecords, partition: PartitionId, view: View): ContextKey[] =>
  [...records.heads.keys()].filter(key => partitionOf(key, view.partitions.length) === partition).sort()
