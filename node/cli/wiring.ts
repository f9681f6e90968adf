import type { FleetId } from '../../base/ids.ts'
import type { ProcessSettings } from '../config.ts'
import type { JoinRequest, JoinTicket } from '../fleet-control.ts'

/** What to make at `slurp init`. */
export type FleetPlan = {
  readonly dir: string
  readonly memberNames: readonly string[]
  readonly roles: readonly string[]
  readonly replicas: number
  /** Roles whose keys a peer is given; none makes it blind. */
  readonly rolesOf: (memberName: string) => readonly string[]
}

export type PlannedMember = { readonly name: string; readonly id: string; readonly dir: string }
export type CreatedFleet = { readonly fleet: string; readonly members: readonly PlannedMember[] }

/** One peer with its HTTP door, up in this process. */
export type ServedPeer = {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly tokenFile: string
  readonly addresses: readonly string[]
  /** Plain sentences: which readiness checks are not ok. */
  reasons(): string[]
  stop(graceMs: number): Promise<void>
}

/**
 * What the commands need of the rest of SLURP, handed in by main.ts, so that a command that only talks HTTP
 * loads neither libp2p nor a database.
 */
export type Wiring = {
  /** Version of SLURP. */
  readonly version: string
  /** Program and leading arguments that run this same command line again. */
  readonly self: readonly [string, ...string[]]
  /** The sample contexts that ship with SLURP. */
  readonly sampleFile: string
  /** @throws SlurpError DIRECTORY_TAKEN, CONFIG_INVALID. */
  createFleet(plan: FleetPlan): Promise<CreatedFleet>
  /**
   * @param onLeft - the peer is no member of its fleet any more; it serves on until it is stopped.
   * @throws SlurpError as `StartPeer` does.
   */
  servePeer(dir: string, settings: ProcessSettings, onLeft: () => void): Promise<ServedPeer>
  /** The new peer of a directory, whose identity is made where there is none. */
  newPeerIn(dir: string): Promise<Pick<JoinRequest, 'id' | 'recipient' | 'versions'>>
  /** Writes what the fleet gave to a new peer. @returns the roles that it can open. @throws SlurpError INTEGRITY_FAILED. */
  writeTicket(dir: string, fleet: FleetId, ticket: JoinTicket): Promise<readonly string[]>
  /** The fleet of the peer in a directory. @throws SlurpError DATA_MISSING, INTEGRITY_FAILED. */
  fleetIn(dir: string): Promise<FleetId>
  /** Runs the simulated world of one seed. */
  simulate(seed: number, options: { peers?: number; operations?: number }): Promise<SimulationResult>
}

export type SimulationResult = {
  readonly seed: number
  readonly traceHash: string
  readonly peers: number
  readonly operations: number
  /** Writes whose outcome was never told. */
  readonly unknown: number
  readonly faults: Readonly<Record<string, number>>
  readonly steps: number
  readonly violations: readonly {
    readonly invariant: number | string
    readonly what: string
    readonly atMs: number
  }[]
  readonly story: readonly string[]
}
