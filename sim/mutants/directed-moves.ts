import { assert } from '../../base/assert.ts'
import type { ContextKey, PeerId } from '../../base/ids.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'
import { joint, learning, nextView, partition, stable, viewOf, writeOf } from '../explore/move.ts'
import { type Letter, PureWorld } from '../explore/pure-world.ts'

const names = ['a', 'b', 'c', 'd', 'e'] as PeerId[]
const [a, b, c, d, e] = names as [PeerId, PeerId, PeerId, PeerId, PeerId]
const key = 'ab'.repeat(32) as ContextKey
const first = writeOf(key, 1, null)

type MessageOf<Kind extends PeerMessage['kind']> = Extract<PeerMessage, { kind: Kind }>

/**
 * Exact schedules of rule 10: one partition goes from `a b c` to `c d e`. Each returns null when the rules hold in it,
 * else what went wrong.
 */
export const moveSchedules: Readonly<Record<string, () => string | null>> = {
  unheardWrite,
  learnerAlone,
  lateReplay,
  lateAccept,
  staleJointRead,
  unfencedSync,
  oldCopy,
  otherQuorums,
  newEpoch,
}

/** A write in the learn stage that only `a` and `b` hear of, when the others have copied what there was. */
function unheardWrite(): string | null {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  drive(world, () => true, 4)
  world.request(a, writeOf(key, 10, first.id))
  drive(world, among(a, b), 10)
  world.letters = []
  world.agree(joint(world.view), names)
  const next = nextView(world)
  if (next !== null) world.agree(next, names)
  return readAfterTheMove(world, names)
}

/**
 * `a`, whose clock is ahead, is promised a high ballot by `b` and itself; its accept reaches `d` alone, which learns, and
 * is never chosen by the owners. After the move `c` and `e` know of no such promise, unless the sync handed it over:
 * then a write below that ballot would be chosen, and be lost to what `d` holds.
 */
function learnerAlone(): string | null {
  const { world } = highAccept(d)
  writeAfterTheMove(world)
  world.run(among(c, d))
  return world.complaint
}

/** The same, but what `a` alone accepted comes as a replay long after the move, from a hint or a repair (rule 8). */
function lateReplay(): string | null {
  const { world, accept } = highAccept(null)
  writeAfterTheMove(world)
  const { epoch } = world.view.partitions[0]!
  const { ballot, value } = accept
  world.hand(a, d, { kind: 'replay', id: 1, epoch, key, ballot, value })
  return world.complaint
}

/** A write at a high ballot in the learn stage, whose accepts reach one learner or nobody; then the move is carried through. */
function highAccept(learner: PeerId | null): { world: PureWorld; accept: MessageOf<'accept'> } {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  world.at(a).nowMs += 4_000
  world.request(a, writeOf(key, 4_000, first.id))
  const accepts = cutShort(world)
  for (const letter of accepts) if (letter.to === learner) world.hand(a, letter.to, letter.message)
  move(world, [b, c, d, e])
  const accept = accepts[0]?.message
  assert(accept?.kind === 'accept', 'the ballot was granted')
  return { world, accept }
}

/** `a` is granted a ballot by `b`; its accepts are late, everything else is lost. */
function cutShort(world: PureWorld): Letter[] {
  world.run(({ from, to, message }) => among(a, b)({ from, to }) && message.kind !== 'accept')
  const accepts = world.letters.filter(({ message }) => message.kind === 'accept')
  world.letters = []
  return accepts
}

/** `c` writes with `e`; `d` hears nothing of it. */
function writeAfterTheMove(world: PureWorld): void {
  world.request(c, writeOf(key, 10, first.id))
  drive(world, among(c, e), 10)
}

/**
 * `a` was granted its ballot in the learn stage, and its accepts are late. `b` and `c` are fenced and were read by
 * then: from them nothing of an older epoch may be accepted any more.
 */
function lateAccept(): string | null {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  world.request(a, writeOf(key, 10, first.id))
  const late = cutShort(world).filter(({ to }) => to === b)
  world.agree(joint(world.view), [b, c, d, e])
  drive(world, among(b, c, d, e), 10)
  world.letters = []
  for (const { message } of late) world.hand(a, b, message)
  world.run(({ to, message }) => to === a && message.kind === 'accepted')
  world.letters = []
  return readAfterTheMove(world, [b, c, d, e])
}

/** `a` and `b` are still in the joint stage when the others are through with it and write. A read of theirs must see that. */
function staleJointRead(): string | null {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  world.agree(joint(world.view), names)
  drive(world, () => true, 4)
  if (nextView(world) === null) return 'the sync does not end'
  world.agree(stable(world.view), [c, d, e])
  world.request(d, writeOf(key, 10, first.id))
  drive(world, among(c, d, e), 10)
  world.letters = []
  world.request(a, { kind: 'read', key })
  drive(world, among(a, b), 10)
  return world.complaint
}

/**
 * `c`, `d` and `e` are in the joint stage, `a` and `b` have not heard of it. What they say there is of the learn stage:
 * a write that they carry out afterwards by themselves would be missed.
 */
function unfencedSync(): string | null {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  world.agree(joint(world.view), [c, d, e])
  const sync = ({ message }: Letter) =>
    ['floorsAsked', 'floors', 'scanAsked', 'scanPage', 'chainAsked', 'chain', 'refused'].includes(
      message.kind,
    )
  drive(world, sync, 10)
  world.letters = []
  world.request(a, writeOf(key, 10, first.id))
  drive(world, among(a, b), 10)
  world.letters = []
  return readAfterTheMove(world, [c, d, e])
}

/**
 * From `a b c` to `c d e` and back. Meanwhile the key was deleted and collected, which nobody who came in since then
 * can tell from a key that never was: the copies that `a` and `b` still have must go.
 */
function oldCopy(): string | null {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  move(world, names)
  world.request(c, writeOf(key, 10, first.id, 'tombstone'))
  drive(world, () => true, 10)
  collect(world, [c, d, e])
  world.agree(learning(world.view, [a, b, c]), names)
  drive(world, () => true, 4)
  return readAfterTheMove(world, names, a)
}

/** What rule 9 leaves behind: no head, and a floor. */
function collect(world: PureWorld, owners: readonly PeerId[]): void {
  world.judge.collected(key)
  for (const owner of owners) {
    const { records } = world.at(owner)
    const record = records.partition(partition)!
    records.apply({ kind: 'partition', partition, record: { ...record, gcFloor: record.ceiling } })
    records.apply({ kind: 'headDropped', key })
    for (const { record: version } of [...records.versions.values()])
      records.apply({ kind: 'versionDropped', key, version: version.version })
    world.restart(owner)
  }
}

/** A change of the view of epoch 1 is proposed by the quorums of that view, not by those of the next one. */
function otherQuorums(): string | null {
  const world = started()
  world.agree(learning(world.view, [c, d, e]), names)
  world.request(a, { ...writeOf(key, 10, first.id), epoch: 1 })
  drive(world, () => true, 10)
  const kinds = world.answers.map(answer => answer.kind)
  return kinds.filter(kind => kind === 'written').length > 1
    ? 'what belongs to epoch 1 was carried out in epoch 2'
    : world.complaint
}

/**
 * Rule 6. `e` earns a high next ballot in epoch 1. In epoch 2 other owners, of whom only `e` granted it, choose a third
 * version at a lower ballot: an epoch that comes by itself, as a move has floors against this too. A write at `e` must
 * meet it, and not overwrite it with what it remembers.
 */
function newEpoch(): string | null {
  const world = new PureWorld(names, viewOf(names, [e, b, c]))
  world.request(e, first)
  world.run(among(e, b))
  world.at(e).nowMs += 4_000
  const second = writeOf(key, 2, first.id)
  world.request(e, second)
  world.run(among(e, b))
  const { accepted: ballot, value } = world.at(b).records.head(key)!
  const replay = { kind: 'replay', id: 1, key, ballot, value: { ...value, data: second.value.data } } as const
  world.hand(e, c, { ...replay, epoch: 1 })
  const after = viewOf(names, [e, c, d])
  const { owners } = after.partitions[0]!
  const partitions = [{ epoch: 2, stage: 'stable', owners, nextOwners: [] } as const]
  world.agree({ ...after, epoch: 2, partitions }, [a, b, c, e])
  // An owner without a move begins as one from the start.
  world.restart(d)
  world.hand(e, d, { ...replay, epoch: 2 })
  world.letters = []
  world.hand(e, d, { kind: 'request', id: 1, timeoutMs: 1_000, operation: writeOf(key, 10, second.id) })
  world.run(({ from, to, message }) => among(c, d)({ from, to }) && message.kind !== 'reply')
  world.pass(100)
  world.run(({ from, to, message }) => among(c, d)({ from, to }) && message.kind !== 'reply')
  world.letters = []
  world.request(e, writeOf(key, 20, second.id))
  drive(world, () => true, 10)
  const kinds = world.answers.map(answer => answer.kind).join(' ')
  return world.complaint ?? (kinds === 'written written moved' ? null : `answers: ${kinds}`)
}

/** All of `a b c` hold the first version. */
function started(): PureWorld {
  const world = new PureWorld(names, viewOf(names, [a, b, c]))
  world.request(a, first)
  drive(world, () => true, 2)
  return world
}

/** Delivers what may pass, then lets the next timer fire, so many times. */
function drive(world: PureWorld, mayPass: (letter: Letter) => boolean, timers: number): void {
  world.run(mayPass)
  for (let at = 0; at < timers; at++) {
    world.pass(100)
    world.run(mayPass)
  }
}

/** From the learn stage to the stable one, if the members say so; the others hear nothing. */
function move(world: PureWorld, told: readonly PeerId[]): boolean {
  while (world.view.partitions[0]!.stage !== 'stable') {
    drive(world, among(...told), 10)
    const next = nextView(world)
    if (next === null) return false
    world.agree(next, told)
  }
  drive(world, among(...told), 4)
  return true
}

/** Whatever comes of the move, a read afterwards has to find all that was acknowledged. */
function readAfterTheMove(world: PureWorld, told: readonly PeerId[], at = d): string | null {
  move(world, told)
  world.request(at, { kind: 'read', key })
  drive(world, () => true, 60)
  return world.complaint ?? (world.open > 0 ? 'a read is not answered' : null)
}

const among =
  (...peers: readonly PeerId[]) =>
  ({ from, to }: Pick<Letter, 'from' | 'to'>): boolean =>
    peers.includes(from) && peers.includes(to)
