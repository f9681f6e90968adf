import type { FleetId, PeerId } from '../base/ids.ts'
import type { MoveState } from '../dht/stages.ts'
import type { MoveSettings, Stage } from '../dht/view.ts'

/** What a new peer says of itself to a door of the fleet that it wants to join. */
export type JoinRequest = {
  readonly id: PeerId
  /** Wanted name; null: the next free one of p1, p2 … */
  readonly name: string | null
  /** Failure zone; null: one of its own. */
  readonly zone: string | null
  readonly weight: number
  /** age recipient of the new peer's own key. */
  readonly recipient: string
  /** Whether it wants to be entitled to the roles of the door's peer; without them it serves ciphertext only. */
  readonly roles: boolean
  /** The fleet that its directory was made for; null for a new directory. */
  readonly fleet: FleetId | null
  /** Versions of the protocol that it speaks. */
  readonly versions: { readonly from: number; readonly to: number }
}

/** What a new peer needs to run: no secret is in it. It collects its keys from the holders of shares. */
export type JoinTicket = {
  readonly fleet: FleetId
  readonly name: string
  /** `fleet.json`, as the authority signed it. */
  readonly record: string
  /** The view that names the new peer: base64 of its one encoding. */
  readonly view: string
  /** base64 of the registry of keys, in which the new peer is entitled to what it may have. */
  readonly keys: string
  /** What the peer shows to the others: base64 of `grant.json`. */
  readonly grant: string
  /** base64 of the network key, sealed to the new peer; not there where the network is open. */
  readonly networkKey?: string | undefined
  /** Multiaddresses of members, to look for them. */
  readonly bootstrap: readonly string[]
}

/** What a change of the fleet began; it is carried through in the background. */
export type FleetChange = {
  readonly epoch: number
  /** Moves planned and not begun. */
  readonly pending: number
  /** Names of those who are on their way out. */
  readonly leaving: readonly string[]
}

export type PlannedMoveText = {
  readonly partition: number
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** Bytes that have to be copied, as far as this peer can tell. */
  readonly bytes: number
}

export type RingPlan = {
  /** Names this plan for `apply`: it is refused once the view is another one. */
  readonly plan: string
  readonly epoch: number
  readonly moves: readonly PlannedMoveText[]
  readonly bytes: number
  /** At the bytes a second that are set, as all new owners copy side by side. */
  readonly seconds: number
}

export type MovingPartition = {
  readonly partition: number
  readonly stage: Stage
  /** Seconds that it has been in this stage, as far as this peer saw. */
  readonly seconds: number
  readonly waitsFor: readonly {
    readonly peer: string
    readonly state: MoveState | null
    readonly reason: string
  }[]
}

export type RingProgress = FleetChange & {
  readonly settings: MoveSettings
  /** The control group's move has the number 4096. */
  readonly moving: readonly MovingPartition[]
  /** Bytes that this peer copied since its start. */
  readonly copiedBytes: number
}

export type LeaderStatus = {
  /** Null: nobody, or this peer has not heard. Members of the control group know. */
  readonly leader: string | null
  readonly token: number | null
  /** Whether the peer that answers leads. */
  readonly isSelf: boolean
}

export type DutyText = {
  readonly name: string
  /** `leader`: one run, where the leader is; `staggered`: at each peer, one after the other. */
  readonly where: 'leader' | 'staggered'
  readonly intervalMs: number
  /** reading, idle, paused, running, stopping, recording, or what stands in its way. */
  readonly phase: string
  readonly paused: boolean
  /** Runs whose end is recorded, by whatever leader. */
  readonly runs: number
  /** Time of the last recorded end, ISO 8601; null before the first. */
  readonly lastRunAt: string | null
  readonly lastOutcome: string | null
  /** In a row, up to now. */
  readonly failures: number
}

export type DutyList = {
  readonly isLeader: boolean
  readonly leader: string | null
  readonly duties: readonly DutyText[]
}
export type DutyWish = 'run' | 'pause' | 'resume'
export type DutyWished = {
  readonly name: string
  /** `done`: recorded for every leader to come; `started`; `running`: it ran already; `paused`: it is, and does not run. */
  readonly outcome: 'done' | 'started' | 'running' | 'paused'
}

/**
 * Changes of the fleet, by any member. All of them are agreed on before they answer.
 *
 * @throws SlurpError MEMBER_KNOWN, MEMBER_UNKNOWN, MEMBER_LEAVING, TOO_FEW_PEERS, LAST_COPY, FLEET_WRONG, VERSION_UNSUPPORTED,
 * VIEW_CHANGED, QUORUM_UNREACHED (outcome unknown).
 */
export interface FleetControl {
  join(request: JoinRequest): Promise<JoinTicket>
  /** The new peer gets what the old one had, which goes: for a peer that is lost. */
  replace(old: string, request: JoinRequest): Promise<JoinTicket>
  /** `drain`: the peer is there and gives away what it has; `remove`: it is gone, the others have copies. */
  leave(name: string, how: 'drain' | 'remove'): Promise<FleetChange>
  reweigh(name: string, change: { readonly weight?: number; readonly zone?: string }): Promise<FleetChange>
  /** What placement would move now. */
  plan(): Promise<RingPlan>
  /** @param plan - of a `RingPlan`. */
  apply(plan: string): Promise<FleetChange>
  setMoves(settings: Partial<MoveSettings>): Promise<FleetChange>
  progress(): RingProgress
  leader(): LeaderStatus
  /** The duties of the leader as it sees them; `isLeader` false and no duties on any other peer. */
  duties(): DutyList
  /**
   * An operator's wish, which only the leader carries out.
   * @throws SlurpError DUTY_UNKNOWN, DUTY_BUSY, NOT_LEADER, QUORUM_UNREACHED when it is not known whether it was recorded.
   */
  wishDuty(name: string, wish: DutyWish): Promise<DutyWished>
  /** Asks this peer to let go of the lead. @returns whether it led. */
  stepDown(): boolean
}
