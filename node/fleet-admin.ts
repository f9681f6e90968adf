import { SlurpError } from '../base/errors.ts'
import type { PartitionId, PeerId } from '../base/ids.ts'
import { sha256Hex } from '../crypto/digest.ts'
import { encodeGrantFile, splitChain } from '../crypto/grants/chain-text.ts'
import { memberLimits } from '../crypto/grants/membership.ts'
import { peerKeyOf } from '../crypto/peer-keys.ts'
import { isRecipient, recipientFrom, sealTo } from '../crypto/sealing.ts'
import {
  assignmentAt,
  assignmentsOf,
  checkView,
  type Member,
  type MoveSettings,
  type View,
} from '../dht/view.ts'
import { joined, left, planOf, replaced, replanned, reweighed, withMoves } from '../dht/view-change.ts'
import type { ControlPlane } from './control/control-plane.ts'
import { placementHash } from './control/placement-hash.ts'
import type { Change } from './control/view-register.ts'
import { versionsRange } from './driver/codec/keys.ts'
import { encodeView } from './driver/codec/view.ts'
import type {
  DutyList,
  DutyWish,
  DutyWished,
  FleetChange,
  FleetControl,
  JoinRequest,
  JoinTicket,
  LeaderStatus,
  MovingPartition,
  PlannedMoveText,
  RingPlan,
  RingProgress,
} from './fleet-control.ts'
import type { GrantKeeper } from './grants/grant-keeper.ts'
import type { KeyService } from './keys/key-service.ts'

export type FleetAdminParts = {
  readonly self: PeerId
  readonly control: ControlPlane
  readonly view: () => View
  /** `fleet.json` as the authority signed it. */
  readonly record: string
  readonly keys: Pick<KeyService, 'held' | 'ticketFor'>
  readonly grants: GrantKeeper
  /** Null where the network is open. */
  readonly networkKey: Uint8Array | null
  readonly versions: { readonly from: number; readonly to: number }
  readonly isConnected: (peer: PeerId) => boolean
  readonly addresses: () => Readonly<Record<PeerId, readonly string[]>>
  readonly sizeOf: (from: Uint8Array, to: Uint8Array) => Promise<number>
  readonly copiedBytes: () => number
}

const changeMs = 15_000
const bootstrapMax = 16

/** Changes of the fleet as the doors offer them: names instead of ids, tickets for who joins. */
export class FleetAdmin implements FleetControl {
  readonly #parts: FleetAdminParts

  constructor(parts: FleetAdminParts) {
    this.#parts = parts
  }

  async join(request: JoinRequest): Promise<JoinTicket> {
    await this.#check(request)
    const view = await this.#change(current =>
      changed(current, joined(current, memberFrom(current, request), placementHash)),
    )
    return await this.#ticket(view, request)
  }

  async replace(old: string, request: JoinRequest): Promise<JoinTicket> {
    await this.#check(request)
    // Asked again after the answer was lost: the old one may be gone by now.
    const isThere = this.#parts.view().members.some(member => member.id === request.id)
    const lost = isThere ? request.id : this.#idOf(old)
    const view = await this.#change(current =>
      changed(current, replaced(current, lost, memberFrom(current, request), this.#parts.isConnected(lost))),
    )
    return await this.#ticket(view, request)
  }

  async leave(name: string, how: 'drain' | 'remove'): Promise<FleetChange> {
    const peer = this.#idOf(name)
    return this.#told(
      await this.#change(view => changed(view, left(view, peer, how === 'drain', placementHash))),
    )
  }

  async reweigh(name: string, change: { weight?: number; zone?: string }): Promise<FleetChange> {
    const peer = this.#idOf(name)
    return this.#told(await this.#change(view => reweighed(view, peer, change, placementHash)))
  }

  async plan(): Promise<RingPlan> {
    const view = this.#parts.view()
    const sizes = await this.#sizes(view)
    const moves = planOf(view, placementHash).map(({ partition, owners }): PlannedMoveText => {
      const from = assignmentAt(view, partition).owners
      const comers = owners.filter(owner => !from.includes(owner)).length
      const bytes = comers * (sizes.get(partition) ?? 0)
      return { partition, from: this.#names(from), to: this.#names(owners), bytes }
    })
    const bytes = moves.reduce((sum, move) => sum + move.bytes, 0)
    const copiers = new Set(moves.flatMap(move => move.to.filter(name => !move.from.includes(name)))).size
    const seconds = Math.ceil(bytes / (view.moves.bytesPerSecond * Math.max(1, copiers)))
    return { plan: planName(view, moves), epoch: view.epoch, moves, bytes, seconds }
  }

  async apply(plan: string): Promise<FleetChange> {
    const { moves, epoch } = await this.plan()
    const wanted = planName(this.#parts.view(), moves)
    const view = await this.#change(current => {
      if (plan !== wanted || current.epoch !== epoch) {
        throw new SlurpError(
          'VIEW_CHANGED',
          `The plan ${plan} was made for another view than ${current.epoch}.`,
        )
      }
      return { ...replanned(current, placementHash), epoch: current.epoch + 1 }
    })
    return this.#told(view)
  }

  async setMoves(settings: Partial<MoveSettings>): Promise<FleetChange> {
    return this.#told(
      await this.#change(view => {
        const same = Object.entries(settings).every(
          ([name, value]) => view.moves[name as keyof MoveSettings] === value,
        )
        return same ? null : withMoves(view, settings)
      }),
    )
  }

  progress(): RingProgress {
    const view = this.#parts.view()
    const moving = this.#parts.control.waiting().map((each): MovingPartition => {
      const { partition, stage, peers, sinceMs } = each
      const waitsFor = peers.map(peer => {
        const state = this.#parts.control.stateOf(partition, peer)
        return { peer: this.#names([peer])[0]!, state, reason: this.#reason(view, peer, stage, state) }
      })
      return { partition, stage, seconds: Math.floor(sinceMs / 1_000), waitsFor }
    })
    return { ...this.#told(view), settings: view.moves, moving, copiedBytes: this.#parts.copiedBytes() }
  }

  leader(): LeaderStatus {
    const { control, self } = this.#parts
    const token = control.token()
    if (token !== null) return { leader: this.#names([self])[0]!, token, isSelf: true }
    const seen = control.leader()
    return {
      leader: seen?.holder == null ? null : this.#names([seen.holder])[0]!,
      token: seen?.token ?? null,
      isSelf: false,
    }
  }

  duties(): DutyList {
    const { leader, isSelf } = this.leader()
    const duties = this.#parts.control.duties().map(({ spec, record, phase }) => ({
      name: spec.name,
      where: spec.where,
      intervalMs: spec.intervalMs,
      phase,
      paused: record?.paused ?? false,
      runs: record?.runs ?? 0,
      lastRunAt: record && record.lastRunMs > 0 ? new Date(record.lastRunMs).toISOString() : null,
      lastOutcome: record?.lastOutcome ?? null,
      failures: record?.failures ?? 0,
    }))
    return { isLeader: isSelf, leader, duties }
  }

  wishDuty(name: string, wish: DutyWish): Promise<DutyWished> {
    return new Promise((resolve, reject) => {
      this.#parts.control.wish(`${wish}Asked`, name, outcome => {
        switch (outcome) {
          case 'done':
          case 'started':
          case 'running':
          case 'paused':
            return resolve({ name, outcome })
          case 'noSuchDuty':
            return reject(new SlurpError('DUTY_UNKNOWN', `The leader has no duty named ${name}.`))
          case 'notLeader':
            return reject(new SlurpError('NOT_LEADER', 'This peer does not lead, or not any more.'))
          case 'busy':
          case 'superseded':
          case 'unreadable':
            return reject(new SlurpError('DUTY_BUSY', `The duty ${name} cannot be changed now: ${outcome}.`))
          case 'unsettled':
            return reject(
              new SlurpError('QUORUM_UNREACHED', `It is unknown whether the wish for ${name} was recorded.`, {
                hint: '`slurp duty ls` shows what the next leader found; ask again, asking twice does no harm.',
              }),
            )
        }
      })
    })
  }

  stepDown(): boolean {
    const led = this.#parts.control.token() !== null
    this.#parts.control.stepDown()
    return led
  }

  #reason(view: View, peer: PeerId, stage: 'learn' | 'joint', state: string | null): string {
    if (peer !== this.#parts.self && !this.#parts.isConnected(peer)) return 'It cannot be reached from here.'
    if (stage === 'learn' && view.moves.paused) return 'Moves are paused; `slurp ring resume` goes on.'
    switch (state) {
      case null:
        return 'It has not said yet that it has the newest view.'
      case 'entering':
        return 'It drops an older copy and takes over the floors.'
      case 'copying':
        return 'It copies from the owners before.'
      default:
        return 'It makes sure of what a majority of the owners before held.'
    }
  }

  async #check(request: JoinRequest): Promise<void> {
    // Nobody becomes a member whom nobody could give a grant.
    await this.#parts.grants.signer.certificate()
    const { keys, versions, view } = this.#parts
    if (peerKeyOf(request.id) === null)
      throw new SlurpError('USAGE', 'The id of the new peer is no Ed25519 peer id.')
    if (!isRecipient(request.recipient)) throw new SlurpError('USAGE', 'The new peer names no age recipient.')
    if (request.fleet !== null && request.fleet !== view().fleet) {
      throw new SlurpError('FLEET_WRONG', 'The directory of the new peer belongs to another fleet.')
    }
    if (request.roles && !keys.held.canEntitle) {
      throw new SlurpError('ROLE_DENIED', 'This peer is entitled to no role that it could pass on.', {
        hint: 'Join by the door of a peer that holds roles, or join with --blind.',
      })
    }
    if (request.versions.from > versions.to || request.versions.to < versions.from) {
      throw new SlurpError(
        'VERSION_UNSUPPORTED',
        `The new peer speaks versions ${request.versions.from} to ${request.versions.to} of the protocol, this fleet ${versions.from} to ${versions.to}.`,
      )
    }
  }

  async #ticket(view: View, request: JoinRequest): Promise<JoinTicket> {
    const { keys, networkKey, record } = this.#parts
    const name = view.members.find(member => member.id === request.id)!.name
    const recipient = recipientFrom(request.recipient)
    const chain = await this.#parts.grants.grantMember(request.id, name, memberLimits(request.roles))
    return {
      fleet: view.fleet,
      name,
      record,
      view: base64(encodeView(view)),
      keys: base64(keys.ticketFor(request.id, !request.roles)),
      grant: base64(encodeGrantFile(splitChain(chain))),
      ...(networkKey === null ? {} : { networkKey: base64(await sealTo([recipient], networkKey)) }),
      bootstrap: this.bootstrap(),
    }
  }

  /** An address of each member that is known, for who looks for the fleet. */
  bootstrap(): string[] {
    const all = Object.entries(this.#parts.addresses()).flatMap(([peer, known]) =>
      known.slice(0, 1).map(address => (address.includes('/p2p/') ? address : `${address}/p2p/${peer}`)),
    )
    return all.slice(0, bootstrapMax)
  }

  #change(change: Change): Promise<View> {
    return new Promise((resolve, reject) => {
      this.#parts.control.change(
        view => checked(change(view)),
        changeMs,
        answer => {
          if (answer.kind === 'changed') resolve(answer.view)
          else if (answer.kind === 'refused') reject(answer.refusal)
          else
            reject(
              new SlurpError(
                'QUORUM_UNREACHED',
                'The control group of the fleet did not agree in time; the outcome is unknown.',
                {
                  hint: 'Look with `slurp ring show` whether it was carried out, then ask again: asking twice does no harm.',
                },
              ),
            )
        },
      )
    })
  }

  #told(view: View): FleetChange {
    return { epoch: view.epoch, pending: view.pending.length, leaving: this.#names(view.leaving) }
  }

  #idOf(name: string): PeerId {
    const found = this.#parts.view().members.find(member => member.name === name || member.id === name)
    if (found === undefined) throw new SlurpError('MEMBER_UNKNOWN', `The fleet has no peer named ${name}.`)
    return found.id
  }

  #names(peers: readonly PeerId[]): string[] {
    const { members } = this.#parts.view()
    return peers.map(peer => members.find(member => member.id === peer)?.name ?? peer)
  }

  /** Bytes of each partition: measured where this peer has a copy, the mean of those elsewhere. */
  async #sizes(view: View): Promise<Map<PartitionId, number>> {
    const sizes = new Map<PartitionId, number>()
    const others: PartitionId[] = []
    for (const { partition, assignment } of assignmentsOf(view)) {
      if (!assignment.owners.includes(this.#parts.self)) {
        others.push(partition)
        continue
      }
      const { from, to } = versionsRange(partition, view.partitions.length)
      sizes.set(partition, await this.#parts.sizeOf(from, to))
    }
    const mean = [...sizes.values()].reduce((sum, size) => sum + size, 0) / Math.max(1, sizes.size)
    for (const partition of others) sizes.set(partition, Math.round(mean))
    return sizes
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** What nobody could read back must never be agreed on: a fleet of too many members, a name that is none. */
function checked(view: View | null): View | null {
  const wrong = view === null ? null : checkView(view)
  if (wrong !== null) throw new SlurpError('USAGE', `The fleet cannot be changed like that. ${wrong}`)
  return view
}

const changed = (before: View, after: View): View | null => (before === after ? null : after)

const planName = (view: View, moves: readonly PlannedMoveText[]): string =>
  `${view.epoch}-${sha256Hex(JSON.stringify(moves.map(({ partition, to }) => [partition, to]))).slice(0, 12)}`

function memberFrom(view: View, { id, name, zone, weight }: JoinRequest): Member {
  const known = view.members.find(member => member.id === id)
  const own = name ?? known?.name ?? nextName(view)
  return { id, name: own, weight, zone: zone ?? own }
}

function nextName(view: View): string {
  for (let number = view.members.length + 1; ; number++) {
    const name = `p${number}`
    if (!view.members.some(member => member.name === name)) return name
  }
}
