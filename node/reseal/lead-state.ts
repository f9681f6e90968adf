import type { Mode } from './wire.ts'

/** What the duty finds again after a crash, or under another leader: which walk goes on, and since when there is something to do. */
export type LeadState = {
  /** Digest of the registry of keys that it is about; another one begins anew. */
  readonly registry: string
  readonly round: number
  readonly mode: Mode
  readonly turn: number
  /** Of this walk, by the clock of the fleet. */
  readonly roundAtMs: number
  readonly startedAtMs: number
  /** Contexts that there were to be sealed anew; null until they were counted. */
  readonly total: number | null
  readonly left: number
  /** Walks in a row in which nothing named the key versions that are to go. */
  readonly zeros: number
  /** Nothing is done before; 0: at once. */
  readonly restsUntilMs: number
  readonly why: string | null
}

export const newLeadState = (registry: string, nowMs: number): LeadState => ({
  registry,
  round: Math.floor(nowMs),
  mode: 'count',
  turn: 0,
  roundAtMs: nowMs,
  startedAtMs: nowMs,
  total: null,
  left: 0,
  zeros: 0,
  restsUntilMs: 0,
  why: null,
})

/** The next walk. */
export const nextRound = (state: LeadState, nowMs: number, changes: Partial<LeadState>): LeadState => ({
  ...state,
  round: Math.max(state.round + 1, Math.floor(nowMs)),
  roundAtMs: nowMs,
  restsUntilMs: 0,
  why: null,
  ...changes,
})

const format = 1

export const encodeLeadState = (state: LeadState): Uint8Array =>
  Buffer.from(JSON.stringify({ format, ...state }))

/** Null for a state that is none of this release: it begins anew. */
export function decodeLeadState(bytes: Uint8Array): LeadState | null {
  try {
    const { format: found, ...state } = JSON.parse(Buffer.from(bytes).toString()) as LeadState & {
      format: number
    }
    return found === format ? state : null
  } catch {
    return null
  }
}
