import type { PeerId } from '../base/ids.ts'
import { isReachable, type Moment, type Process, suspect, wakeAt } from './context.ts'
import type { ReplicaMessage } from './messages.ts'
import { isVoter } from './quorum.ts'
import type { Round } from './round.ts'

type Tail = { readonly round: Round; readonly untilMs: number }

/** Chosen rounds that some replica has not acknowledged yet, by the id of their last question. */
export type Tails = Map<number, Tail>

/** Waits a little for the acknowledgements that a chosen round still misses. */
export function keepTail(process: Process, tails: Tails, round: Round, now: Moment): void {
  if (isWhole(round)) return
  const tail = { round, untilMs: now.monotonicMs + process.limits.hintAfterMs }
  const reachable = round.quorum.targets.every(peer => owesNothing(round, peer) || isReachable(process, peer))
  if (!reachable) return oweRest(process, round, now)
  tails.set(round.id, tail)
  wakeAt(process, tail.untilMs)
}

/** An acknowledgement that came after the round was chosen. False: it is about no such round. */
export function onLateAnswer(tails: Tails, from: PeerId, message: ReplicaMessage & { id: number }): boolean {
  const tail = tails.get(message.id)
  if (!tail) return false
  if (message.kind === 'accepted' && message.granted) {
    tail.round.acks.add(from)
    if (isWhole(tail.round)) tails.delete(message.id)
  }
  return true
}

/** @returns when to look again, Infinity for never. */
export function sweepTails(process: Process, tails: Tails, now: Moment): number {
  let wakeMs = Number.POSITIVE_INFINITY
  for (const [id, tail] of tails) {
    if (tail.untilMs > now.monotonicMs) {
      wakeMs = Math.min(wakeMs, tail.untilMs)
      continue
    }
    tails.delete(id)
    oweRest(process, tail.round, now)
  }
  return wakeMs
}

/** A lost connection: what it has not acknowledged becomes a hint now, not after the grace. */
export function onPeerLost(process: Process, tails: Tails, peer: PeerId, now: Moment): void {
  for (const [id, tail] of tails) {
    if (owesNothing(tail.round, peer)) continue
    tails.delete(id)
    oweRest(process, tail.round, now)
  }
}

const isWhole = (round: Round): boolean => round.quorum.targets.every(peer => owesNothing(round, peer))

/** A learner that refuses is still coming in: it lists what is here once it accepts. */
const owesNothing = (round: Round, peer: PeerId): boolean =>
  round.acks.has(peer) || (round.lost.has(peer) && !isVoter(round.quorum, peer))

/** Rule 8: who has not acknowledged a chosen value gets it later. */
function oweRest(process: Process, round: Round, now: Moment): void {
  if (!round.value) return
  for (const peer of round.quorum.targets) {
    if (owesNothing(round, peer) || peer === process.self) continue
    suspect(process, peer, now.monotonicMs)
    process.wishes.push({ kind: 'missed', peer, key: round.key, version: round.value.version })
  }
}
