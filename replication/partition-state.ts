import { ballotCeiling } from '../base/hlc.ts'
import { type Ballot, type ContextKey, noBallot, noHlc, type PartitionId, type Version } from '../base/ids.ts'
import type { KeyPlace } from './context.ts'
import type { Limits } from './limits.ts'
import type { Change, PartitionRecord, Records } from './records.ts'

/** What a replica keeps in memory: promises, and what stands in for those it forgot (rule 3). */
export type Acceptor = {
  readonly records: Records
  readonly limits: Limits
  readonly partitions: Map<PartitionId, PartitionState>
}

export type PartitionState = {
  record: PartitionRecord
  /** Every key without a promise of its own counts as promised here. */
  floor: Ballot
  /** Wall-clock time of the last promise or accept. */
  usedMs: number
  readonly promises: Map<ContextKey, Ballot>
  /** While the partition is damaged: keys that were accepted anew in this boot. At most `operationsMax`. */
  readonly renewed: Set<ContextKey>
  /** False while the partition is damaged and its own bound stands alone: nothing is accepted before the others were asked. */
  isBounded: boolean
}

/** Where a key stands in the current view: its partition, that partition's epoch, and whether this replica accepts for it. */
export type Place = {
  readonly partition: PartitionId
  readonly epoch: number
  readonly accepts: boolean
  /** Since which epoch of the partition this replica has been one of its acceptors (rule 10); 1 for from the start, 0 for not at all. */
  readonly since: number
}

/** What an acceptor needs of it: no quorum. */
export const toPlace = ({ partition, accepts, since, quorum }: KeyPlace): Place => ({
  partition,
  accepts,
  since,
  epoch: quorum.epoch,
})

/** A partition without promises for this long is not in use. */
const inUseMs = 30_000

export const highest = (a: Ballot, b: Ballot): Ballot => (a > b ? a : b)

/** A replica as after a restart: it promised nothing that it still knows of. */
export function newAcceptor(records: Records, limits: Limits): Acceptor {
  return { records, limits, partitions: new Map() }
}

/** What is known of one partition, read from its record when it is asked for the first time. */
export function partitionState(acceptor: Acceptor, place: Place, wallMs: number): PartitionState {
  const known = acceptor.partitions.get(place.partition)
  if (known) return known
  const stored = acceptor.records.partition(place.partition)
  const fresh: PartitionRecord = {
    epoch: place.epoch,
    ceiling: noBallot,
    gcFloor: noBallot,
    tsFloor: noHlc,
    damagedBelow: noBallot,
    since: place.since === 1 ? 1 : 0,
    copied: place.since === 1,
  }
  // A lost ceiling is bounded by the clock: no ballot further ahead was ever accepted.
  const bound = highestMet(acceptor, wallMs)
  const record =
    stored === null
      ? fresh
      : stored === 'damaged'
        ? { ...fresh, ceiling: bound, damagedBelow: bound }
        : stored
  // Rule 3: after a restart every key counts as promised at the ceiling.
  const state: PartitionState = {
    record,
    floor: record.ceiling,
    usedMs: 0,
    promises: new Map(),
    renewed: new Set(),
    isBounded: record.damagedBelow === noBallot,
  }
  acceptor.partitions.set(place.partition, state)
  return state
}

const highestMet = (acceptor: Acceptor, wallMs: number): Ballot =>
  ballotCeiling(wallMs + acceptor.limits.ballotDriftMaxMs)

/** Whether the copy here is that of the present membership: an older one counts for nothing (rule 10). */
export const isReady = (state: PartitionState, place: Place): boolean => state.record.since === place.since

/** Marks a partition as one that may have lost records, up to the highest ballot it can ever have met. */
export function markDamaged(acceptor: Acceptor, place: Place, wallMs: number): Change {
  const partition = partitionState(acceptor, place, wallMs)
  const bound = highestMet(acceptor, wallMs)
  const ceiling = highest(partition.record.ceiling, bound)
  partition.record = { ...partition.record, ceiling, damagedBelow: ceiling }
  partition.promises.clear()
  partition.renewed.clear()
  partition.floor = ceiling
  partition.isBounded = false
  return { kind: 'partition', partition: place.partition, record: partition.record }
}

/**
 * Rule 3 for a ceiling that was lost: the own clock alone is no bound, as ballots run ahead of clocks and clocks run
 * back. Whatever this replica promised or accepted that could matter, a majority of the others met as well.
 *
 * @param met - the highest ceiling of a quorum of the others, asked after the damage was found.
 */
export function boundDamage(acceptor: Acceptor, place: Place, met: Ballot, wallMs: number): Change {
  const state = partitionState(acceptor, place, wallMs)
  const ceiling = highest(state.record.ceiling, met)
  state.record = { ...state.record, ceiling, damagedBelow: ceiling }
  state.floor = ceiling
  state.isBounded = true
  return { kind: 'partition', partition: place.partition, record: state.record }
}

/**
 * Every key of the partition was written back from the others: it votes again. What it had taken over or collected may
 * be lost with the rest, so the floors of a quorum of the others bind here too (rules 9 and 14).
 */
export function markWhole(acceptor: Acceptor, place: Place, floors: Floors, wallMs: number): Change {
  const partition = partitionState(acceptor, place, wallMs)
  // The keys were written back, their histories were not: they are copied anew.
  const { gcFloor, tsFloor } = highestFloors(partition.record, floors)
  const ceiling = highest(partition.record.ceiling, gcFloor)
  const bound = { ...partition.record, ceiling, gcFloor, tsFloor }
  partition.record = { ...bound, damagedBelow: noBallot, copied: false }
  partition.renewed.clear()
  partition.isBounded = true
  return { kind: 'partition', partition: place.partition, record: partition.record }
}

/** Whether this replica may accept: a damaged one only once the others were asked what they have met. */
export const isBounded = (acceptor: Acceptor, place: Place, wallMs: number): boolean =>
  partitionState(acceptor, place, wallMs).isBounded

export function isDamaged(acceptor: Acceptor, place: Place, wallMs: number): boolean {
  return partitionState(acceptor, place, wallMs).record.damagedBelow !== noBallot
}

/** Rule 3, kept for accepts too: a damaged record never held a ballot above the ceiling. */
export function raiseCeiling(
  acceptor: Acceptor,
  partition: PartitionState,
  place: Place,
  ballot: Ballot,
  wallMs: number,
  changes: Change[],
): void {
  partition.usedMs = wallMs
  if (ballot <= partition.record.ceiling) return
  const reserve = ballotCeiling(wallMs + acceptor.limits.ceilingReserveMs)
  partition.record = { ...partition.record, epoch: place.epoch, ceiling: highest(ballot, reserve) }
  changes.push({ kind: 'partition', partition: place.partition, record: partition.record })
  raiseCompany(acceptor, reserve, wallMs, changes)
}

/**
 * The sync that one ceiling waits for is shared: every other partition in use whose ceiling is worn to less than half
 * its reserve goes along. Without it, a slow stream of writes over many partitions pays a sync for every other prepare.
 */
function raiseCompany(acceptor: Acceptor, reserve: Ballot, wallMs: number, changes: Change[]): void {
  const { ceilingReserveMs } = acceptor.limits
  const worn = ballotCeiling(wallMs + ceilingReserveMs / 2)
  for (const [partition, state] of acceptor.partitions) {
    if (state.usedMs < wallMs - inUseMs || state.record.ceiling >= worn) continue
    state.record = { ...state.record, ceiling: reserve }
    changes.push({ kind: 'partition', partition, record: state.record })
  }
}

/** What binds whoever comes in: nothing at or below it may be accepted as if it had never been heard of. */
export type Floors = { readonly ceiling: Ballot; readonly gcFloor: Ballot; readonly tsFloor: Version }

export const noFloors: Floors = { ceiling: noBallot, gcFloor: noBallot, tsFloor: noHlc }

export const highestFloors = (a: Floors, b: Floors): Floors => ({
  ceiling: highest(a.ceiling, b.ceiling),
  gcFloor: highest(a.gcFloor, b.gcFloor),
  tsFloor: a.tsFloor > b.tsFloor ? a.tsFloor : b.tsFloor,
})

export function floorsOf(acceptor: Acceptor, place: Place, wallMs: number): Floors {
  const { ceiling, gcFloor, tsFloor } = partitionState(acceptor, place, wallMs).record
  return { ceiling, gcFloor, tsFloor }
}

/**
 * Rule 10, learn: older copies are dropped, gcFloor and tsFloor are those of the owners before; from now on it accepts.
 * Their ceiling binds from the sync on and not before: below it lies everything that is to be copied.
 */
export function enter(acceptor: Acceptor, place: Place, floors: Floors, wallMs: number): Change {
  const state = partitionState(acceptor, place, wallMs)
  const { ceiling: ownCeiling } = state.record
  const bound = { ...state.record, ...highestFloors(state.record, { ...floors, ceiling: ownCeiling }) }
  // Records of this very copy may be lost: it has no vote before it was read back from the others.
  const isDoubtful = state.record.damagedBelow !== noBallot
  const ceiling = isDoubtful ? highest(bound.ceiling, highestMet(acceptor, wallMs)) : bound.ceiling
  const damagedBelow = isDoubtful ? ceiling : noBallot
  state.isBounded = !isDoubtful
  return settle(state, place, { ...bound, ceiling, since: place.since, copied: false, damagedBelow })
}

/**
 * This replica is an acceptor no more and has dropped what it held. Its ceiling stays: a promise is one for ever. So does the
 * mark of lost records: with them its view may be an old one, in which it is not yet the owner that it has voted as.
 */
export function leave(acceptor: Acceptor, place: Place, wallMs: number): Change {
  const state = partitionState(acceptor, place, wallMs)
  return settle(state, place, { ...state.record, since: 0, copied: false })
}

/** What a majority held when this replica came in is here. */
export function noteCopied(acceptor: Acceptor, place: Place, wallMs: number): Change {
  const state = partitionState(acceptor, place, wallMs)
  state.record = { ...state.record, copied: true }
  return { kind: 'partition', partition: place.partition, record: state.record }
}

/** Rule 10, before stable: what a fenced majority of the owners before had promised binds here, as after a restart. */
export function raiseFloors(acceptor: Acceptor, place: Place, floors: Floors, wallMs: number): Change {
  const state = partitionState(acceptor, place, wallMs)
  return settle(state, place, { ...state.record, ...highestFloors(state.record, floors) })
}

function settle(state: PartitionState, place: Place, record: PartitionRecord): Change {
  state.record = { ...record, epoch: place.epoch }
  state.floor = record.ceiling
  state.promises.clear()
  state.renewed.clear()
  return { kind: 'partition', partition: place.partition, record: state.record }
}
