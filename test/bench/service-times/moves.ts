// Goal: what views and moves cost the driver and the peer. Method: partitions move between production drivers on ports
// of memory, one after the other, every input timed by its kind, in parts where one frame has several of a kind; views
// of two sizes are encoded and decoded alone.
import { performance } from 'node:perf_hooks'
import type { PeerId } from '../../../base/ids.ts'
import { toJoint, toLearn, toStable, withAssignments } from '../../../dht/stages.ts'
import { type Assignment, assignmentAt, type View } from '../../../dht/view.ts'
import { joined, withMoves } from '../../../dht/view-change.ts'
import { decodeFrame, encodeFrame } from '../../../node/driver/codec/wire.ts'
import { hashOf, membersFrom, viewOf } from '../../../sim/scale/fleet.ts'
import { MemoryFleet, partitionCount, peers } from './memory-fleet.ts'
import { line, medianUs, threadUs } from './sampled.ts'

const contexts = 6_000
const warmUpMoves = 16
const measuredMoves = 40
const stepMs = 5_000
const fewPeers = 3
const manyPeers = 100
const viewPartitions = 256

export type MoveTimes = {
  readonly times: Readonly<Record<string, number>>
  readonly counts: Readonly<Record<string, number>>
  /** A view that is told and adopted, without what its members and partitions cost. */
  readonly viewToldUs: number
  /** Decoding and checking a view, and encoding it: for each partition where members are few, and for each more member. */
  readonly view: {
    readonly decodePartitionUs: number
    readonly decodeMemberUs: number
    readonly encodePartitionUs: number
    readonly encodeMemberUs: number
    /** Planning a join, where it is asked for: fixed, and for each member. */
    readonly planUs: number
    readonly planMemberUs: number
  }
}

export function measureMoves(dataBytes: number): MoveTimes {
  const bench = new MemoryFleet()
  for (let i = 0; i < contexts; i++) bench.write(i % peers, dataBytes)
  let view = withMoves(bench.view, { bytesPerSecond: 2 ** 40 })
  const tell = (next: View) => {
    view = next
    bench.drivers[0]!.tellView(next)
    bench.drain()
    until(bench, () => bench.drivers.every(driver => driver.view().epoch === next.epoch))
  }
  tell(view)
  for (let move = 0; move < warmUpMoves + measuredMoves; move++) {
    if (move === warmUpMoves) bench.isMeasuring = true
    const partition = (move % partitionCount) as Parameters<typeof assignmentAt>[1]
    const change = (to: (assignment: Assignment) => Assignment) =>
      tell(withAssignments(view, new Map([[partition, to(assignmentAt(view, partition))]])))
    const { owners } = assignmentAt(view, partition)
    const comer = bench.ids.find(id => !owners.includes(id))!
    const states = (...wanted: string[]) =>
      until(bench, () => wanted.includes(stateOf(bench, view, partition, comer) ?? ''))
    change(assignment => toLearn(assignment, [comer, ...owners.slice(1)]))
    states('copied')
    change(toJoint)
    states('synced')
    change(toStable)
  }
  const medians = bench.medians()
  const costs = measureViews()
  const { decodeMemberUs, decodePartitionUs, encodeMemberUs, encodePartitionUs } = costs
  return {
    ...medians,
    viewToldUs:
      medians.times.viewTold! -
      (decodeMemberUs + encodeMemberUs) * peers -
      (decodePartitionUs + encodePartitionUs) * partitionCount,
    view: costs,
  }
}

const stateOf = (
  bench: MemoryFleet,
  view: View,
  partition: Parameters<typeof assignmentAt>[1],
  peer: PeerId,
) => bench.drivers[0]!.reports(partition, assignmentAt(view, partition).epoch, peer)

function until(bench: MemoryFleet, holds: () => boolean): void {
  const endMs = performance.now() + stepMs
  while (!holds()) {
    if (performance.now() > endMs) throw new Error('a move does not go on')
    bench.tick()
  }
}

function measureViews(): MoveTimes['view'] {
  const of = (count: number) => {
    const view = viewOf(count, 3, viewPartitions)
    const content = { clock: '0'.repeat(24) as Parameters<typeof encodeFrame>[0]['clock'] }
    // Another object each time: the encoding of one view may be kept.
    const encode = () => encodeFrame({ ...content, messages: [{ kind: 'viewTold', view: { ...view } }] })
    const bytes = encode()
    const [comer] = membersFrom(count + 1, 1)
    const plans = Array.from({ length: 12 }, () => {
      const startUs = threadUs()
      joined(view, comer!, hashOf)
      return threadUs() - startUs
    })
    return {
      encodeUs: timed(encode),
      decodeUs: timed(() => decodeFrame(bytes)),
      planUs: medianUs(plans.slice(2)),
    }
  }
  const [few, many] = [of(fewPeers), of(manyPeers)]
  const ofMember = (a: number, b: number) => (b - a) / (manyPeers - fewPeers)
  const plan = line([
    [fewPeers, few.planUs],
    [manyPeers, many.planUs],
  ])
  return {
    decodePartitionUs: few.decodeUs / viewPartitions,
    decodeMemberUs: ofMember(few.decodeUs, many.decodeUs),
    encodePartitionUs: few.encodeUs / viewPartitions,
    encodeMemberUs: ofMember(few.encodeUs, many.encodeUs),
    planUs: plan.fixed,
    planMemberUs: plan.slope,
  }
}

function timed(run: () => unknown): number {
  const took: number[] = []
  for (let i = 0; i < 1_500; i++) {
    const startMs = performance.now()
    run()
    if (i >= 500) took.push((performance.now() - startMs) * 1_000)
  }
  return medianUs(took)
}
