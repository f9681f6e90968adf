import { ballotFrom, ballotHlc, type Clock, mergeHlc, nextHlc } from '../base/hlc.ts'
import type { Ballot, ContextKey, PartitionId, PeerId, Version } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Limits } from './limits.ts'
import type { Message, Outcome, VersionRecord } from './messages.ts'
import { isQuorum, type Quorum } from './quorum.ts'

/** The moment of a step. Both clocks are data; a machine never reads one. */
export type Moment = { readonly wallMs: number; readonly monotonicMs: number }

/** Who asked: this process's own store, another member, or the repair of this replica itself. */
export type Client =
  | { readonly kind: 'local'; readonly request: number }
  | { readonly kind: 'member'; readonly peer: PeerId; readonly id: number }
  /** The router of this process, which sent the write to its own coordinator. */
  | { readonly kind: 'requester'; readonly id: number }
  | { readonly kind: 'heal' }
  /** A partition is taken over, and a key could not simply be installed. */
  | { readonly kind: 'pull' }
  /** Brings a replica that is behind up to what stands; nobody waits for it. */
  | { readonly kind: 'repair' }
  /** A walk of a history, for which a read settles what stands. */
  | { readonly kind: 'history'; readonly reading: number }

/** Where a key stands in the view: what `node/peer` composes from `dht`. */
export type KeyPlace = {
  readonly partition: PartitionId
  /** Whether this replica stores the key. */
  readonly accepts: boolean
  /** Since which epoch of the partition without a break (rule 10); 1 for from the start, 0 for not at all. */
  readonly since: number
  readonly quorum: Quorum
}

export type Counted =
  | 'fastWrite'
  | 'slowWrite'
  | 'retriedRound'
  | 'readRepair'
  | 'hedgedRead'
  | 'hintKept'
  | 'hintDelivered'
  | 'staleEpoch'
  | 'ballotAhead'
  | 'backfilled'

/** What a machine wants done; `node/peer` turns it into effects in this order. */
export type Wish =
  | { readonly kind: 'send'; readonly to: PeerId; readonly message: Message }
  | { readonly kind: 'finish'; readonly client: Client; readonly key: ContextKey; readonly outcome: Outcome }
  | { readonly kind: 'missed'; readonly peer: PeerId; readonly key: ContextKey; readonly version: Version }
  /** A version of the history that another owner had and this one may lack. */
  | { readonly kind: 'keep'; readonly key: ContextKey; readonly record: VersionRecord }
  /** A replay was refused by a promise: only a full round brings the replica up (rule 8). */
  | { readonly kind: 'bringUp'; readonly key: ContextKey }
  | { readonly kind: 'count'; readonly name: Counted }

/** Since when a peer is heard without a break, and when anything came from it last (monotonic milliseconds). */
export type Heard = { sinceMs: number; lastMs: number }

/** What every machine of one process shares: identity, clock, limits and the outbox of the running step. */
export type Process = {
  readonly self: PeerId
  readonly clock: Clock
  /** Grows with every start of the process: an old ballot is never made again (rule 5). */
  readonly incarnation: number
  readonly limits: Limits
  readonly random: Random
  readonly placeOf: (key: ContextKey) => KeyPlace
  readonly connected: Set<PeerId>
  /** Peers that missed an answer, and until when they are asked last (monotonic milliseconds). */
  readonly suspects: Map<PeerId, number>
  readonly heard: Map<PeerId, Heard>
  readonly wishes: Wish[]
  nextId: number
  /** Earliest monotonic time at which some machine wants to look again. */
  wakeMs: number
}

/**
 * A question's id, of 53 bits: 21 of the boot, 32 that count. An answer to a question of an earlier boot may still
 * come and must not count for a question of this one: it is about another ballot (rule 5), or another operation.
 */
export function newId(process: Process): number {
  process.nextId = (process.nextId + 1) >>> 0
  return (process.incarnation % 0x20_0000) * 0x1_0000_0000 + process.nextId
}

/** A ballot above every one made or met before. */
export function newBallot(process: Process, wallMs: number): Ballot {
  return ballotFrom(nextHlc(process.clock, wallMs), process.incarnation)
}

/** Makes the next ballot exceed an obstacle, unless that lies further ahead than any clock may. */
export function riseAbove(process: Process, obstacle: Ballot, wallMs: number): void {
  mergeHlc(process.clock, ballotHlc(obstacle), wallMs, process.limits.ballotDriftMaxMs)
}

/** Asks for a look at or before this monotonic time. */
export function wakeAt(process: Process, atMs: number): void {
  if (atMs < process.wakeMs) process.wakeMs = atMs
}

export function send(process: Process, to: PeerId, message: Message): void {
  process.wishes.push({ kind: 'send', to, message })
}

/** Brings an outcome to whoever asked. */
export function finish(process: Process, client: Client, key: ContextKey, outcome: Outcome): void {
  process.wishes.push({ kind: 'finish', client, key, outcome })
}

export const isReachable = (process: Process, peer: PeerId): boolean =>
  peer === process.self || process.connected.has(peer)

/** Something came from a peer. A silence counts as a new start only before it was steady for the first time. */
export function noteHeard(process: Process, peer: PeerId, nowMs: number): void {
  const { silentMs, steadyMs } = process.limits
  const heard = process.heard.get(peer)
  if (!heard) return void process.heard.set(peer, { sinceMs: nowMs, lastMs: nowMs })
  const isSteady = heard.lastMs - heard.sinceMs >= steadyMs
  if (!isSteady && nowMs - heard.lastMs > silentMs) heard.sinceMs = nowMs
  heard.lastMs = nowMs
}

/** When a peer will have been silent for too long; an advice for speed, as all of this is. */
export const silentAtMs = (process: Process, peer: PeerId, nowMs: number): number =>
  peer === process.self
    ? Number.POSITIVE_INFINITY
    : (process.heard.get(peer)?.lastMs ?? nowMs) + process.limits.silentMs

/** Whether a peer may not answer soon: it missed an answer a while ago, says nothing, or has only just connected. */
export function isDoubtful(process: Process, peer: PeerId, nowMs: number): boolean {
  if (peer === process.self) return false
  if ((process.suspects.get(peer) ?? 0) > nowMs || silentAtMs(process, peer, nowMs) <= nowMs) return true
  const heard = process.heard.get(peer)
  return heard !== undefined && heard.lastMs - heard.sinceMs < process.limits.steadyMs
}

/** Best first: this replica itself, then the connected, then those that missed an answer, then the rest. */
export function byPromise(process: Process, peers: readonly PeerId[], nowMs: number): PeerId[] {
  const rank = (peer: PeerId): number => {
    if (peer === process.self) return 0
    if (!process.connected.has(peer)) return 3
    return isDoubtful(process, peer, nowMs) ? 2 : 1
  }
  return peers
    .map((peer, at) => ({ peer, at, rank: rank(peer) }))
    .sort((a, b) => a.rank - b.rank || a.at - b.at)
    .map(each => each.peer)
}

/** Targets that a prepare can do without, the least promising ones. */
export function beyondQuorum(process: Process, quorum: Quorum, nowMs: number): PeerId[] {
  const enough = new Set<PeerId>()
  const best = byPromise(process, quorum.targets, nowMs)
  for (const peer of best) if (!isQuorum(quorum, enough)) enough.add(peer)
  return best.filter(peer => !enough.has(peer))
}

export function suspect(process: Process, peer: PeerId, nowMs: number): void {
  if (peer !== process.self) process.suspects.set(peer, nowMs + process.limits.suspectMs)
}
