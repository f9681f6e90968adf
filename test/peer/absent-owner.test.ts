// Goal: nobody waits long for an owner that is dead or silent, whatever the other owners say. Method: pure peers; time
// passes only where somebody waits for a timer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom, nextHlc } from '../../base/hlc.ts'
import type { PeerId } from '../../base/ids.ts'
import { defaultLimits } from '../../replication/limits.ts'
import { PureFleet } from './pure-fleet.ts'
import { a, b, c, d, everyone, keyAt, startView, writeChain, writeOf } from './small-fleet.ts'

const key = keyAt(0)
const { steadyMs, attemptMaxMs, resendMs } = defaultLimits

/** A fleet in which everybody has heard everybody for a while, and `a` may write the key in one round trip. */
function steadyFleet() {
  const fleet = new PureFleet(startView(), everyone)
  fleet.runFor(steadyMs * 2)
  let parent = writeChain(fleet, a, key, 1)
  /** Milliseconds until a write at `peer` is done. */
  const writtenIn = (peer: PeerId): number => {
    const fromMs = fleet.nowMs
    parent = writeChain(fleet, peer, key, 1, parent)
    return fleet.nowMs - fromMs
  }
  return { fleet, writtenIn, next: (peer: PeerId) => writeOf(fleet.newId(peer), key, parent) }
}

/** Somebody else has a promise of `b` by now, so it refuses the next ballot of `a`. */
function promiseElsewhere(fleet: PureFleet): void {
  const ballot = ballotFrom(nextHlc(fleet.at(d).hlc, fleet.wallMs + 1_000), 1)
  const message = { kind: 'prepare', id: 1, epoch: 1, key, ballot, withData: false } as const
  fleet.step(b, { kind: 'messageArrived', from: d, message })
}

const silence = (fleet: PureFleet, peer: PeerId) => {
  fleet.mayPass = ({ from, to }) => from !== peer && to !== peer
}

test('a ballot that one owner refuses is given up at once when another one is gone', () => {
  const { fleet, writtenIn } = steadyFleet()
  promiseElsewhere(fleet)
  fleet.cut(c)
  assert.equal(writtenIn(a), 0)
})

test('and that is so when the other one goes while the refusal is known', () => {
  const { fleet, next } = steadyFleet()
  promiseElsewhere(fleet)
  silence(fleet, c)
  const request = 77
  fleet.step(a, { kind: 'requested', request, operation: next(a), timeoutMs: 5_000 })
  const fromMs = fleet.nowMs
  fleet.runUntil(() => fleet.nowMs > fromMs)
  const told = () => fleet.at(a).outcomes.get(request)?.kind
  assert.equal(told(), undefined, 'it may still answer')
  fleet.cut(c)
  fleet.runUntil(() => told() !== undefined)
  assert.equal(told(), 'written')
  assert.ok(fleet.nowMs - fromMs < resendMs)
})

test('an owner that says nothing is waited for once', () => {
  const { fleet, writtenIn } = steadyFleet()
  promiseElsewhere(fleet)
  silence(fleet, c)
  assert.ok(writtenIn(a) <= resendMs * 1.5)
})

test('a write goes to the next owner when the first one falls silent, and later ones go there at once', () => {
  const { fleet, writtenIn } = steadyFleet()
  silence(fleet, a)
  assert.ok(writtenIn(d) <= attemptMaxMs / 4)
  assert.ok(writtenIn(d) <= defaultLimits.hedgeMs)
})

test('an owner that has only just connected is asked last', () => {
  const { fleet, next } = steadyFleet()
  fleet.step(d, { kind: 'peerLost', peer: a })
  fleet.step(d, { kind: 'peerConnected', peer: a })
  const firstAsked = () => {
    fleet.sent.length = 0
    fleet.do(d, next(d))
    return fleet.sent.find(({ message }) => message.kind === 'request')?.to
  }
  assert.equal(firstAsked(), b)
  fleet.runFor(steadyMs * 2)
  assert.equal(firstAsked(), a)
})
