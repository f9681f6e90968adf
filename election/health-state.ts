import type { PeerId } from '../base/ids.ts'
import type { HealthState } from './health-step.ts'
import type { Suspicion } from './report.ts'
import { type Detector, type DetectorOptions, detectorDefaults } from './suspicion.ts'

export type HealthOptions = {
  readonly detector: DetectorOptions
  /** Between two reports to the others; a change of whom this process suspects is reported at once. */
  readonly reportEveryMs: number
  /** What is older counts no more. */
  readonly reportMaxAgeMs: number
  /** So long the others have to say what they see before somebody silent here counts as unreachable from here only. */
  readonly settleMs: number
  /** Heartbeats without a suspicion between them, before who was suspected is trusted again. */
  readonly steadyBeats: number
  /** From the second time on it has to be steady for this long, doubled with each further time. */
  readonly holdMs: number
  readonly holdMaxMs: number
  /** Suspicions that make a peer a flapping one; one is forgiven for every `forgiveMs` that it is trusted. */
  readonly flapsMin: number
  readonly forgiveMs: number
  /** Up for so long without a break: what it was is forgotten, and `dead since` with it. */
  readonly steadyUpMs: number
  /** A step that comes later than wanted by more than this was late because this process stood still. */
  readonly ownPauseMs: number
}

export const healthDefaults: HealthOptions = {
  detector: detectorDefaults,
  reportEveryMs: 1_000,
  reportMaxAgeMs: 4_000,
  settleMs: 1_500,
  steadyBeats: 5,
  holdMs: 2_000,
  holdMaxMs: 120_000,
  flapsMin: 3,
  forgiveMs: 60_000,
  steadyUpMs: 60_000,
  ownPauseMs: 100,
}

/** A member that was down for so long without being steadily up again is to be replaced. */
export const replaceAfterDefaultMs = 15 * 60_000

/** Members whose health one process follows: each of them is heard by all others. */
export const membersMax = 1_024

/** The health of all members but this one, as it and those that report to it see them. A value. */
export type Health = {
  readonly self: PeerId
  readonly options: HealthOptions
  readonly detector: Detector
  readonly members: ReadonlyMap<PeerId, Member>
  /** The newest of each member that made one lately. */
  readonly reports: ReadonlyMap<PeerId, Held>
  /** Of the last report that this process shared, and whom it named there. */
  readonly sequence: number
  readonly told: ReadonlySet<PeerId>
  readonly shareDueMs: number
  /** When a report was last due, shared or not. */
  readonly sharedMs: number
  readonly startedMs: number
  readonly lastStepMs: number
  readonly wakeMs: number
  /** Reports before are not believed to be new: they may have waited for this process while it stood still. */
  readonly deafUntilMs: number
  /** Reports that no process of this fleet can have made. */
  readonly refused: number
}

export type Member = {
  readonly state: HealthState
  readonly opinion: Opinion
  /** Times that trust was lost, less what steady times have made up for. */
  readonly flaps: number
  /** Since when it is up without a break; null while it is not. */
  readonly upSinceMs: number | null
  /** Since when it was down, until it is up for `steadyUpMs`. */
  readonly deadSinceMs: number | null
}

/** What this process itself hears. A peer on its way back is no more trusted than a silent one. */
export type Opinion =
  | { readonly kind: 'trusted'; readonly sinceMs: number }
  | { readonly kind: 'suspected'; readonly sinceMs: number }
  | {
      readonly kind: 'returning'
      readonly sinceMs: number
      readonly beats: number
      readonly steadySinceMs: number
    }

export type Held = {
  readonly sequence: number
  readonly madeMs: number
  readonly suspected: readonly Suspicion[]
}

export const newMember = (nowMs: number): Member => ({
  state: 'up',
  opinion: { kind: 'trusted', sinceMs: nowMs },
  flaps: 0,
  upSinceMs: nowMs,
  deadSinceMs: null,
})

/** As if everything that was measured of it had happened so much later. */
export function later(member: Member, byMs: number): Member {
  const { upSinceMs, deadSinceMs } = member
  return {
    ...member,
    opinion: laterOpinion(member.opinion, byMs),
    upSinceMs: upSinceMs === null ? null : upSinceMs + byMs,
    deadSinceMs: deadSinceMs === null ? null : deadSinceMs + byMs,
  }
}

function laterOpinion(opinion: Opinion, byMs: number): Opinion {
  switch (opinion.kind) {
    case 'trusted':
    case 'suspected':
      return { ...opinion, sinceMs: opinion.sinceMs + byMs }
    case 'returning': {
      const { sinceMs, steadySinceMs } = opinion
      return { ...opinion, sinceMs: sinceMs + byMs, steadySinceMs: steadySinceMs + byMs }
    }
  }
}

/** It fell silent. Who was trusted has come and gone once more. */
export function silent(member: Member, options: HealthOptions, nowMs: number): Member {
  const { opinion } = member
  switch (opinion.kind) {
    case 'suspected':
      return member
    case 'returning':
      return { ...member, opinion: { kind: 'suspected', sinceMs: opinion.sinceMs } }
    case 'trusted': {
      const forgiven = Math.floor((nowMs - opinion.sinceMs) / options.forgiveMs)
      const flaps = Math.max(0, member.flaps - forgiven) + 1
      return { ...member, flaps, opinion: { kind: 'suspected', sinceMs: nowMs } }
    }
  }
}

/** A heartbeat of it arrived. Suspicion is quick and trust is slow, the slower the more often it was lost. */
export function beat(member: Member, options: HealthOptions, nowMs: number): Member {
  const { opinion } = member
  switch (opinion.kind) {
    case 'trusted':
      return member
    case 'suspected': {
      const { sinceMs } = opinion
      return { ...member, opinion: { kind: 'returning', sinceMs, beats: 1, steadySinceMs: nowMs } }
    }
    case 'returning': {
      const beats = opinion.beats + 1
      const isSteady =
        beats >= options.steadyBeats && nowMs - opinion.steadySinceMs >= holdDownMs(options, member.flaps)
      return { ...member, opinion: isSteady ? { kind: 'trusted', sinceMs: nowMs } : { ...opinion, beats } }
    }
  }
}

const holdDownMs = ({ holdMs, holdMaxMs }: HealthOptions, flaps: number): number =>
  flaps < 2 ? 0 : Math.min(holdMaxMs, holdMs * 2 ** Math.min(30, flaps - 2))

/** What those who report say of one member. Its own reports do not count. */
export type Tally = {
  readonly reporters: number
  /** Since when each that suspects it does, ascending, by the clock of this process. */
  readonly sincesMs: readonly number[]
  /** More than half of all members report: a process that is cut off does not judge the rest. */
  readonly isQuorum: boolean
}

const isMost = (part: number, all: number): boolean => part * 2 > all

export const mostSuspect = ({ isQuorum, sincesMs, reporters }: Tally): boolean =>
  isQuorum && isMost(sincesMs.length, reporters)

const mostTrust = ({ isQuorum, sincesMs, reporters }: Tally): boolean =>
  isQuorum && isMost(reporters - sincesMs.length, reporters)

/** Since when more than half of the reporters suspect it: no minority makes that earlier than it is. */
export function deadSince(tally: Tally): number {
  return tally.sincesMs[Math.floor(tally.reporters / 2)]!
}

/** What a member is now. Without enough reports nobody is judged anew. */
export function judged(member: Member, tally: Tally, options: HealthOptions, nowMs: number): HealthState {
  const { opinion, state } = member
  if (mostSuspect(tally)) return 'down'
  if (opinion.kind === 'trusted') return 'up'
  if (state === 'down' && opinion.kind === 'suspected' && !mostTrust(tally)) return 'down'
  if (member.flaps >= options.flapsMin) return 'flapping'
  if (opinion.kind === 'returning') return 'suspect'
  if (mostTrust(tally) && nowMs - opinion.sinceMs >= options.settleMs) return 'unreachable'
  return state === 'unreachable' ? 'unreachable' : 'suspect'
}
