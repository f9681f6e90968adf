import type { ContextKey, PartitionId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import { partitionOf } from '../dht/keyspace.ts'
import { assignmentAt, assignmentsOf } from '../dht/view.ts'
import type { Fleet } from './fleet.ts'
import type { World } from './world.ts'

export type JanitorOptions = {
  readonly world: World
  readonly fleet: Fleet
  readonly keys: () => readonly ContextKey[]
  readonly told: (what: string) => void
  readonly counted: (name: string, count: number) => void
}

const everyMs = 40
/** When all is calm: the end of a world may take an hour of its time. */
const calmMs = 3_000
const tenureMs = 4_000

/**
 * Has peers do what the leader's duties would have them do: collect what is dead (rule 9), compare partitions with other
 * owners (rule 8). Any peer at any time, several at once, sometimes under the token of a leader that was overtaken.
 */
export class Janitor {
  private readonly options: JanitorOptions
  private readonly random: Random
  private isOn = true
  private pauseMs = everyMs

  constructor(options: JanitorOptions) {
    this.options = options
    this.random = options.world.random('janitor')
  }

  start(): void {
    const act = () => {
      if (this.isOn) this.act()
      return this.isOn
    }
    this.options.world.everySoOften(() => -Math.log(1 - this.random.next()) * this.pauseMs, act)
  }

  /** Goes on at the pace of a world in which nothing happens. */
  calmDown(): void {
    this.pauseMs = calmMs
  }

  stop(): void {
    this.isOn = false
  }

  private act(): void {
    const { fleet, world } = this.options
    const member = fleet.serving(this.random, null)
    if (member?.process == null) return
    const { self } = member.machine
    const view = member.process.view()
    const key = this.random.pick(this.options.keys())
    const partition = this.random.chance(0.9)
      ? partitionOf(key, view.partitions.length)
      : this.random.pick([...assignmentsOf(view)]).partition
    const assignment = assignmentAt(view, partition)
    if (!assignment.owners.includes(self) && this.random.chance(0.9)) return
    const tenure = 2 + Math.floor(world.nowMs / tenureMs)
    const token = this.random.chance(0.1) ? tenure - 1 : tenure
    if (this.random.chance(0.65)) return this.collect(member, partition, token)
    const others = assignment.owners.filter(owner => owner !== self)
    if (others.length > 0) this.compare(member, partition, this.random.pick(others), token)
  }

  private collect(member: Fleet['members'][number], partition: PartitionId, token: number): void {
    const { counted, told } = this.options
    const { name } = member.machine
    told(`${name} collects in partition ${partition}, token ${token}`)
    member.process?.carryOut({ kind: 'collect', partition, token }, end => {
      told(`${name} has collected in partition ${partition}: ${JSON.stringify(end)}`)
      counted(`collect ${end.kind}`, 1)
      if (end.kind === 'collected' || end.kind === 'waiting')
        counted('keysCollected', 'dropped' in end ? end.dropped : 0)
    })
  }

  private compare(
    member: Fleet['members'][number],
    partition: PartitionId,
    peer: Fleet['members'][number]['machine']['self'],
    token: number,
  ): void {
    const { counted } = this.options
    member.process?.carryOut({ kind: 'compare', partition, peer, token }, end => {
      counted(`compare ${end.kind}`, 1)
      if (end.kind === 'compared') counted('keysRepaired', end.repaired)
    })
  }
}
