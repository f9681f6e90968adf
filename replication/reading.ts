import { type Ballot, type ContextKey, noBallot, type PeerId } from '../base/ids.ts'
import type { ReplicaMessage, Value } from './messages.ts'
import { isQuorum, type Quorum } from './quorum.ts'

type Report = Extract<ReplicaMessage, { kind: 'report' }>

/** A read that promises and writes nothing while a whole quorum agrees (rule 7). Mutable, owned by one coordinator. */
export type Reading = {
  readonly key: ContextKey
  readonly quorum: Quorum
  /** Whom to ask, best first. */
  readonly order: readonly PeerId[]
  phase: 'asking' | 'replaying' | 'ended'
  id: number
  readonly asked: Set<PeerId>
  /** Who is asked for the bytes as well. */
  readonly wantData: Set<PeerId>
  /** Who was asked for the bytes twice and has none: its copy is damaged. */
  readonly withoutData: Set<PeerId>
  readonly reports: Map<PeerId, Report>
  readonly lost: Set<PeerId>
  /** Who is silent is not waited for any more: a quorum that answered and does not agree is brought to agree. */
  isHurried: boolean
  /** Ballot and value that are replayed to those behind. */
  highest: { ballot: Ballot; value: Value } | null
}

export type ReadingEnd =
  | {
      readonly kind: 'read'
      readonly value: Value | null
      readonly behind: readonly PeerId[]
      readonly ballot: Ballot
    }
  /** Only a full round can tell (rule 7). */
  | { readonly kind: 'roundNeeded' }

export function newReading(key: ContextKey, quorum: Quorum, order: readonly PeerId[], id: number): Reading {
  const reading: Reading = {
    key,
    quorum,
    order,
    phase: 'asking',
    id,
    asked: new Set(),
    wantData: new Set(),
    withoutData: new Set(),
    reports: new Map(),
    lost: new Set(),
    isHurried: false,
    highest: null,
  }
  while (reading.asked.size < order.length && !isQuorum(quorum, reading.asked)) askOneMore(reading)
  const first = order[0]
  if (first !== undefined) reading.wantData.add(first)
  return reading
}

/** Asks the next replica in order; false when all were asked. */
export function askOneMore(reading: Reading): boolean {
  const peer = reading.order.find(each => !reading.asked.has(each))
  if (peer === undefined) return false
  reading.asked.add(peer)
  return true
}

/** The question that `peer` has not answered yet, null when it needs none. */
export function readingQuestionFor(reading: Reading, peer: PeerId): ReplicaMessage | null {
  const { key, id, highest } = reading
  const epoch = reading.quorum.epoch
  if (reading.phase === 'ended' || reading.lost.has(peer)) return null
  const report = reading.reports.get(peer)
  if (reading.phase === 'asking') {
    if (!reading.asked.has(peer)) return null
    const withData = reading.wantData.has(peer)
    if (report && !(withData && lacksData(report) && !reading.withoutData.has(peer))) return null
    return { kind: 'query', id, epoch, key, withData }
  }
  if (!highest || report?.accepted === highest.ballot) return null
  return { kind: 'accept', id, epoch, key, ballot: highest.ballot, value: highest.value, next: noBallot }
}

const lacksData = (report: Report): boolean => report.value !== null && report.value.data === null

/** Takes one answer. Null: it goes on, and questions of `readingQuestionFor` may be due. */
export function onReadingAnswer(
  reading: Reading,
  from: PeerId,
  message: ReplicaMessage,
  nextId: () => number,
): ReadingEnd | null {
  if (reading.phase === 'ended') return null
  if (message.kind === 'report' && reading.phase === 'asking') {
    if (message.key !== reading.key) return null
    // The first answer may be to a question that did not ask for the bytes yet.
    const again = reading.reports.has(from) && reading.wantData.has(from)
    if (again && lacksData(message)) reading.withoutData.add(from)
    reading.reports.set(from, message)
    return decide(reading, nextId)
  }
  if (message.kind === 'accepted' && reading.phase === 'replaying' && reading.highest) {
    if (!message.granted) return end(reading, { kind: 'roundNeeded' })
    const { ballot, value } = reading.highest
    reading.reports.set(from, {
      kind: 'report',
      id: reading.id,
      key: reading.key,
      accepted: ballot,
      value,
      gcFloor: noBallot,
    })
    return decide(reading, nextId)
  }
  if (message.kind === 'refused') {
    reading.lost.add(from)
    if (reading.phase === 'asking') {
      askOneMore(reading)
      return decide(reading, nextId)
    }
    return end(reading, { kind: 'roundNeeded' })
  }
  return null
}

/** Goes on with the answers that are there; without it a dead replica would hold up every read on which the others differ. */
export function hurry(reading: Reading, nextId: () => number): ReadingEnd | null {
  if (reading.phase !== 'asking') return null
  reading.isHurried = true
  return decide(reading, nextId)
}

/** Nobody else can be asked and no quorum agrees yet. */
function decide(reading: Reading, nextId: () => number): ReadingEnd | null {
  const agreed = agreedBallot(reading)
  if (agreed !== null) return readAt(reading, agreed)
  const waiting = [...reading.asked].some(peer => !reading.reports.has(peer) && !reading.lost.has(peer))
  if (reading.phase === 'replaying') return null
  if (waiting && !(reading.isHurried && isQuorum(reading.quorum, reading.reports))) return null
  if (askOneMore(reading)) return null
  return replayHighest(reading, nextId)
}

/** A ballot that a whole quorum reported: no later one was chosen before this read began. */
function agreedBallot(reading: Reading): Ballot | null {
  const holders = new Map<Ballot, Set<PeerId>>()
  for (const [peer, report] of reading.reports) {
    const same = holders.get(report.accepted) ?? new Set()
    same.add(peer)
    holders.set(report.accepted, same)
    if (isQuorum(reading.quorum, same)) return report.accepted
  }
  return null
}

function readAt(reading: Reading, ballot: Ballot): ReadingEnd | null {
  const holders = [...reading.reports].filter(([, report]) => report.accepted === ballot)
  const found = holders.find(([, report]) => report.value === null || report.value.data !== null)
  if (!found) {
    // The replica that was asked for the bytes is behind or damaged: ask the next holder for them.
    const next = holders.find(([peer]) => !reading.wantData.has(peer))
    if (next) reading.wantData.add(next[0])
    else if (!holders.some(([peer]) => mayBring(reading, peer)) && !askOneMore(reading)) {
      return end(reading, { kind: 'roundNeeded' })
    }
    return null
  }
  const behind = [...reading.reports].filter(([, report]) => report.accepted < ballot).map(([peer]) => peer)
  return end(reading, { kind: 'read', value: found[1].value, behind, ballot })
}

/** Whether the bytes that this replica was asked for may still come. */
const mayBring = (reading: Reading, peer: PeerId): boolean =>
  reading.wantData.has(peer) && !reading.withoutData.has(peer) && !reading.lost.has(peer)

function replayHighest(reading: Reading, nextId: () => number): ReadingEnd | null {
  let highest: { ballot: Ballot; value: Value } | null = null
  for (const report of reading.reports.values()) {
    if (report.value === null) continue
    if (highest === null || report.accepted > highest.ballot)
      highest = { ballot: report.accepted, value: report.value }
    else if (report.accepted === highest.ballot && highest.value.data === null) highest.value = report.value
  }
  if (highest === null) return null
  if (highest.value.data === null) {
    const ballot = highest.ballot
    const holders = [...reading.reports].filter(([, report]) => report.accepted === ballot)
    const next = holders.find(([peer]) => !reading.wantData.has(peer))
    if (next) reading.wantData.add(next[0])
    else if (!holders.some(([peer]) => mayBring(reading, peer))) return end(reading, { kind: 'roundNeeded' })
    return null
  }
  reading.phase = 'replaying'
  reading.id = nextId()
  reading.highest = highest
  for (const peer of reading.order) if (!reading.lost.has(peer)) reading.asked.add(peer)
  return null
}

function end(reading: Reading, result: ReadingEnd): ReadingEnd {
  reading.phase = 'ended'
  return result
}
