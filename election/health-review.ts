import type { PeerId } from '../base/ids.ts'
import {
  deadSince,
  type Health,
  type Held,
  judged,
  type Member,
  mostSuspect,
  type Tally,
} from './health-state.ts'
import type { HealthEffect } from './health-step.ts'
import { forMaxMs, type Suspicion } from './report.ts'

/** A burst of changes is told in reports so far apart. */
const shareAgainMs = 100

/** Judges these peers anew. */
export function review(
  health: Health,
  peers: readonly PeerId[],
  nowMs: number,
  effects: HealthEffect[],
): Health {
  const claims = claimsOf(health, peers)
  const members = new Map(health.members)
  for (const peer of peers) {
    const member = members.get(peer)
    if (member === undefined) continue
    const next = reviewOne(health, peer, member, claims.get(peer) ?? [], nowMs)
    if (next.state !== member.state)
      effects.push({ kind: 'changed', peer, from: member.state, to: next.state })
    members.set(peer, next)
  }
  return { ...health, members, shareDueMs: shareDueMs(health, peers, members) }
}

/** Since when each other member claims to suspect each of `peers`, by the clock of this process. */
function claimsOf(health: Health, peers: readonly PeerId[]): Map<PeerId, number[]> {
  const claims = new Map<PeerId, number[]>(peers.map(peer => [peer, []]))
  for (const [from, { madeMs, suspected }] of health.reports)
    for (const { peer, forMs } of suspected)
      if (peer !== from) claims.get(peer)?.push(madeMs - Math.min(forMs, forMaxMs))
  return claims
}

function reviewOne(health: Health, peer: PeerId, before: Member, claims: number[], nowMs: number): Member {
  const { options, reports } = health
  const tally = tallyOf(health, peer, before, claims, reports)
  const state = judged(before, tally, options, nowMs)
  const upSinceMs = state === 'up' ? (before.upSinceMs ?? nowMs) : null
  const isSteady = upSinceMs !== null && nowMs - upSinceMs >= options.steadyUpMs
  const foundMs = mostSuspect(tally) ? deadSince(tally) : Number.POSITIVE_INFINITY
  const deadSinceMs = Math.min(before.deadSinceMs ?? Number.POSITIVE_INFINITY, foundMs)
  return {
    ...before,
    state,
    upSinceMs,
    deadSinceMs: isSteady || deadSinceMs === Number.POSITIVE_INFINITY ? null : deadSinceMs,
  }
}

function tallyOf(
  { members, detector }: Health,
  peer: PeerId,
  { opinion }: Member,
  claims: number[],
  reports: ReadonlyMap<PeerId, Held>,
): Tally {
  // Who never heard it yet, and does not miss it yet, has nothing to say.
  const hasOpinion = opinion.kind !== 'trusted' || detector.watches.get(peer)?.isHeard === true
  const reporters = reports.size - (reports.has(peer) ? 1 : 0) + (hasOpinion ? 1 : 0)
  const own = opinion.kind === 'trusted' ? [] : [opinion.sinceMs]
  const sincesMs = [...claims, ...own].sort((a, b) => a - b)
  return { reporters, sincesMs, isQuorum: reporters * 2 > members.size + 1 }
}

/** Soon when whom this process suspects is not what it told last, else when it is time again. */
function shareDueMs(health: Health, peers: readonly PeerId[], members: Health['members']): number {
  const isTold = (peer: PeerId) => isSuspected(members.get(peer)) === health.told.has(peer)
  return peers.every(isTold) ? health.shareDueMs : Math.min(health.shareDueMs, health.sharedMs + shareAgainMs)
}

const isSuspected = (member: Member | undefined): boolean => (member?.opinion.kind ?? 'trusted') !== 'trusted'

/** Tells the others whom this process suspects, if it is time. */
export function share(health: Health, nowMs: number, effects: HealthEffect[]): Health {
  if (nowMs < health.shareDueMs) return health
  const { options, members, detector, startedMs } = health
  const next = { ...health, sharedMs: nowMs, shareDueMs: nowMs + options.reportEveryMs }
  // A process that has just begun to listen would tell that it misses nobody.
  const isNew = nowMs < startedMs + options.detector.startMs
  const hears = [...detector.watches.values()].every(({ isHeard }) => isHeard)
  if (members.size === 0 || (isNew && !hears)) return next
  const suspected: Suspicion[] = []
  for (const [peer, { opinion }] of members) {
    if (opinion.kind === 'trusted') continue
    suspected.push({ peer, forMs: Math.min(forMaxMs, Math.max(0, nowMs - opinion.sinceMs)) })
  }
  const sequence = health.sequence + 1
  effects.push({ kind: 'share', report: { sequence, suspected } })
  return { ...next, sequence, told: new Set(suspected.map(({ peer }) => peer)) }
}
