import type { Ballot, PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import type { WriteOperation } from '../../replication/messages.ts'
import { a, b, c, d, judged, key, names, viewOf, writeOf } from './schedule-parts.ts'
import { Stage } from './stage.ts'

/** Exact schedules of rule 9 on the pure peers; as those of directed.ts. */
export const collectionSchedules: Readonly<Record<string, () => string | null>> = {
  acceptAfterCollection,
  promiseBeforeGather,
  promiseAfterGather,
  missedDelete,
  movingCollection,
  lostCollection,
}

const graceMs = 1_000

/** Longer than the grace, in which nothing is promised. */
function passGrace(stage: Stage): void {
  stage.pass(graceMs + 100)
  stage.deliver()
}

/** A live value and its tombstone, which all three hold; `first` and what it was accepted under may come again late. */
function deleted(): { stage: Stage; first: WriteOperation; late: ReturnType<typeof acceptOf> } {
  const stage = new Stage(names, viewOf(1, [a, b, c]), { collectAfterMs: graceMs })
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver()
  const late = acceptOf(stage)
  stage.request(d, a, writeOf(2, first.id, 'tombstone'))
  stage.deliver()
  return { stage, first, late }
}

/** A read at `reader`, which hears nothing of `silent`. */
function readWithout(stage: Stage, silent: PeerId, reader: PeerId, asker: PeerId): void {
  const heard = ({ from, to }: { from: PeerId; to: PeerId }) => from !== silent && to !== silent
  stage.request(asker, reader, { kind: 'read', key })
  stage.hedge()
  stage.deliver(heard)
  const { id, epoch } = stage.last('query')
  stage.hand(silent, reader, { kind: 'refused', id, epoch, reason: 'damaged' })
  for (let ms = 0; ms < 1_000; ms += 100) {
    stage.deliver(heard)
    stage.pass(100)
  }
}

const acceptOf = (stage: Stage) => stage.last('accept')

function collect(stage: Stage): void {
  stage.carryOut(a, { kind: 'collect', partition: viewPartition, token: 1 })
}

const viewPartition = 0 as Parameters<Stage['carryOut']>[1]['partition']

const holders = (stage: Stage): string => [a, b, c].filter(peer => stage.head(peer, key) !== null).join(' ')

/** Rule 9. An accept of the deleted value arrives after the tombstone was collected everywhere: it must stay deleted. */
function acceptAfterCollection(): string | null {
  const { stage, late } = deleted()
  passGrace(stage)
  collect(stage)
  stage.deliver()
  if (holders(stage) !== '') return `${holders(stage)} did not collect`
  stage.hand(a, c, late)
  stage.deliver()
  readWithout(stage, b, c, d)
  return judged(stage, 'written written absent')
}

/**
 * Rule 9. Everybody promises a high ballot before the gathering, and forgets that with the key. The floor is the highest
 * of these promises, so a ballot below them is refused after the collection as it was before.
 */
function promiseBeforeGather(): string | null {
  const { stage, late } = deleted()
  stage.pass(50)
  const [low, high] = [laterBallot(late.ballot, 20), laterBallot(late.ballot, 40)]
  stage.hand(c, b, { ...prepareOf(late), ballot: high, id: 7 })
  stage.deliver()
  passGrace(stage)
  collect(stage)
  stage.deliver()
  if (holders(stage) !== '') return `${holders(stage)} did not collect`
  stage.hand(c, b, { ...prepareOf(late), ballot: low, id: 8 })
  return stage.last('promise').granted ? 'b promises less than it had promised before' : null
}

/** Rule 9. `b` promises a high ballot between the gathering and the drop, which it must refuse for that. */
function promiseAfterGather(): string | null {
  const { stage, late } = deleted()
  passGrace(stage)
  const [low, high] = [laterBallot(late.ballot, graceMs - 200), laterBallot(late.ballot, graceMs)]
  collect(stage)
  stage.deliver(({ message }) => message.kind !== 'collect')
  const order = stage.last('collect')
  stage.hand(c, b, { ...prepareOf(late), ballot: high, id: 7 })
  if (!stage.last('promise').granted) return 'b did not promise'
  stage.hand(a, b, order)
  stage.deliver()
  stage.hand(c, b, { ...prepareOf(late), ballot: low, id: 8 })
  return stage.last('promise').granted ? 'b promises less than it had promised before' : null
}

/** Rule 9. `c` missed the delete and is away: as long as it may hold what was deleted, the others must keep the tombstone. */
function missedDelete(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]), { collectAfterMs: graceMs })
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver()
  const withoutC = ({ from, to }: { from: PeerId; to: PeerId }) => from !== c && to !== c
  stage.request(d, a, writeOf(2, first.id, 'tombstone'))
  stage.deliver(withoutC)
  stage.pass(graceMs + 100)
  stage.deliver(withoutC)
  collect(stage)
  for (let ms = 0; ms < 4_000; ms += 200) {
    stage.deliver(withoutC)
    stage.pass(200)
  }
  stage.request(d, c, { kind: 'read', key })
  stage.hedge()
  stage.deliver(({ from, to }) => from !== b && to !== b)
  stage.settle()
  const last = stage.answers.at(-1)
  if (last?.kind === 'found' && last.value.version === first.id) return 'what was deleted is read again'
  return judged(stage, 'written written found')
}

/**
 * Rule 9. `d` comes in and has what is deleted later, when its messages are lost. Collected by the owners before it votes,
 * the delete would be undone by its vote.
 */
function movingCollection(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]), { collectAfterMs: graceMs })
  for (const peer of names) stage.adopt(peer, moving(2, 'learn'))
  // What the owners had promised before binds d too; it accepts when that is past.
  for (let times = 0; times < 10; times++) stage.settle()
  const first = writeOf(1, null)
  stage.request(b, a, first)
  stage.deliver()
  if (stage.head(d, key) === null) return 'd did not copy'
  const withoutD = ({ from, to }: { from: PeerId; to: PeerId }) => from !== d && to !== d
  stage.request(b, a, writeOf(2, first.id, 'tombstone'))
  stage.deliver(withoutD)
  stage.pass(graceMs + 100)
  stage.deliver(withoutD)
  collect(stage)
  for (let ms = 0; ms < 4_000; ms += 200) {
    stage.deliver(withoutD)
    stage.pass(200)
  }
  for (const peer of names) stage.adopt(peer, moving(3, 'joint'))
  stage.settle()
  for (const peer of names) stage.adopt(peer, { ...viewOf(4, [d, b, c]), partitions: [stableD] })
  stage.settle()
  readWithout(stage, b, d, a)
  const last = stage.answers.at(-1)
  if (last?.kind === 'found' && last.value.version === first.id) return 'what was deleted is read again'
  return stage.complaints[0] ?? null
}

/**
 * Rule 9. The disk of `c` loses its tail: with it go the delete and its collection, and what was deleted is there again. The
 * others know nothing of the key; before it votes, `c` must find out that there is nothing to vote for.
 */
function lostCollection(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]), { collectAfterMs: graceMs })
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver()
  const loseTail = stage.remember(c)
  stage.request(d, a, writeOf(2, first.id, 'tombstone'))
  stage.deliver()
  passGrace(stage)
  collect(stage)
  stage.deliver()
  if (holders(stage) !== '') return `${holders(stage)} did not collect`
  loseTail()
  for (let times = 0; times < 20; times++) stage.settle()
  readWithout(stage, b, c, d)
  return judged(stage, 'written written absent')
}

const stableD = { epoch: 4, stage: 'stable', owners: [d, b, c], nextOwners: [], entered: { [d]: 2 } } as const

function moving(epoch: number, stage: 'learn' | 'joint'): View {
  const assignment = { epoch, stage, owners: [a, b, c], nextOwners: [d, b, c], entered: { [d]: 2 } }
  return { ...viewOf(epoch, [a, b, c]), partitions: [assignment] }
}

/** A ballot so many milliseconds later than another. */
const laterBallot = (ballot: Ballot, byMs: number): Ballot =>
  ((Number.parseInt(ballot.slice(0, 12), 16) + byMs).toString(16).padStart(12, '0') +
    ballot.slice(12)) as Ballot

const prepareOf = ({ epoch }: { epoch: number }) =>
  ({ kind: 'prepare', epoch, key, withData: false }) as const
