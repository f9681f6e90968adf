import type { PeerId } from '../base/ids.ts'
import { assignmentsOf, type View } from '../dht/view.ts'
import type { PeerLag } from '../replication/lag.ts'
import type { News } from './adapters/libp2p/news.ts'
import type { DriverEvent } from './driver/driver-options.ts'
import type { FleetClock } from './driver/fleet-clock.ts'
import type { Network, NetworkListener } from './ports/ports.ts'
import type { MemberLag, PeerStatus, ReadinessCheck } from './status.ts'

type StatusParts = {
  readonly name: string
  readonly version: string
  readonly leader: string | null
  readonly healthOf: (peer: PeerId) => string
  readonly lags: readonly PeerLag[]
  readonly clock: FleetClock
  readonly roles: readonly { readonly name: string; readonly keyVersion: number }[]
  readonly held: readonly string[]
  readonly sealedWhy: string | null
  readonly damaged: number
  /** Sentences on what is wrong with the audit log. */
  readonly audit: readonly string[]
  readonly counters: Record<string, number>
}

/** A member that was taken out while it was down is not let in by anybody, so nobody can tell it. */
const strandedHint =
  '; if `slurp peer ls` at one of them does not list this peer, it was taken out of the fleet'

/** What this process knows of its own state, for status, readiness and metrics. */
export class PeerHealth {
  readonly #self: PeerId
  readonly #viewNow: () => View
  readonly #connected = new Set<PeerId>()
  readonly #counters = new Map<string, number>()
  readonly #startedAt = new Date()
  readonly #damagedElsewhere = new Map<PeerId, number>()
  #diskFailed = false
  #stopping = false

  /** @param view - the view in force. */
  constructor(self: PeerId, view: () => View) {
    this.#self = self
    this.#viewNow = view
  }

  get #view(): View {
    return this.#viewNow()
  }

  note(event: DriverEvent): void {
    this.count(event.kind === 'counted' ? event.name : event.kind)
  }

  count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1)
  }

  diskFailed(): void {
    this.#diskFailed = true
  }

  stopping(): void {
    this.#stopping = true
  }

  /** What another peer says of itself by gossip. Only shown, nothing depends on it. */
  heard(from: PeerId, news: News): void {
    if (news.kind === 'epoch') {
      if (news.epoch > this.#view.epoch) this.note({ kind: 'counted', name: 'staleEpoch' })
    } else if (news.kind === 'health' && news.peer === from)
      this.#damagedElsewhere.set(from, news.counters.damagedPartitions ?? 0)
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters)
  }

  /** The same network, with its connections noted on the way. */
  watching(network: Network): Network {
    const watch = (listener: NetworkListener): NetworkListener => ({
      frameArrived: (from, frame) => listener.frameArrived(from, frame),
      peerConnected: peer => {
        this.#connected.add(peer)
        listener.peerConnected(peer)
      },
      peerLost: peer => {
        this.#connected.delete(peer)
        listener.peerLost(peer)
      },
    })
    return {
      listen: listener => network.listen(watch(listener)),
      send: (to, frame) => network.send(to, frame),
    }
  }

  checks(damaged: number): ReadinessCheck[] {
    const { members, replicas } = this.#view
    const up = this.#connected.size + 1
    const away = members.filter(member => member.id !== this.#self && !this.#connected.has(member.id))
    // With at most `replicas - majority` peers away no partition can have lost its quorum.
    const spare = replicas - (Math.floor(replicas / 2) + 1)
    return [
      { name: 'disk', ok: !this.#diskFailed, detail: this.#diskFailed ? 'writes fail' : 'writes are synced' },
      {
        name: 'quorum',
        ok: away.length <= spare,
        detail:
          away.length === 0
            ? `all ${up} peers are connected`
            : `${away.map(each => each.name).join(', ')} not connected${up === 1 ? strandedHint : ''}`,
      },
      {
        name: 'records',
        ok: damaged === 0,
        detail: damaged === 0 ? 'whole' : `${damaged} partitions are being read back`,
      },
      { name: 'running', ok: !this.#stopping, detail: this.#stopping ? 'stopping' : 'serving' },
    ]
  }

  status(parts: StatusParts): PeerStatus {
    const reasons: string[] = [...parts.audit]
    const away = this.#view.members.filter(
      member => member.id !== this.#self && !this.#connected.has(member.id),
    )
    if (away.length > 0) reasons.push(`${away.map(member => member.name).join(', ')} cannot be reached.`)
    if (parts.damaged > 0) reasons.push(`${parts.damaged} partitions lost records and are being read back.`)
    for (const member of this.#view.members) {
      const damaged = this.#damagedElsewhere.get(member.id) ?? 0
      if (damaged > 0) reasons.push(`${member.name} reads back ${damaged} partitions.`)
    }
    if (!parts.clock.isKnown) reasons.push('The time of the fleet is not known here yet: too few are heard.')
    if (parts.sealedWhy !== null) reasons.push(`The keys are sealed. ${parts.sealedWhy}`)
    if (this.#diskFailed) reasons.push('The disk fails: no write is acknowledged.')
    const clocksOffMs = parts.clock.offsets()
    const owned = this.#view.partitions.filter(each => each.owners.includes(this.#self)).length
    return {
      fleet: this.#view.fleet,
      peer: {
        id: this.#self,
        name: parts.name,
        url: null,
        pid: process.pid,
        version: parts.version,
        startedAt: this.#startedAt.toISOString(),
      },
      state: this.#stopping ? 'stopping' : reasons.length > 0 ? 'degraded' : 'ready',
      reasons,
      replicas: this.#view.replicas,
      epoch: this.#view.epoch,
      leader: parts.leader,
      moves: {
        moving: [...assignmentsOf(this.#view)].filter(({ assignment }) => assignment.stage !== 'stable')
          .length,
        pending: this.#view.pending.length,
        paused: this.#view.moves.paused,
      },
      partitions: { total: this.#view.partitions.length, owned, damaged: parts.damaged },
      roles: parts.roles.map(({ name, keyVersion }) => ({
        name,
        keyVersion,
        held: parts.held.includes(name),
      })),
      members: this.#view.members.map(({ id, name, zone, weight }) => ({
        id,
        name,
        zone,
        weight,
        connected: id === this.#self || this.#connected.has(id),
        partitions: this.#view.partitions.filter(each => each.owners.includes(id)).length,
        leaving: this.#view.leaving.includes(id),
        health: id === this.#self ? 'up' : parts.healthOf(id),
        clockOffMs: clocksOffMs.get(id) ?? null,
        lag: lagText(parts.lags.find(each => each.peer === id)),
      })),
      counters: parts.counters,
    }
  }
}

function lagText(lag: PeerLag | undefined): MemberLag | null {
  if (lag === undefined) return null
  const { partitions: shared, compared, equal, peerBehind, selfBehind, equalAtMs, why } = lag
  const equalAt = equalAtMs === null ? null : new Date(equalAtMs).toISOString()
  return { shared, compared, equal, keysBehind: peerBehind, keysAhead: selfBehind, equalAt, why }
}
