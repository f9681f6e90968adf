import { assert } from '../../base/assert.ts'
import type { ContextKey, PartitionId } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import { assignmentAt, assignmentsOf, type View } from '../../dht/view.ts'
import { type Waits, waitsOf } from './clients.ts'
import { Copying, type CopyingFigures } from './copying.ts'
import type { ScaleFleet } from './fleet.ts'
import { withComers } from './stored.ts'

/** Virtual time in which everything has moved; a fleet that takes longer is stuck. */
const settledWithinMs = 120_000

/** What it takes a fleet under load to take in a tenth more peers, at least one. */
export type JoinFigures = Waits & {
  readonly added: number
  /** From the wish until every partition was stable again and everybody knew it. */
  readonly tookMs: number
  /** Changes of the view, the first one included. */
  readonly views: number
  /** From the agreement on a view until its last member had it: the median of the views, and the longest. */
  readonly spreadMs: number
  readonly spreadMostMs: number
  readonly copiedBytes: number
  /** What was in each partition when it began to move, once for each owner that came in. */
  readonly leastBytes: number
  /** The long copies of what had been stored before; null where nothing had. */
  readonly copying: CopyingFigures | null
  /** Of the clients meanwhile: `failed` of their operations ended with something else than was wanted. */
  readonly operations: number
  readonly failed: number
  readonly perSecond: number
}

/** Peers that join: a tenth, at least one. */
export const comersOf = (peers: number): number => Math.ceil(peers / 10)

/** A tenth more peers join `fleet`, whose clients go on meanwhile. The new ones have no clients. */
export function measureJoin(fleet: ScaleFleet): JoinFigures {
  const { clients, peers, spread, stored, times } = fleet
  const added = comersOf(peers.length)
  const comers = fleet.addPeers(added)
  let leastBytes = (stored?.contexts ?? 0) * times.envelopeBytes
  let before = fleet.view
  let isOver = false
  const copiedBytes = () => peers.reduce((sum, { driver }) => sum + driver.copiedBytes(), 0)
  const moment = () => ({
    atMs: fleet.world.nowMs,
    copiedBytes: copiedBytes(),
    answered: clients.served.operations,
  })
  const copying = stored && new Copying(before, stored, added, moment)
  spread.onAgreed(view => {
    leastBytes += comingKeys(before, view, clients.written) * times.envelopeBytes
    before = view
    isOver = isSettled(view, comers)
    copying?.agreed(view)
  })
  clients.forget()
  peers[0]!.changeView(view =>
    view.members.some(member => member.id === comers[0]!.id) ? null : withComers(view, comers),
  )
  const tookMs = fleet.runUntil(() => isOver && spread.isOver, settledWithinMs)
  assert(tookMs !== null, 'a fleet without faults takes new peers in')
  const spreads = spread.tookMs.toSorted((a, b) => a - b)
  const { operations, failed, waitedMs } = clients.served
  return {
    added,
    tookMs,
    views: spreads.length,
    spreadMs: spreads[Math.floor(spreads.length / 2)]!,
    spreadMostMs: spreads.at(-1)!,
    copiedBytes: copiedBytes(),
    leastBytes,
    copying: copying?.figures(waitedMs) ?? null,
    operations,
    failed,
    perSecond: operations / (tookMs / 1_000),
    ...waitsOf(waitedMs),
  }
}

/** Keys in the partitions that begin to move with this view, once for each owner that comes in. */
function comingKeys(before: View, after: View, written: readonly ContextKey[]): number {
  const comers = new Map<PartitionId, number>()
  for (const { partition, assignment } of assignmentsOf(after)) {
    const { stage, owners, nextOwners, epoch } = assignment
    if (stage !== 'learn' || epoch === assignmentAt(before, partition).epoch) continue
    comers.set(partition, nextOwners.filter(owner => !owners.includes(owner)).length)
  }
  if (comers.size === 0) return 0
  return written.reduce((sum, key) => sum + (comers.get(partitionOf(key, after.partitions.length)) ?? 0), 0)
}

/** Whether nothing moves or is about to in a view that has the new peers. */
function isSettled(view: View, comers: View['members']): boolean {
  if (view.pending.length > 0) return false
  if (!view.members.some(member => member.id === comers[0]!.id)) return false
  for (const { assignment } of assignmentsOf(view)) if (assignment.stage !== 'stable') return false
  return true
}
