import type { PartitionId } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { View } from '../../dht/view.ts'
import type { KeyPlace, Process } from '../../replication/context.ts'
import { coordinateConfirm, coordinateWrite, newCoordinator } from '../../replication/coordinator.ts'
import { newDeliverer } from '../../replication/hints.ts'
import { startWalk } from '../../replication/history-walk.ts'
import { newAcceptor, toPlace } from '../../replication/partition-state.ts'
import { Puller } from '../../replication/puller.ts'
import { newReader } from '../../replication/reader.ts'
import type { Change } from '../../replication/records.ts'
import { newRequester, onTargetLost } from '../../replication/requester.ts'
import { chainFrom, isMissing, oldestKept } from '../../replication/versions.ts'
import type { Machines, PeerOptions } from './machines.ts'
import { Membership } from './membership.ts'
import { Scans } from './scans.ts'
import { SelfRepair } from './self-repair.ts'
import type { Effect, Now } from './step.ts'
import { Upkeep } from './upkeep.ts'
import { Watch } from './watch.ts'

/** What the machines of a peer need of the peer itself. */
export type Hooks = {
  /** The view in force. */
  readonly view: () => View
  readonly placeOf: (partition: PartitionId) => KeyPlace
  readonly emit: (effect: Effect) => void
  readonly adopt: (view: View, now: Now) => void
}

/** Makes the machines of one peer and connects them: what one wishes for, another does. */
export function assemble(options: PeerOptions, hooks: Hooks): Machines {
  const { adopt, emit, placeOf, view } = hooks
  const process: Process = {
    self: options.self,
    clock: options.clock,
    incarnation: options.incarnation,
    limits: options.limits,
    random: options.random,
    placeOf: key => placeOf(partitionOf(key, view().partitions.length)),
    connected: new Set(),
    suspects: new Map(),
    heard: new Map(),
    wishes: [],
    nextId: 0,
    wakeMs: Number.POSITIVE_INFINITY,
  }
  const save = (changes: readonly Change[]) => {
    if (changes.length > 0) emit({ kind: 'save', changes })
  }
  const acceptor = newAcceptor(options.records, options.limits)
  const coordinator = newCoordinator(process)
  const reader = newReader(
    process,
    (key, from, limit) => chainFrom(acceptor.records, acceptor.limits, key, from, limit),
    (client, key, timeoutMs, now) => coordinateConfirm(coordinator, client, key, false, timeoutMs, now),
    key => oldestKept(acceptor.records, key),
    (key, version, { wallMs }) => isMissing(acceptor, key, version, toPlace(process.placeOf(key)), wallMs),
  )
  const requester = newRequester(process, (client, operation, timeoutMs, now) =>
    coordinateWrite(coordinator, client, operation, timeoutMs, now),
  )
  const scans = new Scans(emit)
  const repair = new SelfRepair({
    process,
    acceptor,
    records: options.records,
    partitionCount: () => view().partitions.length,
    placeOf,
    scans,
    emit,
    whole: (partition, now) => membership.retarget(partition, now),
    confirm: (key, now) =>
      coordinateConfirm(coordinator, { kind: 'heal' }, key, true, options.limits.attemptMaxMs, now),
  })
  const deliverer = newDeliverer(process, options.records)
  const puller = new Puller({
    process,
    acceptor,
    save,
    drop: partition => membership.dropNow(partition),
    tellWhenSaved: partition => membership.tellWhenSaved(partition),
    confirm: (key, now) =>
      coordinateConfirm(coordinator, { kind: 'pull' }, key, true, options.limits.attemptMaxMs, now),
    changed: (place, now) => {
      membership.reportsChanged(now)
      repair.resumeIfDamaged(place, now)
    },
    bytesPerSecond: () => view().moves.bytesPerSecond,
    arePaused: () => view().moves.paused,
  })
  const membership = new Membership({
    view: options.view,
    process,
    acceptor,
    puller,
    placeOf,
    emit,
    adopt,
  })
  const upkeep = new Upkeep({
    process,
    acceptor,
    scans,
    view,
    placeOf,
    emit,
    save,
    forget: key => coordinator.cached.delete(key),
    damageFound: (key, now) => repair.damageFound(key, now),
    fill: (key, version, now) => {
      const deadlineMs = now.monotonicMs + options.limits.attemptMaxMs
      startWalk(reader.walks, { kind: 'repair' }, key, version, options.limits.chainMax, deadlineMs, now)
    },
  })
  const watch = new Watch({
    process,
    emit,
    suspected: (peer, now) => onTargetLost(requester, peer, now),
  })
  return {
    process,
    acceptor,
    coordinator,
    reader,
    requester,
    repair,
    deliverer,
    puller,
    membership,
    scans,
    upkeep,
    watch,
    partitionCount: () => view().partitions.length,
    placeOf,
    emit,
  }
}
