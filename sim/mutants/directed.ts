import { bootTag, newClock, nextHlc } from '../../base/hlc.ts'
import { defaultLimits } from '../../replication/limits.ts'
import { recentOpsMax, type WriteOperation } from '../../replication/messages.ts'
import { writeOperation } from '../envelope.ts'
import { collectionSchedules } from './collection-schedules.ts'
import { a, b, c, d, judged, key, names, viewOf, writeOf } from './schedule-parts.ts'
import { askedForMs, Stage, stageStartMs } from './stage.ts'

/**
 * Exact schedules on the pure peers. Each returns null when the rules hold in it, else what went wrong; a mutant
 * that breaks the rule must make it speak.
 */
export const directedSchedules: Readonly<Record<string, () => string | null>> = {
  unconfirmedRefusal,
  unconfirmedRead,
  lostCeilingUnasked: () => lostCeiling(false),
  lostCeilingAsked: () => lostCeiling(true),
  ungrantedNext,
  formerBoot,
  sameMoment,
  lostAccept,
  leftWindow,
  ...collectionSchedules,
}

/**
 * Rule 4. The second version is held by `c` alone. `b` meets it and has to refuse a write that expects the first: it
 * must not say so before a majority holds what it says stands.
 */
function unconfirmedRefusal(): string | null {
  const { stage, first } = heldByOne()
  stage.request(d, b, { ...writeOf(3, first.id), expect: first.id })
  stage.hedge()
  stage.deliver(({ from, to }) => from !== a && to !== a)
  return judged(stage, 'written unknown conflict')
}

/** Rule 7. The second version is held by `c` alone, and `a` cannot tell. Whoever reads it at `b` must find it from then on. */
function unconfirmedRead(): string | null {
  const { stage } = heldByOne()
  stage.request(d, b, { kind: 'read', key })
  stage.hedge()
  stage.deliver(({ from, to }) => from !== a && to !== a)
  stage.hand(a, b, { kind: 'refused', id: stage.last('query').id, epoch: 1, reason: 'damaged' })
  stage.deliver(({ from, to }) => from !== a && to !== a)
  return judged(stage, 'written unknown found')
}

/** A first version that all hold, and a second one that only `c`, its proposer, accepted. */
function heldByOne(): { stage: Stage; first: WriteOperation } {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver()
  stage.pass(50)
  stage.request(d, c, writeOf(2, first.id))
  stage.deliver(({ message }) => message.kind !== 'accept')
  stage.pass(askedForMs)
  stage.deliver(({ message }) => message.kind === 'reply')
  return { stage, first }
}

/**
 * Rule 3. `b` and `c` hold the second version; then the disk of `c` loses everything, its ceiling too, and its clock
 * runs back, so that by the clock the first version looks like news. It must not take that, before it asked the others
 * what they have met, nor after: with `a` it would be a majority. Seed 3016464 found it.
 */
function lostCeiling(isAsked: boolean): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  const loseAll = stage.remember(c)
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver()
  const { ballot, value } = stage.last('accept')
  stage.pass(50)
  stage.request(d, b, writeOf(2, first.id))
  stage.hedge()
  stage.deliver(({ from, to }) => from !== a && to !== a)
  stage.setBehind(c, defaultLimits.ballotDriftMaxMs * 2)
  loseAll()
  stage.deliver(({ message }) => isAsked && ['floorsAsked', 'floors'].includes(message.kind))
  stage.setBehind(c, 0)
  stage.hand(a, c, { kind: 'replay', id: 1, epoch: 1, key, ballot, value })
  stage.request(d, a, writeOf(3, first.id))
  for (let ms = 0; ms < askedForMs; ms += 100) {
    stage.deliver(({ from, to }) => from !== b && to !== b)
    stage.pass(100)
  }
  stage.deliver(({ message }) => message.kind === 'reply')
  return judged(stage, 'written written unknown')
}

/**
 * Rule 6. `b` accepts the first version and grants `next`, but says so into the void; then it promises a higher ballot to
 * `c`. Asked again it acknowledges again, and does not grant: `a` has a majority for its version and none for its
 * next ballot, and must not propose under it. Agreement itself survives this mutant, as whoever acknowledged accepts
 * nothing between the two ballots; so the schedule looks at who granted what.
 */
function ungrantedNext(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver(
    ({ from, to, message }) =>
      [from, to].includes(a) &&
      to !== d &&
      (from === a || message.kind === 'promise') &&
      (to === b || message.kind !== 'accept'),
  )
  stage.pass(50)
  stage.request(d, c, writeOf(2, null))
  stage.hedge()
  stage.deliver(({ to, message }) => to === b && message.kind === 'prepare')
  stage.pass(400)
  stage.deliver(
    ({ from, to, message }) =>
      message.kind === 'reply' || (from === a && to === b) || (from === b && to === a),
  )
  stage.request(d, a, writeOf(3, first.id))
  stage.settle()
  return judged(stage, 'written written moved')
}

/**
 * Rule 5. `a` prepares, dies and prepares again in its next boot. What the others promised to the first of the two
 * questions must not count for the second: they are about different ballots. Seed 132 found it.
 */
function formerBoot(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  stage.request(d, a, writeOf(1, null))
  stage.deliver(() => false)
  const prepare = stage.last('prepare')
  stage.restart(a)
  stage.acquaint()
  stage.request(d, a, writeOf(2, null))
  stage.deliver(() => false)
  for (const to of [b, c]) stage.hand(a, to, prepare)
  stage.deliver(({ to }) => to === a)
  stage.settle()
  return judged(stage, 'written')
}

/**
 * Rule 5. `d` writes, starts again with its clock back at that moment, and writes without having met its first version.
 * It must be told that this one stands, and not what became of its first write. Seeds 5158 and 5945 found it.
 */
function sameMoment(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  for (const boot of [1, 2]) {
    const version = nextHlc(newClock(bootTag('00000f', boot)), stageStartMs - 1_000)
    const write = { key, version, parent: null, kind: 'live', expiresAtMs: 0 } as const
    stage.request(d, a, writeOperation(write, `boot ${boot}`))
    stage.deliver()
  }
  return judged(stage, 'written moved')
}

/**
 * Rule 5. `a` uses its next ballot for a second version; only `a` itself accepts it. The ballot is burnt: a third
 * write must not carry another value under it.
 */
function lostAccept(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  const first = writeOf(1, null)
  stage.request(d, a, first)
  stage.deliver()
  stage.request(d, a, writeOf(2, first.id))
  stage.deliver(() => false)
  stage.pass(1_100)
  stage.deliver(({ message }) => message.kind === 'reply')
  stage.request(d, a, writeOf(3, first.id))
  stage.deliver()
  stage.pass(500)
  stage.deliver()
  return judged(stage, 'written unknown moved')
}

/** Rule 5. A write whose id has left the window of recent operations was carried out: nobody may be told otherwise. */
function leftWindow(): string | null {
  const stage = new Stage(names, viewOf(1, [a, b, c]))
  const writes: WriteOperation[] = []
  for (let number = 1; number <= recentOpsMax + 2; number++) {
    const write = writeOf(number, writes.at(-1)?.id ?? null)
    writes.push(write)
    stage.request(d, a, write)
    stage.deliver()
  }
  stage.request(d, b, { ...writes[0]!, attempt: 2 })
  stage.deliver()
  const last = stage.answers.at(-1)?.kind
  return stage.complaints[0] ?? (last === 'unknown' ? null : `the late duplicate is answered ${last}`)
}
