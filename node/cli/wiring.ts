import type { FleetId } from '../../base/ids.ts'
import type { JoinToken } from '../../crypto/grants/join-token.ts'
import type { ProcessSettings } from '../config.ts'
import type { JoinRequest, JoinTicket } from '../fleet-control.ts'
import type { AgentJoinRequest, AgentTicket } from '../grants/api.ts'

/** What to make at `slurp init`. */
export type FleetPlan = {
  readonly dir: string
  readonly memberNames: readonly string[]
  readonly roles: readonly string[]
  readonly replicas: number
  /** Whether the identities are sealed by a passphrase, which is asked for. */
  readonly sealed?: boolean
  /** Whether the peers share a network key. */
  readonly privateNetwork?: boolean
  /** Roles whose keys a peer is given; none makes it blind. */
  readonly rolesOf: (memberName: string) => readonly string[]
  /** Among whom the key of the authority is split; null: it stays whole in a file. */
  readonly custody: Custody | null
}

export type Custody = {
  readonly threshold: number
  readonly custodians: readonly { readonly name: string; readonly recipient: string }[]
}

export type PlannedMember = { readonly name: string; readonly id: string; readonly dir: string }
export type CreatedFleet = {
  readonly fleet: string
  readonly members: readonly PlannedMember[]
  /** The agent that grants, where all members are blind; else null. */
  readonly granter: PlannedMember | null
}

/** Asks for a passphrase. @throws SlurpError PASSPHRASE_NEEDED. */
export type AskPassphrase = (question: string) => Promise<Uint8Array>

export type Resealing = 'seal' | 'unseal' | 'change'

export type IdentityFile = {
  readonly isSealed: boolean
  /** log2 of the rounds that opening it takes; null for a bare one. */
  readonly workFactor: number | null
  /** Null for a sealed one. */
  readonly peerId: string | null
}

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

export type AgentOptions = {
  /** Whether it keeps an index of what its roles open. */
  readonly index: boolean
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
   * @param ask - asks for the passphrase of a sealed identity; the terminal where it is left out.
   * @param onLeft - the peer is no member of its fleet any more; it serves on until it is stopped.
   * @throws SlurpError as `StartPeer` does.
   */
  servePeer(
    dir: string,
    settings: ProcessSettings,
    onLeft: () => void,
    ask?: AskPassphrase,
  ): Promise<ServedPeer>
  /**
   * Runs the agent whose identity and grant are in a directory.
   *
   * @throws SlurpError GRANT_INVALID, UNREACHABLE, DATA_MISSING, CONFIG_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG.
   */
  serveAgent(dir: string, settings: ProcessSettings, options: AgentOptions): Promise<ServedPeer>
  /** The passphrase that SLURP_PASSPHRASE_FILE or the terminal gives. @throws SlurpError PASSPHRASE_NEEDED, CONFIG_INVALID. */
  passphraseOf(path: string): Promise<Uint8Array>
  /** What can be told of the identity in a directory without its passphrase. @throws SlurpError. */
  identityIn(dir: string): Promise<IdentityFile>
  /**
   * Writes the identity in a directory again, sealed by a passphrase, by another one, or bare.
   *
   * @param file - with the new passphrase, for `change`; asked on the terminal where it is left out.
   * @throws SlurpError CONFIG_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG.
   */
  resealIdentity(dir: string, how: Resealing, file?: string): Promise<{ readonly peerId: string }>
  /** The new peer of a directory, whose identity is made where there is none. */
  newPeerIn(dir: string, sealed?: boolean): Promise<Pick<JoinRequest, 'id' | 'recipient' | 'versions'>>
  /** What the agent of a directory says of itself as it shows a token. @throws SlurpError as `serveAgent` does. */
  agentRequestIn(dir: string, token: JoinToken): Promise<AgentJoinRequest>
  /** Writes what the fleet gave to an agent. @throws SlurpError GRANT_INVALID, INTEGRITY_FAILED. */
  writeAgentTicket(dir: string, token: JoinToken, ticket: AgentTicket): Promise<void>
  /** Writes what the fleet gave to a new peer. @returns the roles that it can open. @throws SlurpError INTEGRITY_FAILED. */
  writeTicket(dir: string, fleet: FleetId, ticket: JoinTicket): Promise<readonly string[]>
  /**
   * Signs, with the authority, that the key of a certificate may go on signing grants.
   *
   * @param source - the file of the authority, or those of its shares.
   * @throws SlurpError USAGE, DATA_MISSING, INTEGRITY_FAILED, GRANT_INVALID.
   */
  certify(
    certificate: string,
    source: { readonly authority: string | null; readonly shares: readonly string[] },
  ): Promise<string>
  /** The fleet of the peer in a directory. @throws SlurpError DATA_MISSING, INTEGRITY_FAILED. */
  fleetIn(dir: string): Promise<FleetId>
  /** Deals the whole keys of a former release. @throws SlurpError DIRECTORY_TAKEN, CONFIG_INVALID, DATA_MISSING. */
  migrateKeys(
    dir: string,
    source?: { readonly authority: string | null; readonly shares: readonly string[] },
  ): Promise<{ readonly migrated: readonly string[] }>
  /**
   * Runs the simulated world of one seed.
   *
   * @throws SlurpError USAGE for a fault that the simulator does not have.
   */
  simulate(seed: number, options: SimulationOptions): Promise<SimulationResult>
  /** Runs fleets of these sizes under load, and computes placement for those. */
  simulateScale(wish: ScaleWish): Promise<ScaleFigures>
}

export type SimulationOptions = {
  readonly peers?: number
  readonly operations?: number
  readonly clients?: number
  readonly keys?: number
  /** Whether peers join, leave and are replaced; else the seed chooses. */
  readonly moves?: boolean
  /** Whether what is dead is collected and replicas are compared; else the seed chooses. */
  readonly upkeep?: boolean
  /** Kinds that are on, and how hard each hits, 0 to 1; else the seed chooses. */
  readonly faults?: Readonly<Record<string, number>>
  /** Looks for a smaller world that breaks the same invariant, when the seed breaks one. */
  readonly minimises?: boolean
  /** Draws the story of a seed that breaks as a page. */
  readonly draws?: boolean
}

export type ScaleWish = {
  readonly seed: number
  /** In peers, ascending, like `placements`. */
  readonly peers: readonly number[]
  readonly placements: readonly number[]
  readonly clientsPerPeer: number
  /** Those that go on while peers join; else all, and one in large fleets. */
  readonly joinClientsPerPeer?: number
  readonly told: (progress: string) => void
}

type Moves = { readonly moved: number; readonly least: number }

export type ScaleFigures = {
  readonly clientsPerPeer: number
  readonly writeShare: number
  readonly fleets: readonly {
    readonly peers: number
    readonly perSecond: number
    readonly perSecondAndPeer: number
    /** What each doubling left of a peer's throughput; null for the first fleet. */
    readonly efficiency: number | null
    readonly messagesPerOperation: number
    readonly p50Ms: number
    readonly p99Ms: number
    readonly viewBytes: number
    /** A tenth more peers join; `p99Ratio` is the 99th percentile of operations meanwhile by that of before. */
    readonly join: {
      readonly added: number
      readonly tookMs: number
      readonly spreadMs: number
      readonly spreadMostMs: number
      readonly copiedBytes: number
      readonly leastBytes: number
      readonly p99Ratio: number
    }
  }[]
  readonly placements: readonly {
    readonly peers: number
    readonly loadMean: number
    readonly loadMost: number
    readonly loadLeast: number
    readonly tookMs: number
    readonly join: Moves
    readonly leave: Moves
  }[]
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
  /** What a minimiser dropped and how to see what is left; the rest of the result is what is left. */
  readonly minimised?: readonly string[]
  /** HTML that stands alone. */
  readonly page?: string
}
