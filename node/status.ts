/** What `slurp status` and GET /v1/status show. No secret, no address of a context. */
export type PeerStatus = {
  fleet: string
  peer: { id: string; name: string; url: string | null; pid: number; version: string; startedAt: string }
  /** `ready`: serves; `degraded`: serves, something is being repaired or a peer is gone; `stopping`. */
  state: 'starting' | 'ready' | 'degraded' | 'stopping'
  /** Plain sentences: why it is not `ready`. */
  reasons: string[]
  replicas: number
  /** Version of the view in force: grows with every change of the fleet. */
  epoch: number
  /** Name of who leads; null: nobody, or this peer has not heard. */
  leader: string | null
  moves: {
    /** Partitions that are on their way to other owners. */
    moving: number
    /** Moves planned and not begun. */
    pending: number
    paused: boolean
  }
  partitions: { total: number; owned: number; damaged: number }
  /** Every role of the fleet, and whether this peer holds its keys. */
  roles: { name: string; keyVersion: number; held: boolean }[]
  members: {
    id: string
    name: string
    zone: string
    weight: number
    connected: boolean
    partitions: number
    /** On its way out of the fleet. */
    leaving: boolean
    /** What the fleet takes it for, as this peer sees it: up, suspect, unreachable, down or flapping. */
    health: string
    /** How far its wall clock is ahead of the fleet's, in milliseconds; null while this peer has not been told. */
    clockOffMs: number | null
    /** How it compares with this peer in the partitions that both own; null where they share none. */
    lag: MemberLag | null
  }[]
  counters: Record<string, number>
}

export type MemberLag = {
  /** Partitions that both own, that were compared since this peer started, and that were equal. */
  shared: number
  compared: number
  equal: number
  /** Keys in which it had less than this peer, and this peer less than it, when they were last compared. */
  keysBehind: number
  keysAhead: number
  /** All were known to be equal up to this time, ISO 8601; null when one never was. */
  equalAt: string | null
  /** equal, repairing, left, refused, silent, or notCompared: what keeps them apart, the gravest. */
  why: string
}

export type ReadinessCheck = { name: string; ok: boolean; detail: string }
