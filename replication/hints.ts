import type { PeerId } from '../base/ids.ts'
import { newId, type Process, send, wakeAt } from './context.ts'
import type { ReplicaMessage } from './messages.ts'
import type { Change, Hint, Records } from './records.ts'

/** Delivers what a peer missed while it was away (rule 8): an accept at its original ballot, or a version of the history. */
export type Deliverer = {
  readonly process: Process
  readonly records: Records
  readonly sent: Map<number, Hint>
  /** Peers with more hints than one list held. */
  readonly more: Set<PeerId>
  /** Connected peers for whom hints wait, and when those are tried (monotonic milliseconds). */
  readonly dueMs: Map<PeerId, number>
}

/** Hints in one list: what may be on its way to one peer at once. */
export const hintsListedMax = 128

export function newDeliverer(process: Process, records: Records): Deliverer {
  return { process, records, sent: new Map(), more: new Set(), dueMs: new Map() }
}

/** Who was only slow, or whose frame was lost, keeps its connection: its hints do not wait for the next one. */
export function tryHintsLater({ process, dueMs }: Deliverer, peer: PeerId, nowMs: number): void {
  if (!process.connected.has(peer) || dueMs.has(peer)) return
  dueMs.set(peer, nowMs + process.limits.hintRetryMs)
  wakeAt(process, nowMs + process.limits.hintRetryMs)
}

/** Peers whose hints are to be listed now. */
export function sweepHints(deliverer: Deliverer, nowMs: number): PeerId[] {
  const { process, dueMs } = deliverer
  const due = [...dueMs].filter(([, atMs]) => atMs <= nowMs).map(([peer]) => peer)
  for (const peer of due) forgetDeliveries(deliverer, peer)
  for (const atMs of dueMs.values()) wakeAt(process, atMs)
  return due
}

/** @returns the hints that need no delivery any more, to be forgotten. */
export function deliver(deliverer: Deliverer, peer: PeerId, hints: readonly Hint[], nowMs: number): Change[] {
  const { process, records } = deliverer
  if (hints.length > 0) tryHintsLater(deliverer, peer, nowMs)
  const done: Change[] = []
  if (hints.length >= hintsListedMax) deliverer.more.add(peer)
  let bytes = 0
  // Over an absent key an older version is not kept (rule 9): the current one goes first.
  const current = hints.filter(hint => isCurrent(records, hint))
  const older = hints.filter(hint => !current.includes(hint))
  for (const hint of [...current, ...older]) {
    if (bytes > process.limits.chainBytesMax) {
      // The rest is listed again once this much has arrived.
      deliverer.more.add(peer)
      break
    }
    const message = isWanted(process, hint) ? messageFor(process, records, hint) : null
    if (message === null) {
      done.push({ kind: 'hintDone', hint })
      continue
    }
    deliverer.sent.set(message.id, hint)
    bytes += bytesOf(message)
    send(process, peer, message)
  }
  return done
}

/** False: the message answers no delivery. `ready`: the next list of this peer's hints is wanted. */
export function onDelivered(
  deliverer: Deliverer,
  from: PeerId,
  message: ReplicaMessage & { id: number },
): { change: Change | null; ready: boolean } | null {
  const hint = deliverer.sent.get(message.id)
  if (!hint || hint.peer !== from) return null
  deliverer.sent.delete(message.id)
  const done = message.kind === 'accepted'
  // Refused: it holds something newer, or a promise stands in the way. Its history took the version all the same.
  if (done && !message.granted) deliverer.process.wishes.push({ kind: 'bringUp', key: hint.key })
  if (done) deliverer.process.wishes.push({ kind: 'count', name: 'hintDelivered' })
  const left = [...deliverer.sent.values()].some(each => each.peer === from)
  // Who refuses is asked again when it is back: at once it would refuse again.
  const ready = done && !left && deliverer.more.delete(from)
  return { change: done ? { kind: 'hintDone', hint } : null, ready }
}

/** What was on its way to a lost peer is delivered from the hints when it is back. */
export function forgetDeliveries(deliverer: Deliverer, peer: PeerId): void {
  for (const [id, hint] of deliverer.sent) if (hint.peer === peer) deliverer.sent.delete(id)
  deliverer.more.delete(peer)
  deliverer.dueMs.delete(peer)
}

/** Whether its peer is an acceptor of the key still: the partition may have moved on. */
const isWanted = (process: Process, { peer, key }: Hint): boolean =>
  process.placeOf(key).quorum.targets.some(target => target === peer)

function isCurrent(records: Records, { key, version }: Hint): boolean {
  const head = records.head(key)
  return head !== null && head !== 'damaged' && head.value.version === version
}

const bytesOf = (message: ReplicaMessage): number =>
  (message.kind === 'replay' ? message.value.data : message.kind === 'backfill' ? message.record.data : null)
    ?.length ?? 0

function messageFor(
  process: Process,
  records: Records,
  hint: Hint,
): (ReplicaMessage & { id: number }) | null {
  const record = records.version(hint.key, hint.version)
  if (record === null || record === 'damaged') return null
  const head = records.head(hint.key)
  const id = newId(process)
  if (head !== null && head !== 'damaged' && isCurrent(records, hint)) {
    const { epoch } = process.placeOf(hint.key).quorum
    return {
      kind: 'replay',
      id,
      epoch,
      key: hint.key,
      ballot: head.accepted,
      value: { ...head.value, data: record.data },
    }
  }
  return { kind: 'backfill', id, key: hint.key, record }
}
