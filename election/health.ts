import { assert } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import { review, share } from './health-review.ts'
import {
  beat,
  type Health,
  type HealthOptions,
  healthDefaults,
  later,
  type Member,
  membersMax,
  newMember,
  silent,
} from './health-state.ts'
import type { HealthEffect, HealthInput, HealthState } from './health-step.ts'
import { isSoundReport, type Report } from './report.ts'
import { heard, newDetector, shifted, suspectedMs, unwatch, watch } from './suspicion.ts'

/**
 * @param firstSequence - below the sequences of this boot's reports and above those of every former one: wall clock
 * in milliseconds will do.
 */
export function newHealth(
  self: PeerId,
  firstSequence: number,
  nowMs: number,
  options: HealthOptions = healthDefaults,
): Health {
  assert(Number.isInteger(firstSequence) && firstSequence >= 0, 'reports are numbered')
  return {
    self,
    options,
    detector: newDetector(options.detector),
    members: new Map(),
    reports: new Map(),
    sequence: firstSequence,
    shareDueMs: nowMs,
    sharedMs: nowMs,
    told: new Set(),
    startedMs: nowMs,
    lastStepMs: nowMs,
    wakeMs: nowMs,
    deafUntilMs: nowMs,
    refused: 0,
  }
}

/** What a member is taken for; this process itself, and who is no member, is up. */
export const healthOf = (health: Health, peer: PeerId): HealthState => health.members.get(peer)?.state ?? 'up'

/** Whether this process should rather ask somebody else: it does not hear the peer, whatever the fleet says. */
export const isSuspectedHere = (health: Health, peer: PeerId): boolean =>
  (health.members.get(peer)?.opinion.kind ?? 'trusted') !== 'trusted'

/** For how long a member that is down has been dead, but for moments; null for one that is not down. */
export function deadForMs(health: Health, peer: PeerId, nowMs: number): number | null {
  const member = health.members.get(peer)
  return member?.state === 'down' && member.deadSinceMs !== null ? nowMs - member.deadSinceMs : null
}

/** Takes one input. `nowMs` is monotonic. Every step ends with one `wake`. */
export function step(
  health: Health,
  input: HealthInput,
  nowMs: number,
): { health: Health; effects: readonly HealthEffect[] } {
  const effects: HealthEffect[] = []
  const awake = { ...afterOwnPause(health, nowMs), lastStepMs: nowMs }
  const { health: taken, touched } = take(awake, input, nowMs)
  const next =
    touched === 'all' || nowMs >= taken.wakeMs
      ? sweep(taken, nowMs, effects)
      : touched.length === 0
        ? taken
        : review(taken, touched, nowMs, effects)
  effects.push({ kind: 'wake', atMs: next.wakeMs })
  return { health: next, effects }
}

/** Heartbeats and reports are many, and few of them change what anybody is taken for. */
type Taken = { readonly health: Health; readonly touched: readonly PeerId[] | 'all' }

/**
 * A process that was stopped, or had no turn, heard nobody: that says nothing of them. All that it measures of others
 * moves by the time that it slept through, as if that had not been.
 */
function afterOwnPause(health: Health, nowMs: number): Health {
  const { options, lastStepMs, detector } = health
  const sleptMs = nowMs - lastStepMs - options.detector.heartbeatMs
  if (sleptMs <= options.ownPauseMs) return health
  const members = [...health.members].map(([peer, member]): [PeerId, Member] => [
    peer,
    later(member, sleptMs),
  ])
  const isLong = sleptMs > options.reportMaxAgeMs
  const deafUntilMs = isLong ? nowMs + options.reportEveryMs : health.deafUntilMs
  return { ...health, deafUntilMs, detector: shifted(detector, sleptMs), members: new Map(members) }
}

function take(health: Health, input: HealthInput, nowMs: number): Taken {
  switch (input.kind) {
    case 'timePassed':
      return { health, touched: 'all' }
    case 'membersChanged':
      return { health: changeMembers(health, input.members, nowMs), touched: 'all' }
    case 'heard':
      return takeBeat(health, input.peer, nowMs)
    case 'reportArrived':
      return takeReport(health, input.from, input.report, input.ageMs, nowMs)
  }
}

function takeBeat(health: Health, peer: PeerId, nowMs: number): Taken {
  const member = health.members.get(peer)
  if (member === undefined) return { health, touched: [] }
  // It may have been silent for too long without anybody looking.
  const before = isSilent(health, peer, nowMs) ? silent(member, health.options, nowMs) : member
  const after = beat(before, health.options, nowMs)
  const listened = { ...health, detector: heard(health.detector, peer, nowMs) }
  if (after === member) return { health: listened, touched: [] }
  return { health: { ...listened, members: new Map(health.members).set(peer, after) }, touched: [peer] }
}

function changeMembers(health: Health, peers: readonly PeerId[], nowMs: number): Health {
  assert(peers.length <= membersMax, 'a fleet has a limited number of members')
  const others = new Set(peers.filter(peer => peer !== health.self))
  let { detector } = health
  for (const peer of health.members.keys()) if (!others.has(peer)) detector = unwatch(detector, peer)
  for (const peer of others) detector = watch(detector, peer, nowMs)
  const members = new Map([...others].map(peer => [peer, health.members.get(peer) ?? newMember(nowMs)]))
  const reports = new Map([...health.reports].filter(([from]) => others.has(from)))
  return { ...health, detector, members, reports }
}

function takeReport(health: Health, from: PeerId, report: Report, ageMs: number, nowMs: number): Taken {
  if (!(ageMs >= 0) || !isSoundReport(report))
    return { health: { ...health, refused: health.refused + 1 }, touched: [] }
  const last = health.reports.get(from)
  const { sequence, suspected } = report
  const isNews = sequence > (last?.sequence ?? -1) && ageMs <= health.options.reportMaxAgeMs
  if (!health.members.has(from) || !isNews || nowMs < health.deafUntilMs) return { health, touched: [] }
  const held = { sequence, madeMs: nowMs - ageMs, suspected }
  // One more reporter counts for everybody.
  const touched = last === undefined ? 'all' : [...last.suspected, ...suspected].map(({ peer }) => peer)
  return { health: { ...health, reports: new Map(health.reports).set(from, held) }, touched }
}

/** Looks at everybody, as time passed or others reported. */
function sweep(before: Health, nowMs: number, effects: HealthEffect[]): Health {
  const { options } = before
  const members = new Map<PeerId, Member>()
  for (const [peer, member] of before.members)
    members.set(peer, isSilent(before, peer, nowMs) ? silent(member, options, nowMs) : member)
  const reports = new Map(
    [...before.reports].filter(([, { madeMs }]) => nowMs - madeMs <= options.reportMaxAgeMs),
  )
  const swept = review({ ...before, members, reports }, [...members.keys()], nowMs, effects)
  const shared = share(swept, nowMs, effects)
  // Looked at often even if nothing is due, so that a late look tells that this process stood still.
  let wakeMs = Math.min(nowMs + options.detector.heartbeatMs, shared.shareDueMs)
  for (const [peer, { opinion }] of members)
    if (opinion.kind !== 'suspected') wakeMs = Math.min(wakeMs, dueMs(shared, peer))
  return { ...shared, wakeMs }
}

const dueMs = ({ detector }: Health, peer: PeerId): number => {
  const known = detector.watches.get(peer)
  assert(known !== undefined, 'every member is watched')
  return suspectedMs(detector, known)
}

const isSilent = (health: Health, peer: PeerId, nowMs: number): boolean => nowMs >= dueMs(health, peer)
