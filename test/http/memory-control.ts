import { createHash } from 'node:crypto'
import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, FleetId, PeerId } from '../../base/ids.ts'
import { waitedFor } from '../../dht/stages.ts'
import { initialView, type Member, type MoveSettings, type View } from '../../dht/view.ts'
import {
  advanced,
  joined,
  left,
  planOf,
  replaced,
  replanned,
  reweighed,
  withMoves,
} from '../../dht/view-change.ts'
import type {
  DutyList,
  DutyWish,
  DutyWished,
  FleetChange,
  FleetControl,
  JoinRequest,
  JoinTicket,
  RingPlan,
  RingProgress,
} from '../../node/fleet-control.ts'

export const memoryFleetId = 'f'.repeat(64) as FleetId
/** The peer that answers, and three that are only named. */
export const memoryMembers: readonly Member[] = ['p1', 'p2', 'p3', 'p4'].map(name => ({
  id: `12D3KooWmemory${name}` as PeerId,
  name,
  weight: 1,
  zone: name,
}))

const versions = { from: 2, to: 2 }
const hash = (text: string) => createHash('sha256').update(text).digest('hex') as ContextKey

/**
 * Changes of a fleet without a fleet: the rules of dht/view-change on a view in memory, carried through at once or
 * step by step. Answers and refuses as FleetControl says.
 */
export class MemoryControl implements FleetControl {
  view: View = initialView({
    fleet: memoryFleetId,
    members: memoryMembers,
    replicas: 3,
    partitionCount: 16,
    hash,
  })
  /** The next change is carried out, but its answer is lost. */
  loseNextAnswer = false
  /** Moves go one stage on with every look at the progress; otherwise they stand still. */
  movesGoOn = true
  leads = true
  paused = false
  readonly requests: JoinRequest[] = []

  async join(request: JoinRequest): Promise<JoinTicket> {
    this.#check(request)
    return this.#ticket(this.#become(joined(this.view, this.#memberFrom(request), hash)), request)
  }

  async replace(old: string, request: JoinRequest): Promise<JoinTicket> {
    this.#check(request)
    const next = replaced(this.view, this.#idOf(old), this.#memberFrom(request), false)
    return this.#ticket(this.#become(next), request)
  }

  async leave(name: string, how: 'drain' | 'remove'): Promise<FleetChange> {
    return this.#told(this.#become(left(this.view, this.#idOf(name), how === 'drain', hash)))
  }

  async reweigh(name: string, change: { weight?: number; zone?: string }): Promise<FleetChange> {
    return this.#told(this.#become(reweighed(this.view, this.#idOf(name), change, hash)))
  }

  async plan(): Promise<RingPlan> {
    const moves = planOf(this.view, hash).map(({ partition, owners }) => ({
      partition,
      from: this.#names(this.view.partitions[partition]?.owners ?? []),
      to: this.#names(owners),
      bytes: 1000,
    }))
    const { epoch } = this.view
    return { plan: `${epoch}-abc`, epoch, moves, bytes: moves.length * 1000, seconds: 1 }
  }

  async apply(plan: string): Promise<FleetChange> {
    if (plan !== `${this.view.epoch}-abc`)
      throw new SlurpError('VIEW_CHANGED', `The plan ${plan} was made for another view.`)
    return this.#told(this.#become({ ...replanned(this.view, hash), epoch: this.view.epoch + 1 }))
  }

  async setMoves(settings: Partial<MoveSettings>): Promise<FleetChange> {
    return this.#told(this.#become(withMoves(this.view, settings)))
  }

  progress(): RingProgress {
    if (this.movesGoOn)
      this.view =
        advanced(
          this.view,
          () => 'synced',
          () => false,
          0,
        ) ?? this.view
    else
      this.view =
        advanced(
          this.view,
          () => null,
          () => true,
          0,
        ) ?? this.view
    const moving = waitedFor(this.view, () => null).map(({ partition, stage, peers }) => ({
      partition,
      stage,
      seconds: 7,
      waitsFor: this.#names(peers).map(peer => ({ peer, state: null, reason: 'It thinks.' })),
    }))
    return { ...this.#told(this.view), settings: this.view.moves, moving, copiedBytes: 0 }
  }

  leader() {
    return this.leads ? { leader: 'p1', token: 4, isSelf: true } : { leader: 'p2', token: 4, isSelf: false }
  }

  duties(): DutyList {
    const { leader, isSelf } = this.leader()
    const paused = this.paused
    const duty = {
      name: 'moves',
      where: 'leader',
      intervalMs: 250,
      phase: paused ? 'paused' : 'idle',
      paused,
    } as const
    const last = { runs: 3, lastRunAt: '2026-11-21T12:00:00.000Z', lastOutcome: 'done', failures: 0 }
    return { isLeader: isSelf, leader, duties: isSelf ? [{ ...duty, ...last }] : [] }
  }

  async wishDuty(name: string, wish: DutyWish): Promise<DutyWished> {
    if (!this.leads) throw new SlurpError('NOT_LEADER', 'This peer does not lead.')
    if (name !== 'moves') throw new SlurpError('DUTY_UNKNOWN', `The leader has no duty named ${name}.`)
    if (wish === 'run') return { name, outcome: this.paused ? 'paused' : 'started' }
    this.paused = wish === 'pause'
    return { name, outcome: 'done' }
  }

  stepDown(): boolean {
    const led = this.leads
    this.leads = false
    return led
  }

  #become(next: View): View {
    this.view = next
    if (!this.loseNextAnswer) return next
    this.loseNextAnswer = false
    throw new SlurpError('QUORUM_UNREACHED', 'The answer is lost.')
  }

  #check(request: JoinRequest): void {
    this.requests.push(request)
    if (request.fleet !== null && request.fleet !== this.view.fleet)
      throw new SlurpError('FLEET_WRONG', 'The directory of the new peer belongs to another fleet.')
    if (request.versions.from > versions.to || request.versions.to < versions.from)
      throw new SlurpError('VERSION_UNSUPPORTED', 'The new peer speaks another version.')
  }

  #memberFrom({ id, name, zone, weight }: JoinRequest): Member {
    const known = this.view.members.find(member => member.id === id)
    const own = name ?? known?.name ?? `p${this.view.members.length + 1}`
    return { id, name: own, weight, zone: zone ?? own }
  }

  #ticket(view: View, { id, roles }: JoinRequest): JoinTicket {
    const { name } = view.members.find(member => member.id === id)!
    const bootstrap = ['/ip4/127.0.0.1/tcp/1']
    const given = { keys: roles ? 'keys' : '', grant: '' }
    return { fleet: view.fleet, name, record: '{}', view: '', ...given, bootstrap }
  }

  #told({ epoch, pending, leaving }: View): FleetChange {
    return { epoch, pending: pending.length, leaving: this.#names(leaving) }
  }

  #idOf(name: string): PeerId {
    const found = this.view.members.find(member => member.name === name || member.id === name)
    if (found === undefined) throw new SlurpError('MEMBER_UNKNOWN', `The fleet has no peer named ${name}.`)
    return found.id
  }

  #names(peers: readonly PeerId[]): string[] {
    return peers.map(peer => this.view.members.find(member => member.id === peer)?.name ?? peer)
  }
}
