import { ballotCeiling, hlcMs } from '../base/hlc.ts'
import { type Ballot, type ContextKey, noBallot, noHlc, type PartitionId } from '../base/ids.ts'
import type { Limits } from './limits.ts'
import type { RefusalReason, ReplicaMessage, Value } from './messages.ts'
import type { Change, Head, PartitionRecord, Records } from './records.ts'
import { saveVersion, withData } from './versions.ts'

/** What a replica keeps in memory: promises, and what stands in for those it forgot (rule 3). */
export type Acceptor = {
  readonly records: Records
  readonly limits: Limits
  readonly partitions: Map<PartitionId, PartitionState>
}

type PartitionState = {
  record: PartitionRecord
  /** Every key without a promise of its own counts as promised here. */
  floor: Ballot
  /** Wall-clock time of the last promise or accept. */
  usedMs: number
  readonly promises: Map<ContextKey, Ballot>
  /** While the partition is damaged: keys that were accepted anew in this boot. At most `operationsMax`. */
  readonly renewed: Set<ContextKey>
}

/** Where a key stands in the current view: its partition, that partition's epoch, and whether this replica accepts for it. */
export type Place = {
  readonly partition: PartitionId
  readonly epoch: number
  readonly accepts: boolean
}

/** `changes` are saved together, before `reply` leaves. */
export type Considered = {
  readonly changes: readonly Change[]
  readonly reply: ReplicaMessage
  /** This replica's own record of the key is not what it wrote: it needs healing. */
  readonly damaged: boolean
  /** A record that was damaged is whole again. */
  readonly healed: boolean
}

/** A partition without promises for this long is not in use. */
const inUseMs = 30_000

type Ask = Extract<ReplicaMessage, { kind: 'prepare' | 'accept' | 'query' | 'replay' }>

/** A replica as after a restart: it promised nothing that it still knows of. */
export function newAcceptor(records: Records, limits: Limits): Acceptor {
  return { records, limits, partitions: new Map() }
}

/** Answers one question of a proposer or a reader (rules 1, 2, 7 and 8). */
export function consider(acceptor: Acceptor, ask: Ask, place: Place, wallMs: number): Considered {
  const refusal = refusalOf(acceptor, ask, place, wallMs)
  if (refusal) return refused(ask.id, place.epoch, refusal)
  const partition = partitionState(acceptor, place, wallMs)
  const head = headOf(acceptor, partition, ask.key)
  switch (ask.kind) {
    case 'prepare':
      if (head === 'damaged') return refused(ask.id, place.epoch, 'damaged', true)
      return considerPrepare(acceptor, ask, place, partition, head, wallMs)
    case 'query':
      if (head === 'damaged') return refused(ask.id, place.epoch, 'damaged', true)
      return considerQuery(acceptor, ask, partition, head)
    case 'accept':
      return considerAccept(acceptor, ask, place, partition, head, wallMs)
    case 'replay':
      return considerReplay(acceptor, ask, place, partition, head, wallMs)
  }
}

function refusalOf(acceptor: Acceptor, ask: Ask, place: Place, wallMs: number): RefusalReason | null {
  if (ask.epoch !== place.epoch) return ask.epoch < place.epoch ? 'stale' : 'ahead'
  if (!place.accepts) return 'notOwner'
  if (ask.kind === 'query') return null
  if (hlcMs(ask.ballot) > wallMs + acceptor.limits.ballotDriftMaxMs) return 'drift'
  if (ask.kind !== 'accept') return null
  return ask.next !== noBallot && hlcMs(ask.next) > wallMs + acceptor.limits.ballotDriftMaxMs ? 'drift' : null
}

/** Rule 1. */
function considerPrepare(
  acceptor: Acceptor,
  ask: Extract<Ask, { kind: 'prepare' }>,
  place: Place,
  partition: PartitionState,
  head: Head | null,
  wallMs: number,
): Considered {
  const value = valueFor(acceptor.records, ask, head)
  // Its bytes are gone: with this vote a quorum would for ever have to write back what nobody has.
  if (ask.withData && value !== null && value.data === null)
    return refused(ask.id, place.epoch, 'damaged', true)
  const promised = promisedOf(acceptor, partition, ask.key, head)
  const granted = ask.ballot > promised
  const changes: Change[] = []
  if (granted) {
    raiseCeiling(acceptor, partition, place, ask.ballot, wallMs, changes)
    promise(acceptor, partition, ask.key, ask.ballot)
  }
  const reply: ReplicaMessage = {
    kind: 'promise',
    id: ask.id,
    key: ask.key,
    granted,
    promised: granted ? ask.ballot : promised,
    accepted: head?.accepted ?? noBallot,
    value,
    gcFloor: partition.record.gcFloor,
  }
  return { changes, reply, damaged: false, healed: false }
}

/** Rule 2; `next` is a prepare carried out right after. */
function considerAccept(
  acceptor: Acceptor,
  ask: Extract<Ask, { kind: 'accept' }>,
  place: Place,
  partition: PartitionState,
  head: Head | 'damaged' | null,
  wallMs: number,
): Considered {
  const changes: Change[] = []
  const again = head !== null && head !== 'damaged' && ask.ballot === head.accepted
  if (again) {
    if (head.value.version !== ask.value.version) return refused(ask.id, place.epoch, 'invalid')
    saveVersion(acceptor.records, ask.key, ask.value, changes)
  } else {
    if (!mayAccept(acceptor, partition, ask.key, ask.ballot, head)) {
      return notAccepted(ask.id, promisedOf(acceptor, partition, ask.key, head))
    }
    if (!record(acceptor, ask.key, ask.ballot, ask.value, head, changes)) {
      return refused(ask.id, place.epoch, 'invalid')
    }
    noteRenewed(acceptor, partition, ask.key)
  }
  raiseCeiling(acceptor, partition, place, ask.ballot, wallMs, changes)
  let promised = again ? promisedOf(acceptor, partition, ask.key, head) : ask.ballot
  const nextGranted = ask.next !== noBallot && ask.next >= promised
  if (nextGranted) {
    raiseCeiling(acceptor, partition, place, ask.next, wallMs, changes)
    promised = ask.next
  }
  promise(acceptor, partition, ask.key, promised)
  return {
    changes,
    reply: { kind: 'accepted', id: ask.id, granted: true, nextGranted, promised },
    damaged: false,
    healed: !again && head === 'damaged',
  }
}

/** Rule 8: an accept at its original ballot, and where it comes too late at least its version for the history. */
function considerReplay(
  acceptor: Acceptor,
  ask: Extract<Ask, { kind: 'replay' }>,
  place: Place,
  partition: PartitionState,
  head: Head | 'damaged' | null,
  wallMs: number,
): Considered {
  const accept = { ...ask, kind: 'accept', next: noBallot } as const
  const result = considerAccept(acceptor, accept, place, partition, head, wallMs)
  if (result.changes.length > 0 || ask.value.data === null) return result
  const changes: Change[] = []
  saveVersion(acceptor.records, ask.key, ask.value, changes)
  return { ...result, changes }
}

/** Rule 7: what stands here; promises nothing, writes nothing. */
function considerQuery(
  acceptor: Acceptor,
  ask: Extract<Ask, { kind: 'query' }>,
  partition: PartitionState,
  head: Head | null,
): Considered {
  const value = valueFor(acceptor.records, ask, head)
  const reply: ReplicaMessage = {
    kind: 'report',
    id: ask.id,
    key: ask.key,
    accepted: head?.accepted ?? noBallot,
    value,
    gcFloor: partition.record.gcFloor,
  }
  return { changes: [], reply, damaged: ask.withData && head !== null && value?.data === null, healed: false }
}

/** Marks a partition as one that may have lost records, up to the highest ballot it can ever have met. */
export function markDamaged(acceptor: Acceptor, place: Place, wallMs: number): Change {
  const partition = partitionState(acceptor, place, wallMs)
  const bound = highestMet(acceptor, wallMs)
  const ceiling = highest(partition.record.ceiling, bound)
  partition.record = { ...partition.record, ceiling, damagedBelow: ceiling }
  partition.promises.clear()
  partition.renewed.clear()
  partition.floor = ceiling
  return { kind: 'partition', partition: place.partition, record: partition.record }
}

/** Every key of the partition was written back from the others: it votes again. */
export function markWhole(acceptor: Acceptor, place: Place, wallMs: number): Change {
  const partition = partitionState(acceptor, place, wallMs)
  partition.record = { ...partition.record, damagedBelow: noBallot }
  partition.renewed.clear()
  return { kind: 'partition', partition: place.partition, record: partition.record }
}

export function isDamaged(acceptor: Acceptor, place: Place, wallMs: number): boolean {
  return partitionState(acceptor, place, wallMs).record.damagedBelow !== noBallot
}

/** Whether this replica has a good record of the key, one that counts in a quorum. */
export function isWhole(acceptor: Acceptor, key: ContextKey, place: Place, wallMs: number): boolean {
  const head = headOf(acceptor, partitionState(acceptor, place, wallMs), key)
  if (head === null || head === 'damaged') return false
  const version = acceptor.records.version(key, head.value.version)
  return version !== null && version !== 'damaged'
}

/** A ballot that this replica answers above: what a healing round must exceed here. */
export function floorOf(acceptor: Acceptor, key: ContextKey, place: Place, wallMs: number): Ballot {
  const partition = partitionState(acceptor, place, wallMs)
  return promisedOf(acceptor, partition, key, headOf(acceptor, partition, key))
}

function partitionState(acceptor: Acceptor, place: Place, wallMs: number): PartitionState {
  const known = acceptor.partitions.get(place.partition)
  if (known) return known
  const stored = acceptor.records.partition(place.partition)
  const fresh: PartitionRecord = {
    epoch: place.epoch,
    ceiling: noBallot,
    gcFloor: noBallot,
    tsFloor: noHlc,
    damagedBelow: noBallot,
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
  }
  acceptor.partitions.set(place.partition, state)
  return state
}

const highestMet = (acceptor: Acceptor, wallMs: number): Ballot =>
  ballotCeiling(wallMs + acceptor.limits.ballotDriftMaxMs)

/** The head of a key; `damaged` also where the key may have lost what it held together with its partition. */
function headOf(acceptor: Acceptor, partition: PartitionState, key: ContextKey): Head | 'damaged' | null {
  const head = acceptor.records.head(key)
  if (head === 'damaged') return head
  const isSuspect = partition.record.damagedBelow !== noBallot && !partition.renewed.has(key)
  return isSuspect ? 'damaged' : head
}

/**
 * Only what this boot itself accepted counts in a damaged partition. A ballot cannot tell, as the bound above it comes from
 * a wall clock that may have run backwards. Forgetting costs another round of healing, no more.
 */
function noteRenewed(acceptor: Acceptor, partition: PartitionState, key: ContextKey): void {
  if (partition.record.damagedBelow === noBallot) return
  if (partition.renewed.size >= acceptor.limits.operationsMax) partition.renewed.clear()
  partition.renewed.add(key)
}

function promisedOf(
  acceptor: Acceptor,
  partition: PartitionState,
  key: ContextKey,
  head: Head | 'damaged' | null,
): Ballot {
  if (head === 'damaged') {
    // What a damaged key accepted is unknown, but never above the ceiling; what can still be read is a bound as well.
    const stored = acceptor.records.head(key)
    const accepted = stored === null || stored === 'damaged' ? noBallot : stored.accepted
    const promised = highest(partition.promises.get(key) ?? partition.floor, accepted)
    return highest(promised, partition.record.ceiling)
  }
  const promised = partition.promises.get(key) ?? partition.floor
  return highest(promised, head === null ? partition.record.gcFloor : head.accepted)
}

const highest = (a: Ballot, b: Ballot): Ballot => (a > b ? a : b)

function mayAccept(
  acceptor: Acceptor,
  partition: PartitionState,
  key: ContextKey,
  ballot: Ballot,
  head: Head | 'damaged' | null,
): boolean {
  const promised = promisedOf(acceptor, partition, key, head)
  if (head === 'damaged') return ballot > promised
  if (head === null) return ballot >= promised && ballot > partition.record.gcFloor
  return ballot >= promised && ballot > head.accepted
}

function promise(acceptor: Acceptor, partition: PartitionState, key: ContextKey, ballot: Ballot): void {
  if (partition.promises.size >= acceptor.limits.promisesMax && !partition.promises.has(key)) {
    // Forgetting promises counts as a restart (rule 3).
    partition.promises.clear()
    partition.floor = partition.record.ceiling
  }
  partition.promises.set(key, highest(ballot, partition.promises.get(key) ?? partition.floor))
}

/** Rule 3, kept for accepts too: a damaged record never held a ballot above the ceiling. */
function raiseCeiling(
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

/** One batch: the head, and the bytes of its version where they are not here yet. False: there is nothing to store. */
function record(
  acceptor: Acceptor,
  key: ContextKey,
  ballot: Ballot,
  value: Value,
  head: Head | 'damaged' | null,
  changes: Change[],
): boolean {
  const here = head !== null && head !== 'damaged' && head.value.version === value.version
  if (value.data === null && !here) return false
  saveVersion(acceptor.records, key, value, changes)
  changes.push({ kind: 'head', key, head: { accepted: ballot, value: { ...value, data: null } } })
  return true
}

/** What stands, as it was asked for: with the bytes of its version, or without. */
function valueFor(
  records: Records,
  ask: Extract<Ask, { withData: boolean }>,
  head: Head | null,
): Value | null {
  if (head === null) return null
  return ask.withData ? withData(records, ask.key, head.value) : head.value
}

function refused(id: number, epoch: number, reason: RefusalReason, damaged = false): Considered {
  return { changes: [], reply: { kind: 'refused', id, epoch, reason }, damaged, healed: false }
}

function notAccepted(id: number, promised: Ballot): Considered {
  return {
    changes: [],
    reply: { kind: 'accepted', id, granted: false, nextGranted: false, promised },
    damaged: false,
    healed: false,
  }
}
