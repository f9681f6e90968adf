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
  }[]
  counters: Record<string, number>
}

export type ReadinessCheck = { name: string; ok: boolean; detail: string }
