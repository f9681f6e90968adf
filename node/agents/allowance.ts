import { LRUCache } from 'lru-cache'
import type { PeerId } from '../../base/ids.ts'
import { TokenBuckets } from '../caps/token-buckets.ts'

/** What one agent may ask of one member. */
export const agentLimits = {
  requestsPerSecond: 1_000,
  /** So many at once, after a pause. */
  burst: 2_000,
  inFlightMax: 256,
  /** Of all agents together. */
  inFlightAllMax: 2_048,
} as const

const accountsMax = 4_096

/** Keeps each agent to its part: requests a second, and at once. */
export class Allowance {
  readonly #accounts = new LRUCache<PeerId, { inFlight: number }>({ max: accountsMax })
  readonly #buckets: TokenBuckets
  readonly #limits: { [Name in keyof typeof agentLimits]: number }
  #inFlight = 0

  constructor(limits: { [Name in keyof typeof agentLimits]: number } = agentLimits) {
    this.#limits = limits
    const { requestsPerSecond: perSecond, burst } = limits
    this.#buckets = new TokenBuckets({ perSecond, burst, subjectsMax: accountsMax })
  }

  /** @returns what gives the place back, or after how many milliseconds to ask again. */
  enter(agent: PeerId, monotonicMs: number): (() => void) | number {
    const { inFlightMax, inFlightAllMax } = this.#limits
    const account = this.#accounts.get(agent) ?? { inFlight: 0 }
    this.#accounts.set(agent, account)
    const waitMs = this.#buckets.waitMs(agent, monotonicMs)
    if (waitMs > 0) return waitMs
    if (account.inFlight >= inFlightMax || this.#inFlight >= inFlightAllMax) return fullMs
    this.#buckets.take(agent, monotonicMs)
    account.inFlight += 1
    this.#inFlight += 1
    return () => {
      account.inFlight -= 1
      this.#inFlight -= 1
    }
  }
}

const fullMs = 20
