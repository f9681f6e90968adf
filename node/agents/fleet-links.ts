import type { Digest, PeerId } from '../../base/ids.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import {
  type AgentAnswer,
  type AgentQuestion,
  decodeAnswer,
  decodePulse,
  encodeQuestion,
  type KnownMember,
} from './wire.ts'

/** The way of an agent to the members of its fleet. */
export interface AgentNetwork {
  ask(to: PeerId, question: Uint8Array, timeoutMs: number): Promise<Uint8Array | null>
  isConnected(peer: PeerId): boolean
  /** Calls a member. Never rejects. */
  connect(peer: PeerId): Promise<boolean>
  learn(peer: PeerId, addresses: readonly string[]): void
}

export type Refusal = { readonly rule: string; readonly opensAtMs: number | null }

export type FleetLinksParts = {
  readonly network: AgentNetwork
  readonly clock: Clock
  /** Whether what a process shows makes it a member: a grant of a peer, signed under the authority of the fleet. */
  readonly isMember: (peer: PeerId, shown: string) => Promise<boolean>
  /** A member said how this agent stands with it. */
  readonly told: (peer: PeerId, refusal: Refusal | null) => void
  readonly log: Log
}

type Link = {
  name: string
  /** It has shown that it is a member since it was connected. */
  isProven: boolean
  refusal: Refusal | null
  registry: Digest | null
  /** How far its time of the fleet is ahead of this machine's wall clock; null: it does not know. */
  offMs: number | null
  epoch: number
  pulsedMs: number
  isPulsing: boolean
  calledMs: number
  waitMs: number
  isCalling: boolean
}

const tickMs = 200
const pulseMs = 1_000
const pulseTimeoutMs = 2_000
const callMsMin = 300
const callMsMax = 5_000
/** Members that one agent is connected to, at most: all holders of shares, and some more. */
export const linksMax = 48

/** Keeps connections to members of the fleet, asks each once a second how this agent stands with it, and what time it is. */
export class FleetLinks {
  readonly #parts: FleetLinksParts
  readonly #links = new Map<PeerId, Link>()
  #preferred: ReadonlySet<PeerId> = new Set()
  #turn = 0
  #confirmedMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  #changed = Promise.withResolvers<void>()

  constructor(parts: FleetLinksParts, first: readonly PeerId[]) {
    this.#parts = parts
    for (const peer of first) this.#meet(peer, peer)
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), tickMs)
    this.#tick()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#wake()
  }

  /** Members that were heard of. */
  members(): PeerId[] {
    return [...this.#links.keys()]
  }

  nameOf(peer: PeerId): string | null {
    return this.#links.get(peer)?.name ?? null
  }

  /** To be connected before others: who holds shares. */
  prefer(peers: readonly PeerId[]): void {
    this.#preferred = new Set(peers)
    for (const peer of peers) this.#meet(peer, peer)
  }

  learn(members: readonly KnownMember[]): void {
    for (const { id, name, addresses } of members) {
      this.#meet(id, name)
      this.#parts.network.learn(id, addresses)
    }
  }

  /** Members that answer and let this agent in, another one first each time. */
  ready(): PeerId[] {
    const peers = [...this.#links].flatMap(([peer, link]) =>
      this.#isLinked(peer, link) && link.refusal === null ? [peer] : [],
    )
    this.#turn = (this.#turn + 1) % Math.max(1, peers.length)
    return [...peers.slice(this.#turn), ...peers.slice(0, this.#turn)]
  }

  /** What members that are connected say against this agent; empty while any of them says nothing. */
  refusals(): Refusal[] {
    const linked = [...this.#links].filter(([peer, link]) => this.#isLinked(peer, link))
    return linked.every(([, { refusal }]) => refusal !== null)
      ? linked.map(([, { refusal }]) => refusal!)
      : []
  }

  /** For how long no member has said that this agent's grant is good. */
  get unconfirmedMs(): number {
    return this.#parts.clock.monotonicMs() - this.#confirmedMs
  }

  /** The median of what members say that the time of the fleet is ahead of this machine's; null: none knows. */
  get offMs(): number | null {
    const all = [...this.#links.values()].flatMap(({ offMs }) => offMs ?? []).sort((a, b) => a - b)
    return all[Math.floor(all.length / 2)] ?? null
  }

  get epoch(): number {
    return Math.max(0, ...[...this.#links.values()].map(({ epoch }) => epoch))
  }

  /** Who has a registry of keys that is not among the known ones. */
  othersThan(isKnown: (registry: Digest) => boolean): PeerId[] {
    const registryOf = (peer: PeerId) => this.#links.get(peer)?.registry ?? null
    return this.ready().filter(peer => registryOf(peer) !== null && !isKnown(registryOf(peer)!))
  }

  /** One line for each member, as a status shows them. */
  list(): { id: PeerId; name: string; isConnected: boolean; refusal: Refusal | null }[] {
    return [...this.#links].map(([id, link]) => ({
      id,
      name: link.name,
      isConnected: this.#isLinked(id, link),
      refusal: link.refusal,
    }))
  }

  /** @returns null when no answer came, or none that can be read. */
  async ask(to: PeerId, question: AgentQuestion, timeoutMs: number): Promise<AgentAnswer | null> {
    const bytes = await this.#parts.network.ask(to, encodeQuestion(question), timeoutMs)
    return bytes === null ? null : decodeAnswer(bytes)
  }

  /** Resolves when a member can be asked that could not before, or the other way round. */
  nextChange(): Promise<void> {
    return this.#changed.promise
  }

  #isLinked(peer: PeerId, link: Link): boolean {
    return link.isProven && this.#parts.network.isConnected(peer)
  }

  #meet(peer: PeerId, name: string): void {
    const known = this.#links.get(peer)
    if (known !== undefined) {
      if (name !== peer) known.name = name
      return
    }
    this.#links.set(peer, {
      name,
      isProven: false,
      refusal: null,
      registry: null,
      offMs: null,
      epoch: 0,
      pulsedMs: Number.NEGATIVE_INFINITY,
      isPulsing: false,
      calledMs: Number.NEGATIVE_INFINITY,
      waitMs: callMsMin,
      isCalling: false,
    })
  }

  #tick(): void {
    const { network, clock } = this.#parts
    const nowMs = clock.monotonicMs()
    let connected = [...this.#links.keys()].filter(peer => network.isConnected(peer)).length
    const inOrder = [...this.#links].sort(
      ([a], [b]) => Number(this.#preferred.has(b)) - Number(this.#preferred.has(a)),
    )
    for (const [peer, link] of inOrder) {
      if (network.isConnected(peer)) {
        if (nowMs - link.pulsedMs >= pulseMs && !link.isPulsing) void this.#pulse(peer, link)
        continue
      }
      if (link.isProven) this.#lost(link)
      if (connected >= linksMax || link.isCalling || nowMs - link.calledMs < link.waitMs) continue
      connected += 1
      void this.#call(peer, link)
    }
  }

  async #call(peer: PeerId, link: Link): Promise<void> {
    const { network, clock } = this.#parts
    link.isCalling = true
    link.calledMs = clock.monotonicMs()
    const isThere = await network.connect(peer)
    link.isCalling = false
    link.waitMs = Math.min(callMsMax, link.waitMs * 2)
    if (isThere && !link.isPulsing) await this.#pulse(peer, link)
  }

  async #pulse(peer: PeerId, link: Link): Promise<void> {
    const { clock } = this.#parts
    link.isPulsing = true
    link.pulsedMs = clock.monotonicMs()
    const isFirst = !link.isProven
    const answer = await this.ask(peer, { kind: 'pulse', isFirst }, pulseTimeoutMs)
    link.isPulsing = false
    if (answer?.kind === 'denied') return this.#refused(peer, link, answer)
    const pulse = answer?.kind === 'done' ? decodePulse(answer.body) : null
    if (pulse === null) return
    if (isFirst && !(await this.#parts.isMember(peer, pulse.grant))) {
      return this.#parts.log.warn({ peer }, 'a process that was called shows no grant of a member')
    }
    const midMs = clock.wallMs() - (clock.monotonicMs() - link.pulsedMs) / 2
    link.offMs = pulse.wallMs === null ? null : pulse.wallMs - midMs
    link.registry = pulse.registry
    link.epoch = pulse.epoch
    link.refusal = null
    link.waitMs = callMsMin
    this.#confirmedMs = clock.monotonicMs()
    if (isFirst) {
      link.isProven = true
      this.learn(pulse.members)
      this.#wake()
    }
    this.#parts.told(peer, null)
  }

  #refused(peer: PeerId, link: Link, { rule, opensAtMs }: Refusal): void {
    link.refusal = { rule, opensAtMs }
    this.#parts.told(peer, link.refusal)
    this.#wake()
  }

  #lost(link: Link): void {
    link.isProven = false
    link.registry = null
    link.offMs = null
    this.#wake()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}
