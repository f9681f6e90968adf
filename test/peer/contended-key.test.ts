// Goal: of many that write one address without naming a version, each comes to its turn. Method: pure peers; whose write
// is sealed over what is told through the operations that they ask for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeHlc } from '../../base/hlc.ts'
import type { PeerId, Version } from '../../base/ids.ts'
import { defaultLimits } from '../../replication/limits.ts'
import type { WriteOperation } from '../../replication/messages.ts'
import { PureFleet } from './pure-fleet.ts'
import { a, b, c, d, e, everyone, keyAt, startView, writeChain, writeOf } from './small-fleet.ts'

const key = keyAt(0)
const { steadyMs, turnMs } = defaultLimits

/** A fleet in which `a` coordinates the writes of the key, and what stands was written by somebody else than `d` and `e`. */
function contended() {
  const fleet = new PureFleet(startView(), everyone)
  fleet.runFor(steadyMs * 2)
  const stands = writeChain(fleet, b, key, 2)
  let requests = 100
  /** Asks at `peer` for a write; the function returned says how it ended, undefined while it has not. */
  const ask = (peer: PeerId, operation: WriteOperation) => {
    requests += 1
    const request = requests
    fleet.step(peer, { kind: 'requested', request, operation, timeoutMs: 5_000 })
    return () => fleet.at(peer).outcomes.get(request)
  }
  const over = (peer: PeerId, parent: Version | null) => {
    if (parent !== null) mergeHlc(fleet.at(peer).hlc, parent, fleet.wallMs, 1_000)
    return writeOf(fleet.newId(peer), key, parent)
  }
  return { fleet, stands, ask, over, settle: () => fleet.deliver() }
}

test('who was told to seal again keeps its place before those who came later', () => {
  const { fleet, stands, ask, over, settle } = contended()
  const told = ask(d, over(d, null))
  settle()
  assert.equal(told()?.kind, 'moved')
  const later = ask(e, over(e, stands))
  settle()
  assert.equal(later(), undefined, 'it waits, though nothing is under way')
  const sealedAgain = over(d, stands)
  const again = ask(d, sealedAgain)
  settle()
  assert.equal(again()?.kind, 'written')
  assert.deepEqual(later()?.kind === 'moved' && later(), {
    kind: 'moved',
    current: sealedAgain.id,
    live: true,
    floor: sealedAgain.id,
  })
  assert.equal(fleet.do(e, over(e, sealedAgain.id)).kind, 'written')
})

test('a writer that does not come again is not waited for any longer', () => {
  const { fleet, stands, ask, over, settle } = contended()
  const told = ask(d, over(d, null))
  settle()
  assert.equal(told()?.kind, 'moved')
  const later = ask(e, over(e, stands))
  const fromMs = fleet.nowMs
  fleet.runUntil(() => later() !== undefined)
  assert.equal(later()?.kind, 'written')
  assert.ok(fleet.nowMs - fromMs <= turnMs)
})

test('a read that has to write back waits for nobody', () => {
  const { fleet, ask, over, settle } = contended()
  ask(d, over(d, null))
  settle()
  const fromMs = fleet.nowMs
  assert.equal(fleet.do(a, { kind: 'read', key }).kind, 'found')
  assert.equal(fleet.nowMs, fromMs)
})

test('the next writer hears what it will find while that is still being accepted, and its write follows at once', () => {
  const { fleet, stands, ask, over, settle } = contended()
  fleet.mayPass = ({ message }) => message.kind !== 'accepted'
  const first = over(d, stands)
  const firstTold = ask(d, first)
  const secondTold = ask(e, over(e, stands))
  settle()
  assert.equal(firstTold(), undefined)
  const told = secondTold()
  assert.equal(told?.kind === 'moved' && told.current, first.id)
  const again = ask(e, over(e, first.id))
  settle()
  assert.equal(again(), undefined)
  fleet.mayPass = () => true
  fleet.runUntil(() => again() !== undefined)
  assert.equal(firstTold()?.kind, 'written')
  assert.equal(again()?.kind, 'written')
})

test('a write that may be carried out already is not told that it never will be', () => {
  const { fleet, stands, ask, over, settle } = contended()
  fleet.mayPass = ({ message }) => message.kind !== 'accepted'
  ask(d, over(d, stands))
  const second = ask(e, { ...over(e, stands), attempt: 2 })
  settle()
  assert.equal(second(), undefined)
})

test('however many write, nobody has to seal again more than once', () => {
  const { stands, ask, over, settle } = contended()
  const writers = [b, c, d, e].map(peer => ({ peer, seals: 0, told: ask(peer, over(peer, stands)) }))
  const isWritten = (writer: (typeof writers)[number]) => writer.told()?.kind === 'written'
  for (let rounds = 0; rounds < 20 && !writers.every(isWritten); rounds++) {
    settle()
    for (const writer of writers) {
      const outcome = writer.told()
      if (outcome?.kind !== 'moved') continue
      writer.seals += 1
      writer.told = ask(writer.peer, over(writer.peer, outcome.current))
    }
  }
  assert.ok(writers.every(isWritten))
  assert.ok(writers.every(({ seals }) => seals <= 1))
})
