// Goal: a busy peer looks at what is due. Method: a pure peer that has to take a partition over at once and takes an input
// every millisecond meanwhile, as under load.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PureFleet } from './pure-fleet.ts'
import { a, b, d, everyone, learning, startView } from './small-fleet.ts'

test('a timer that is armed is not put off by whatever comes in before', () => {
  const fleet = new PureFleet(startView(), everyone)
  const comer = fleet.at(d)
  fleet.runFor(50)
  fleet.runUntil(() => comer.armedMs > fleet.nowMs + 50)
  const view = learning(startView(), [a, b, d])
  fleet.tellAll(view, [d])
  fleet.runUntil(() => comer.peer.view() === view, 10)
  assert.ok(comer.armedMs > fleet.nowMs && comer.armedMs <= fleet.nowMs + 10, 'something is due at once')
  for (let ms = 0; ms < 20 && comer.armedMs > fleet.nowMs; ms++) {
    fleet.nowMs += 1
    fleet.step(d, { kind: 'peerConnected', peer: b })
  }
  assert.ok(comer.armedMs <= fleet.nowMs, 'the timer has come')
})
