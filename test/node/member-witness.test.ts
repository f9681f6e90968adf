// Goal: a member is on record when it answers with less than it acknowledged, or answers nothing while it is there, and an
// honest one never is. Method: what one peer sends and hears, by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ballotFrom, hlcFrom } from '../../base/hlc.ts'
import { type ContextKey, noBallot, type PeerId } from '../../base/ids.ts'
import { MemberWitness } from '../../node/member-witness.ts'
import type { PeerMessage } from '../../node/peer/fleet-messages.ts'

const self = 'self' as PeerId
const other = 'other' as PeerId
const key = 'k'.repeat(64) as ContextKey
const ballot = (ms: number) => ballotFrom(hlcFrom(1_800_000_000_000 + ms, 0, '00000001'), 1)
const value = null as unknown as Extract<PeerMessage, { kind: 'accept' }>['value']

function watched() {
  const time = { ms: 0 }
  const seen: string[] = []
  const witness = new MemberWitness({
    self,
    monotonicMs: () => time.ms,
    broken: (by, word, rule) => seen.push(`${by} ${word} ${rule}`),
  })
  return { time, seen, witness }
}

const accept = (id: number, at: number): PeerMessage => ({
  kind: 'accept',
  id,
  epoch: 1,
  key,
  ballot: ballot(at),
  value,
  next: noBallot,
})
const accepted = (id: number, granted = true): PeerMessage => ({
  kind: 'accepted',
  id,
  granted,
  nextGranted: false,
  promised: noBallot,
})
const query = (id: number): PeerMessage => ({ kind: 'query', id, epoch: 1, key, withData: false })
const report = (id: number, at: number | null, floor = noBallot): PeerMessage => ({
  kind: 'report',
  id,
  key,
  accepted: at === null ? noBallot : ballot(at),
  value: null,
  gcFloor: floor,
})
const beat: PeerMessage = { kind: 'beat', epoch: 1, reports: [] }

test('who answers with less than it acknowledged is on record, once', () => {
  const { seen, witness, time } = watched()
  witness.sent(other, accept(1, 5))
  witness.heard(other, accepted(1))
  witness.sent(other, query(2))
  witness.heard(other, report(2, 4))
  assert.deepEqual(seen, ['other older reads'])
  witness.heard(other, report(3, null))
  assert.equal(seen.length, 1)
  time.ms += 60_000
  witness.heard(other, report(4, null))
  assert.equal(seen.length, 2)
})

test('who was never told, was asked before, had it collected, or lost its part to others is not', () => {
  const { seen, witness } = watched()
  witness.heard(other, report(1, 4))
  witness.sent(other, query(2))
  witness.sent(other, accept(3, 5))
  witness.heard(other, report(2, 4))
  witness.heard(other, accepted(3))
  witness.heard(other, report(2, 4))
  witness.heard(other, report(4, null, ballot(5)))
  witness.heard(other, report(5, 6))
  witness.sent(other, accept(6, 7))
  witness.heard(other, accepted(6, false))
  witness.heard(other, report(7, 5))
  witness.viewAdopted()
  witness.heard(other, report(8, null))
  assert.deepEqual(seen, [])
})

test('who beats and takes no writes is on record, though it answers reads', () => {
  const { seen, witness, time } = watched()
  for (let n = 0; n < 20; n++) {
    witness.sent(other, accept(n, n))
    witness.sent(other, query(100 + n))
    witness.heard(other, report(100 + n, null))
    witness.heard(other, beat)
    time.ms += 1_000
  }
  assert.deepEqual(seen, ['other silent writes'])
})

test('who is slow, refuses, does not beat, or does not hear this peer is not', () => {
  const { seen, witness, time } = watched()
  const rounds = (each: (n: number) => void) => {
    for (let n = 0; n < 20; n++) {
      witness.sent(other, query(n))
      each(n)
      time.ms += 1_000
    }
    witness.viewAdopted()
  }
  rounds(n => {
    witness.heard(other, beat)
    if (n % 9 === 8) witness.heard(other, report(n, null))
  })
  rounds(n => {
    witness.heard(other, beat)
    witness.heard(other, { kind: 'refused', id: n, epoch: 1, reason: 'damaged' })
  })
  rounds(() => undefined)
  rounds(n => {
    witness.heard(other, beat)
    const suspected = [{ peer: self, forMs: 1_000 }]
    witness.heard(other, { kind: 'health', report: { sequence: n, suspected } })
  })
  assert.deepEqual(seen, [])
})
