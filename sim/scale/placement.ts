import type { PeerId } from '../../base/ids.ts'
import { placeReplicas } from '../../dht/placement.ts'
import { hashOf, membersFrom } from './fleet.ts'

type Owners = readonly (readonly PeerId[])[]

export type PlacementShape = { readonly partitions: number; readonly replicas: number }

/** Places that have to be filled anew. */
export type MoveFigures = {
  readonly moved: number
  /** What the new members own, or the gone one owned: no placement could move less. */
  readonly least: number
  /** Real processor time. */
  readonly tookMs: number
}

export type BalanceFigures = {
  readonly peers: number
  readonly partitions: number
  /** Partitions of a member. The mean need not be whole, the largest is: at best it is the mean rounded up. */
  readonly loadMean: number
  readonly loadMost: number
  readonly loadLeast: number
  /** Largest load by the mean rounded up to a whole partition: 1 is perfect. */
  readonly unevenness: number
  /** Real processor time of a placement from nothing. */
  readonly tookMs: number
  readonly join: MoveFigures
  readonly leave: MoveFigures
}

export type GrowthFigures = {
  /** Peers that are added: a tenth, at least one. */
  readonly added: number
  readonly movedBytes: number
  readonly leastBytes: number
}

/** How evenly `peers` members share the partitions, and what moves when one joins or one leaves. */
export function measureBalance(peers: number, shape: PlacementShape): BalanceFigures {
  const members = membersFrom(1, peers)
  const fresh = place(members, shape)
  const loads = loadsOf(fresh.owners)
  const all = members.map(({ id }) => loads.get(id) ?? 0)
  const loadMean = (shape.partitions * Math.min(shape.replicas, peers)) / peers
  const joined = place(membersFrom(1, peers + 1), shape, fresh.owners)
  const left = place(members.slice(1), shape, fresh.owners)
  const joiner = membersFrom(peers + 1, 1)[0]!.id
  const loadMost = Math.max(...all)
  return {
    peers,
    partitions: shape.partitions,
    loadMean,
    loadMost,
    loadLeast: Math.min(...all),
    unevenness: loadMost / Math.ceil(loadMean),
    tookMs: fresh.tookMs,
    join: {
      moved: movesOf(fresh.owners, joined.owners),
      least: loadsOf(joined.owners).get(joiner) ?? 0,
      tookMs: joined.tookMs,
    },
    leave: { moved: movesOf(fresh.owners, left.owners), least: all[0]!, tookMs: left.tookMs },
  }
}

/**
 * What moves when a tenth more peers join at once.
 *
 * @param storedBytes - data of each peer before, all replicas counted.
 */
export function measureGrowth(peers: number, shape: PlacementShape, storedBytes: number): GrowthFigures {
  const added = Math.ceil(peers / 10)
  const before = place(membersFrom(1, peers), shape).owners
  const after = place(membersFrom(1, peers + added), shape, before).owners
  const placeBytes = (storedBytes * peers) / (shape.partitions * Math.min(shape.replicas, peers))
  const loads = loadsOf(after)
  const least = membersFrom(peers + 1, added).reduce((sum, { id }) => sum + (loads.get(id) ?? 0), 0)
  return { added, movedBytes: movesOf(before, after) * placeBytes, leastBytes: least * placeBytes }
}

function place(
  members: ReturnType<typeof membersFrom>,
  { partitions, replicas }: PlacementShape,
  previous?: Owners,
): { owners: Owners; tookMs: number } {
  const startMs = threadMs()
  const question = { members, replicas, partitionCount: partitions, hash: hashOf }
  const owners = placeReplicas(previous === undefined ? question : { ...question, previous })
  return { owners, tookMs: threadMs() - startMs }
}

/** Processor time of this thread: what else runs on the machine does not count. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

function loadsOf(owners: Owners): Map<PeerId, number> {
  const loads = new Map<PeerId, number>()
  for (const owner of owners.flat()) loads.set(owner, (loads.get(owner) ?? 0) + 1)
  return loads
}

const movesOf = (before: Owners, after: Owners): number =>
  after.reduce(
    (sum, owners, partition) => sum + owners.filter(owner => !before[partition]!.includes(owner)).length,
    0,
  )
