import { ballotHlc, hlcMs } from '../base/hlc.ts'
import { type Ballot, type ContextKey, isControlKey, noBallot, type Version } from '../base/ids.ts'
import type { RefusalReason, ReplicaMessage, Value } from './messages.ts'
import {
  type Acceptor,
  highest,
  isReady,
  type PartitionState,
  type Place,
  partitionState,
  raiseCeiling,
} from './partition-state.ts'
import type { Change, Head, Records } from './records.ts'
import { keptFromOf } from './register.ts'
import { saveVersion, withData } from './versions.ts'

/** `changes` are saved together, before `reply` leaves. */
export type Considered = {
  readonly changes: readonly Change[]
  readonly reply: ReplicaMessage
  /** This replica's own record of the key is not what it wrote: it needs healing. */
  readonly damaged: boolean
  /** A record that was damaged is whole again. */
  readonly healed: boolean
}

type Ask = Extract<ReplicaMessage, { kind: 'prepare' | 'accept' | 'query' | 'replay' }>

/** Answers one question of a proposer or a reader (rules 1, 2, 7 and 8). */
export function consider(acceptor: Acceptor, ask: Ask, place: Place, wallMs: number): Considered {
  const refusal = refusalOf(acceptor, ask, place, wallMs)
  if (refusal) return refused(ask.id, place.epoch, refusal)
  const partition = partitionState(acceptor, place, wallMs)
  // Rule 10: it is coming in, and takes over the floors before it accepts anything.
  if (!isReady(partition, place)) return refused(ask.id, place.epoch, 'notOwner')
  const head = headOf(acceptor, partition, ask.key)
  // Until the others were asked nobody knows what it may have accepted or promised before.
  if (head === 'damaged' && !partition.isBounded) return refused(ask.id, place.epoch, 'damaged', true)
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
  if (result.changes.length > 0 || ask.value.data === null || isControlKey(ask.key)) return result
  // What was collected with its key, or trimmed, is no history any more.
  if (!isKept(head, partition, ask.value.version)) return result
  const changes: Change[] = []
  saveVersion(acceptor.records, ask.key, ask.value, changes)
  return { ...result, changes }
}

/**
 * What a learner copies, at its original ballot; the bytes of the version are here. It has no vote, so what it may have
 * promised in an earlier time as an owner binds nobody: before it votes it is synced, and its ceiling stays (rule 10).
 */
export function copyIn(
  acceptor: Acceptor,
  place: Place,
  key: ContextKey,
  ballot: Ballot,
  value: Value,
  wallMs: number,
): readonly Change[] {
  const partition = partitionState(acceptor, place, wallMs)
  const head = acceptor.records.head(key)
  if (head === null && ballot <= partition.record.gcFloor) return []
  const changes: Change[] = [
    { kind: 'head', key, head: { accepted: ballot, value: { ...value, data: null } } },
  ]
  if (head !== null && head !== 'damaged') dropReplaced(key, head, value, changes)
  raiseCeiling(acceptor, partition, place, ballot, wallMs, changes)
  return changes
}

/** Whether a version that comes late belongs to the history that is kept here. */
export function isKept(head: Head | 'damaged' | null, partition: PartitionState, version: Version): boolean {
  if (head === null) return version > ballotHlc(partition.record.gcFloor)
  return head === 'damaged' || version >= keptFromOf(head.value)
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

/** What counts as promised for a key: nothing below it is granted, and nothing below it accepted (rules 1 to 3). */
export function promisedOf(
  acceptor: Acceptor,
  partition: PartitionState,
  key: ContextKey,
  head: Head | 'damaged' | null,
): Ballot {
  if (head === 'damaged') {
    // What a damaged record held is unknown, but never above the ceiling. What went with its partition was met before that
    // was found, and what came since can be read: a ceiling that rises as other keys are healed is no bound for this one.
    const stored = acceptor.records.head(key)
    const { ceiling, damagedBelow, gcFloor } = partition.record
    const accepted = stored === null ? noBallot : stored === 'damaged' ? ceiling : stored.accepted
    const promised = highest(partition.promises.get(key) ?? partition.floor, accepted)
    return highest(highest(promised, gcFloor), damagedBelow)
  }
  const promised = partition.promises.get(key) ?? partition.floor
  return highest(promised, head === null ? partition.record.gcFloor : head.accepted)
}

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
  if (head !== null && head !== 'damaged') dropReplaced(key, head, value, changes)
  return true
}

/** A control register changes for ever: only what stands is kept. */
function dropReplaced(key: ContextKey, { value: before }: Head, value: Value, changes: Change[]): void {
  if (isControlKey(key) && before.version !== value.version)
    changes.push({ kind: 'versionDropped', key, version: before.version })
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
