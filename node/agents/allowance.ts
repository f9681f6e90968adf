import { LRUCache } from 'lru-cache'
import type { PeerId } from '../../base/ids.ts'

/** What one agent may ask of one member. */
export const agentLimits = {
  requestsPerSecond: 1_000,
  /** So many at once, after a pause. */
  burst: 2_000,
  inFlightMax: 256,
  /** Of all agents together. */
  inFlightAllMax: 2_048,
} as const

type Account = { tokens: number; atMs: number; inFlight: number }
const accountsMax = 4_096

/** Keeps each agent to its part: requests a second, and at once. */
export class Allowance {
  readonly #accounts = new LRUCache<PeerId, Account>({ max: accountsMax })
  readonly #limits: { [Name in keyof typeof agentLimits]: number }
  #inFlight = 0

  constructor(limits: { [Name in keyof typeof agentLimits]: number } = agentLimits) {
    this.#limits = limits
  }

  /** @returns what gives the place back, or after how many milliseconds to ask again. */
  enter(agent: PeerId, monotonicMs: number): (() => void) | number {
    const { requestsPerSecond, burst, inFlightMax, inFlightAllMax } = this.#limits
    const account = this.#accounts.get(agent) ?? { tokens: burst, atMs: monotonicMs, inFlight: 0 }
    this.#accounts.set(agent, account)
    const earned = ((monotonicMs - account.atMs) * requestsPerSecond) / 1_000
    account.tokens = Math.min(burst, account.tokens + earned)
    account.atMs = monotonicMs
    if (account.tokens < 1) return Math.ceil((1_000 * (1 - account.tokens)) / requestsPerSecond)
    if (account.inFlight >= inFlightMax || this.#inFlight >= inFlightAllMax) return fullMs
    account.tokens -= 1
    account.inFlight += 1
    this.#inFlight += 1
    return () => {
      account.inFlight -= 1
      this.#inFlight -= 1
    }
  }
}

const fullMs = 20
