import { nextHlc } from '../base/hlc.ts'
import type { ContextKey, PartitionId, Version } from '../base/ids.ts'
import type { Operation } from '../replication/messages.ts'
import { type Breach, Invariants } from './checker/invariants.ts'
import { writeOperation } from './envelope.ts'
import { Fleet, type Member, type Seen } from './fleet.ts'
import { World } from './world.ts'

/** How one run of the schedule went. */
export type CrashOutcome = {
  /** Whether the process died: else the schedule had fewer effects than that. */
  readonly died: boolean
  /** What went wrong, empty when nothing did. */
  readonly wrong: readonly string[]
}

const key = 'ab'.repeat(32) as ContextKey
const partition = 0 as PartitionId
const graceMs = 200

/**
 * One small schedule: a context is written and deleted, its tombstone is collected, and one of three replicas dies after
 * its effect number `fuse` from the beginning of the collection on. It comes back, old frames arrive a second time, everybody
 * reads, the collection is run again by each, and the context is written anew.
 *
 * @param victim - 0 collects itself, 1 and 2 are asked.
 * @param fuse - from 1.
 * @param seed - of the delays.
 */
export function crashDuringCollection(victim: number, fuse: number, seed: number): CrashOutcome {
  return new CrashRun(victim, fuse, seed).play()
}

class CrashRun {
  private readonly world: World
  private readonly wrong: string[] = []
  private readonly fleet: Fleet
  private readonly invariants: Invariants
  private readonly victim: Member
  private readonly fuse: number

  constructor(victim: number, fuse: number, seed: number) {
    this.world = new World(seed)
    this.fuse = fuse
    const breached = ({ invariant, what }: Breach) => void this.wrong.push(`invariant ${invariant}: ${what}`)
    this.fleet = new Fleet(
      this.world,
      {
        peers: 3,
        spares: 0,
        controls: false,
        replaceAfterMs: 900_000,
        replicas: 3,
        partitions: 1,
        // A short reserve: promises that a restart makes are soon past.
        limits: { collectAfterMs: graceMs, beatMs: 60_000, ceilingReserveMs: 500 },
        skewMs: 5,
        drift: 0,
      },
      {
        opened: (peer, disk, recordsLost) => this.invariants.opened(peer, disk, recordsLost, this.fleet.view),
        durable: (peer, batch) => this.invariants.durable(peer, batch),
        ruled: () => undefined,
        reported: () => undefined,
        told: () => undefined,
      },
    )
    this.invariants = new Invariants(
      this.fleet.view,
      () => this.world.steps,
      breached,
      () => undefined,
    )
    this.fleet.network.onSent = (from, to, frame) => this.invariants.frameSent(from, to, frame)
    this.victim = this.fleet.members[victim]!
  }

  play(): CrashOutcome {
    const { fleet, victim, world } = this
    const [first] = fleet.members
    for (const member of fleet.members) fleet.start(member)
    this.run(100)
    const live = this.write(first!, null, 'live')
    // The accepts of what is deleted come again, up to seconds later.
    fleet.network.weather = { ...fleet.network.weather, ordered: false, duplicateRate: 1 }
    const again = this.write(first!, live, 'live')
    fleet.network.weather = { ...fleet.network.weather, ordered: true, duplicateRate: 0 }
    const tombstone = this.write(first!, again, 'tombstone')
    this.run(graceMs * 2)
    victim.fuse = this.fuse
    this.collect(first!)
    const died = victim.process === null || victim.boots > 1
    victim.fuse = Number.POSITIVE_INFINITY
    this.run(8_000)
    this.readEverywhere([live, again])
    this.run(2_000)
    for (let round = 0; round < 2; round++) {
      for (const member of fleet.members) {
        this.collect(member)
        this.run(1_000)
      }
    }
    for (const { machine } of fleet.members) {
      const held = this.invariants.durableBallot(machine.self, key)
      if (!/^0+$/.test(held)) this.wrong.push(`${machine.name} still has ${held} of ${tombstone}`)
    }
    this.write(fleet.members[1]!, null, 'live')
    this.invariants.end()
    if (world.nowMs === 0) this.wrong.push('nothing happened')
    return { died, wrong: this.wrong }
  }

  /** Nobody finds what was deleted. */
  private readEverywhere(versions: readonly Version[]): void {
    for (const member of this.fleet.members) {
      const seen = this.do(member, { kind: 'read', key })
      const isDead = seen.kind === 'absent' || (seen.kind === 'found' && seen.value.kind === 'tombstone')
      if (!isDead) this.wrong.push(`${member.machine.name} is told ${seen.kind}`)
      if (seen.kind === 'found' && versions.includes(seen.value.version))
        this.wrong.push(`${member.machine.name} finds what was deleted`)
    }
  }

  private write(member: Member, parent: Version | null, kind: 'live' | 'tombstone'): Version {
    const process = member.process!
    const id = nextHlc(process.hlc, process.wallMs())
    const operation = writeOperation({ key, version: id, parent, kind, expiresAtMs: 0 }, 'crash')
    const seen = this.do(member, operation)
    if (seen.kind !== 'written') this.wrong.push(`a write is told ${seen.kind}`)
    return id
  }

  private do(member: Member, operation: Operation): Seen {
    let seen: Seen | null = null
    this.fleet.submit(member, operation, 5_000, outcome => {
      seen = outcome
    })
    this.world.run(this.world.nowMs + 20_000, () => seen !== null)
    return seen ?? { kind: 'lost' }
  }

  /** Ends when it has ended, or never will as its process is dead. */
  private collect(member: Member): void {
    let isOver = false
    member.process?.carryOut({ kind: 'collect', partition, token: 1 }, () => {
      isOver = true
    })
    const boots = member.boots
    this.world.run(this.world.nowMs + 30_000, () => isOver || member.boots > boots || member.process === null)
    this.run(100)
  }

  private run(forMs: number): void {
    this.world.run(this.world.nowMs + forMs)
  }
}
