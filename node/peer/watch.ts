import type { PeerId } from '../../base/ids.ts'
import { deadForMs, healthOf, isSuspectedHere, newHealth, step } from '../../election/health.ts'
import { type Health, healthDefaults } from '../../election/health-state.ts'
import type { HealthInput, HealthState } from '../../election/health-step.ts'
import type { Report } from '../../election/report.ts'
import { detectorDefaults } from '../../election/suspicion.ts'
import { type Process, wakeAt } from '../../replication/context.ts'
import type { Effect, Now } from './step.ts'

export type WatchOptions = {
  readonly process: Process
  readonly emit: (effect: Effect) => void
  /** This process does not hear a peer any more: what waits for it turns to somebody else. */
  readonly suspected: (peer: PeerId, now: Now) => void
}

/**
 * Who is there, by heartbeats and by what the others say (election/health.ts). It steers whom to ask first, and whom the
 * leader replaces after a long while; nothing that must be right rests on it.
 */
export class Watch {
  readonly #options: WatchOptions
  #health: Health | null = null
  #wakeMs = 0

  constructor(options: WatchOptions) {
    this.#options = options
  }

  membersChanged(members: readonly PeerId[], now: Now): void {
    const { process } = this.#options
    this.#health ??= this.#newHealth(now)
    this.#take({ kind: 'membersChanged', members }, now)
    for (const peer of process.suspects.keys()) if (!members.includes(peer)) process.suspects.delete(peer)
  }

  /** A beat: any other message would do, but there are many. */
  heard(peer: PeerId, now: Now): void {
    this.#take({ kind: 'heard', peer }, now)
  }

  reported(from: PeerId, report: Report, now: Now): void {
    this.#take({ kind: 'reportArrived', from, report, ageMs: 0 }, now)
  }

  /** Returns when to look again, Infinity for never. */
  sweep(now: Now): number {
    if (this.#health === null) return Number.POSITIVE_INFINITY
    if (this.#wakeMs <= now.monotonicMs) this.#take({ kind: 'timePassed' }, now)
    return this.#wakeMs
  }

  healthOf(peer: PeerId): HealthState {
    return this.#health === null ? 'up' : healthOf(this.#health, peer)
  }

  /** For how long a member has been down for most of the fleet; null while it is not. */
  deadForMs(peer: PeerId, monotonicMs: number): number | null {
    return this.#health === null ? null : deadForMs(this.#health, peer, monotonicMs)
  }

  #newHealth(now: Now): Health {
    const { self, limits } = this.#options.process
    const { beatMs } = limits
    const times = beatMs / detectorDefaults.heartbeatMs
    const detector = {
      ...detectorDefaults,
      heartbeatMs: beatMs,
      deviationMinMs: detectorDefaults.deviationMinMs * times,
      pauseMs: detectorDefaults.pauseMs * times,
      gapMaxMs: detectorDefaults.gapMaxMs * times,
    }
    const options = {
      ...healthDefaults,
      detector,
      reportEveryMs: healthDefaults.reportEveryMs * times,
      reportMaxAgeMs: healthDefaults.reportMaxAgeMs * times,
      settleMs: healthDefaults.settleMs * times,
    }
    return newHealth(self, Math.max(0, Math.floor(now.wallMs)), now.monotonicMs, options)
  }

  #take(input: HealthInput, now: Now): void {
    if (this.#health === null) return
    const { emit, process, suspected } = this.#options
    const { health, effects } = step(this.#health, input, now.monotonicMs)
    this.#health = health
    for (const effect of effects) {
      switch (effect.kind) {
        case 'wake':
          this.#wakeMs = effect.atMs
          wakeAt(process, effect.atMs)
          break
        case 'share':
          for (const peer of process.connected)
            emit({ kind: 'send', to: peer, message: { kind: 'health', report: effect.report } })
          break
        case 'changed': {
          const { peer, from, to } = effect
          emit({ kind: 'report', event: { kind: 'healthChanged', peer, from, to } })
          if (!isSuspectedHere(health, peer)) break
          process.suspects.set(peer, now.monotonicMs + process.limits.suspectMs)
          suspected(peer, now)
        }
      }
    }
  }
}
