import type { PeerId } from '../../base/ids.ts'
import { controlPartition } from '../../dht/keyspace.ts'
import { consider } from '../../replication/acceptor.ts'
import { isGone } from '../../replication/collection.ts'
import type { ReplicaMessage } from '../../replication/messages.ts'
import { toPlace } from '../../replication/partition-state.ts'
import { floorsFor } from '../../replication/puller.ts'
import { chainFrom, considerBackfill, isMissing } from '../../replication/versions.ts'
import type { Machines } from './machines.ts'
import type { Now } from './step.ts'

/** What other members ask of this replica. */
export type Ask = Extract<
  ReplicaMessage,
  {
    kind:
      | 'prepare'
      | 'accept'
      | 'query'
      | 'replay'
      | 'backfill'
      | 'chainAsked'
      | 'scanAsked'
      | 'floorsAsked'
      | 'gather'
      | 'collect'
      | 'digestAsked'
  }
>
type AskOf<Kind extends Ask['kind']> = Extract<Ask, { kind: Kind }>

/** Answers a question, or holds it until the view that it needs is here (rule 10). */
export function answerAsk(machines: Machines, from: PeerId, ask: Ask, now: Now): void {
  switch (ask.kind) {
    case 'prepare':
    case 'accept':
    case 'query':
    case 'replay':
      return answerRound(machines, from, ask, now)
    case 'backfill':
      return answerBackfill(machines, from, ask, now)
    case 'chainAsked':
      return answerChain(machines, from, ask, now)
    case 'gather':
    case 'collect':
    case 'digestAsked':
      if (isOfMyEpoch(machines, from, ask, now)) machines.upkeep.asked(from, ask, now)
      return
    case 'scanAsked':
      if (isOfMyEpoch(machines, from, ask, now)) machines.repair.scanAsked(from, ask, now)
      return
    case 'floorsAsked': {
      if (!isOfMyEpoch(machines, from, ask, now)) return
      const place = toPlace(machines.placeOf(ask.partition))
      const floors = floorsFor(machines.acceptor, ask, place, now.wallMs)
      const refusal = { kind: 'refused', id: ask.id, epoch: place.epoch, reason: 'notOwner' } as const
      return machines.emit({ kind: 'send', to: from, message: floors ?? refusal })
    }
  }
}

function answerRound(
  { acceptor, emit, membership, process, repair }: Machines,
  from: PeerId,
  ask: AskOf<'prepare' | 'accept' | 'query' | 'replay'>,
  now: Now,
): void {
  const place = toPlace(process.placeOf(ask.key))
  // Rule 10: newer makes the receiver adopt the view first, older gets it.
  if (ask.epoch > place.epoch && membership.hold(from, ask, now)) return
  if (ask.epoch < place.epoch) membership.tellStale(from, now)
  const { changes, reply, healed, damaged } = consider(acceptor, ask, place, now.wallMs)
  if (changes.length > 0) emit({ kind: 'save', changes })
  emit({ kind: 'sendAfterSave', to: from, key: ask.key, message: reply })
  if (healed) emit({ kind: 'report', event: { kind: 'damageRepaired', key: ask.key } })
  if (damaged) repair.damageFound(ask.key, now)
}

/** An empty answer says that the version is kept here no more; it leaves when that is so for good. */
function answerChain(
  { acceptor, emit, process }: Machines,
  from: PeerId,
  { id, key, from: version, limit }: AskOf<'chainAsked'>,
  now: Now,
): void {
  const place = toPlace(process.placeOf(key))
  const records = chainFrom(acceptor.records, acceptor.limits, key, version, limit)
  const isKnown = records.length > 0 || isMissing(acceptor, key, version, place, now.wallMs)
  const message: ReplicaMessage = isKnown
    ? { kind: 'chain', id, key, records }
    : { kind: 'refused', id, epoch: place.epoch, reason: 'damaged' }
  emit({ kind: 'sendAfterSave', to: from, key, message })
}

function answerBackfill(
  { acceptor, emit, process }: Machines,
  from: PeerId,
  ask: AskOf<'backfill'>,
  now: Now,
): void {
  const place = process.placeOf(ask.key)
  if (!place.accepts) return
  const { changes, reply } = considerBackfill(acceptor.records, ask)
  const isLate = isGone(acceptor, ask.key, ask.record.version, toPlace(place), now.wallMs)
  if (changes.length > 0 && !isLate) {
    emit({ kind: 'report', event: { kind: 'counted', name: 'backfilled' } })
    emit({ kind: 'save', changes })
  }
  emit({ kind: 'sendAfterSave', to: from, key: ask.key, message: reply })
}

/** False: it was held until the view is here, or refused. */
function isOfMyEpoch(
  { emit, membership, partitionCount, placeOf }: Machines,
  from: PeerId,
  ask: AskOf<'scanAsked' | 'floorsAsked' | 'gather' | 'collect' | 'digestAsked'>,
  now: Now,
): boolean {
  const { partition } = ask
  const isKnown = partition === controlPartition || partition < partitionCount()
  const epoch = isKnown ? placeOf(partition).quorum.epoch : 0
  if (isKnown && ask.epoch === epoch) return true
  if (ask.epoch > epoch && isKnown && membership.hold(from, ask, now)) return false
  const reason = ask.epoch < epoch ? 'stale' : 'ahead'
  if (reason === 'stale') membership.tellStale(from, now)
  emit({ kind: 'send', to: from, message: { kind: 'refused', id: ask.id, epoch, reason } })
  return false
}
