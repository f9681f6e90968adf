// Goal: whatever is done to a copy of a log, the verifier names the first broken entry. Method: a log as a peer writes
// it, and every attack on its files that the issue of a log can meet: each byte flipped, entries and segments dropped,
// swapped, put in from another peer, the chain made anew, the tail cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameBytes } from '../../../base/bytes.ts'
import { firstLink, hashBytes } from '../../../crypto/audit/chain.ts'
import { checkpointBytes, encodeCheckpoint, openCheckpoint } from '../../../crypto/audit/checkpoint.ts'
import {
  encodeHeader,
  readRecord,
  recordBytesMax,
  segmentName,
  writeRecord,
} from '../../../crypto/audit/segment.ts'
import { decision, entryAt, fleet, type Log, newIdentity, newLog, type Segment, verify } from './logs.ts'

const identity = await newIdentity()
const other = await newIdentity()
const count = 23
const log = newLog(identity, count)
const copy = (of: Log = log): Segment[] =>
  of.segments.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes) }))
const record = (seq: number, of: Log = log): Buffer => {
  const { segment, at, end } = of.places[seq]!
  return of.segments[segment]!.bytes.subarray(at, end)
}

test('a whole log is whole, and says how far it is signed', () => {
  const report = verify(copy(), { held: log.checkpoints, peer: identity.peerId })
  assert.deepEqual(
    { ...report, lastHlc: null },
    {
      peer: identity.peerId,
      fleet,
      firstSeq: 1,
      lastSeq: count,
      lastHlc: null,
      signedTo: 19,
      checkpoints: 4,
      heldMatched: 4,
      heldTooOld: 0,
      tornBytes: 0,
      lost: 0,
      broken: null,
    },
  )
})

test('any byte flipped is found, and its entry named', () => {
  for (const [place, { bytes }] of log.segments.entries()) {
    for (let at = 0; at < bytes.length; at++) {
      const segments = copy()
      segments[place]!.bytes[at]! ^= 1 << (at % 8)
      const { broken } = verify(segments, { peer: identity.peerId })
      const where = `byte ${at} of ${segments[place]!.name}`
      assert.ok(broken, where)
      // The hash in front of a segment is that of the entry before: the first entry that does not fit is the first in it.
      assert.equal(broken.seq, entryAt(log, place, at), `${where}: ${broken.detail}`)
    }
  }
})

test('a flipped byte within an entry is a change, not a loss', () => {
  const { segment, at } = log.places[3]!
  for (const offset of [0, 3, 4, 5, 12, 13, 30, 60]) {
    const segments = copy()
    segments[segment]!.bytes[at + offset]! ^= 4
    assert.equal(verify(segments).broken?.what, 'changed', `offset ${offset}`)
  }
})

test('an entry left out is missing', () => {
  for (let seq = 1; seq < count; seq++) {
    const { segment, at, end } = log.places[seq]!
    const segments = copy()
    const { bytes } = segments[segment]!
    segments[segment]!.bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    const { broken } = verify(segments)
    assert.deepEqual([broken?.seq, broken?.what], [seq, 'missing'])
  }
})

test('two entries that changed places are reordered', () => {
  for (const seq of [1, 2, 5, 11, 18]) {
    const { segment, at } = log.places[seq]!
    const { end } = log.places[seq + 1]!
    const segments = copy()
    const { bytes } = segments[segment]!
    segments[segment]!.bytes = Buffer.concat([
      bytes.subarray(0, at),
      record(seq + 1),
      record(seq),
      bytes.subarray(end),
    ])
    const { broken } = verify(segments)
    assert.deepEqual([broken?.seq, broken?.what], [seq, 'reordered'])
  }
})

test('an entry put in twice is reordered', () => {
  const { segment, end } = log.places[4]!
  const segments = copy()
  const { bytes } = segments[segment]!
  segments[segment]!.bytes = Buffer.concat([bytes.subarray(0, end), record(4), bytes.subarray(end)])
  assert.deepEqual([verify(segments).broken?.seq, verify(segments).broken?.what], [5, 'reordered'])
})

test('a tail cut off shows by a checkpoint that somebody else holds, and by nothing else', () => {
  const held = log.checkpoints
  for (let last = 1; last < 19; last++) {
    const { segment, end } = log.places[last]!
    const segments = copy().slice(0, segment + 1)
    segments[segment]!.bytes = segments[segment]!.bytes.subarray(0, end)
    assert.equal(verify(segments).broken, null)
    const { broken } = verify(segments, { held })
    assert.deepEqual([broken?.seq, broken?.what], [last + 1, 'cut'])
  }
})

test('an unfinished entry at the end is a crash, elsewhere it is a break', () => {
  const { segment, at, end } = log.places[count]!
  for (let cutAt = at + 1; cutAt < end; cutAt++) {
    const segments = copy()
    segments[segment]!.bytes = segments[segment]!.bytes.subarray(0, cutAt)
    const report = verify(segments)
    assert.deepEqual([report.broken, report.lastSeq, report.tornBytes], [null, count - 1, cutAt - at])
  }
  const padded = copy()
  padded[segment]!.bytes = Buffer.concat([padded[segment]!.bytes, Buffer.alloc(512)])
  assert.deepEqual([verify(padded).broken, verify(padded).tornBytes], [null, 512])
  const segments = copy()
  segments[0]!.bytes = segments[0]!.bytes.subarray(0, -7)
  assert.deepEqual([verify(segments).broken?.seq, verify(segments).broken?.what], [8, 'changed'])
})

test('a segment that is gone, doubled, or in the place of another is found', () => {
  const gone = copy().toSpliced(1, 1)
  assert.deepEqual([verify(gone).broken?.seq, verify(gone).broken?.what], [9, 'missing'])
  const swapped = copy()
  const [second, third] = [swapped[1]!.bytes, swapped[2]!.bytes]
  swapped[1]!.bytes = third
  swapped[2]!.bytes = second
  assert.deepEqual([verify(swapped).broken?.seq, verify(swapped).broken?.what], [9, 'reordered'])
  const first = copy().slice(1)
  assert.deepEqual([verify(first).broken?.seq, verify(first).broken?.what], [1, 'missing'])
})

test("another peer's files are foreign, one of them or all", () => {
  const theirs = newLog(other, count)
  const one = copy()
  one[1]!.bytes = Buffer.from(theirs.segments[1]!.bytes)
  assert.deepEqual([verify(one).broken?.seq, verify(one).broken?.what], [9, 'foreign'])
  const { broken } = verify(copy(theirs), { peer: identity.peerId })
  assert.deepEqual([broken?.seq, broken?.what], [1, 'foreign'])
  // An entry of theirs in our segment.
  const { segment, at, end } = log.places[3]!
  const mixed = copy()
  const { bytes } = mixed[segment]!
  mixed[segment]!.bytes = Buffer.concat([bytes.subarray(0, at), record(3, theirs), bytes.subarray(end)])
  assert.deepEqual([verify(mixed).broken?.seq, verify(mixed).broken?.what], [3, 'changed'])
})

/** The log with one entry changed and everything after it chained anew, by somebody without the peer's key. */
function rechained(changed: number, dropCheckpoints: boolean): Segment[] {
  const { publicKey } = identity
  let previous: Uint8Array = firstLink(fleet, publicKey)
  const segments: Segment[] = []
  let seq = 0
  for (let old = 1; old <= count; old++) {
    const { segment, at } = log.places[old]!
    const found = readRecord(log.segments[segment]!.bytes, at, new Uint8Array(0))
    assert.ok(found.kind === 'entry')
    if (dropCheckpoints && old > changed && found.entry.event.kind === 'checkpoint') continue
    seq += 1
    if (segments.length <= segment) {
      const header = encodeHeader({ fleet, publicKey, firstSeq: seq, previous })
      segments.push({ name: segmentName(seq), bytes: header })
    }
    const event = old === changed ? decision(old, { subject: 'token:somebody-else' }) : found.entry.event
    const scratch = Buffer.alloc(hashBytes + recordBytesMax)
    scratch.set(previous)
    const end = writeRecord(scratch, hashBytes, { ...found.entry, seq, event })
    segments.at(-1)!.bytes = Buffer.concat([segments.at(-1)!.bytes, scratch.subarray(hashBytes, end)])
    previous = Uint8Array.from(scratch.subarray(end - hashBytes, end))
  }
  return segments
}

test('a chain made anew breaks at the next signature', () => {
  const { broken } = verify(rechained(7, false))
  assert.deepEqual([broken?.seq, broken?.what], [5, 'forged'])
})

test('without its signatures a chain made anew is signed no further, and does not fit what others hold', () => {
  const segments = rechained(7, true)
  const alone = verify(segments)
  assert.deepEqual([alone.broken, alone.signedTo], [null, 4])
  const { broken } = verify(segments, { held: log.checkpoints })
  assert.deepEqual([broken?.seq, broken?.what], [5, 'rewritten'])
})

test('a checkpoint opens whole and signed, or not at all', () => {
  const bytes = encodeCheckpoint(log.checkpoints[0]!, identity.publicKey)
  assert.equal(bytes.length, checkpointBytes)
  const opened = openCheckpoint(bytes)
  assert.ok(opened && sameBytes(opened.hash, log.checkpoints[0]!.hash))
  assert.equal(opened.peer, identity.peerId)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1 << (at % 8)
    assert.equal(openCheckpoint(changed), null, `byte ${at}`)
  }
  assert.equal(openCheckpoint(bytes.subarray(1)), null)
  assert.equal(openCheckpoint(encodeCheckpoint(log.checkpoints[0]!, other.publicKey)), null)
})

test('checkpoints of another peer or fleet say nothing about this log', () => {
  const theirs = newLog(other, 60).checkpoints
  const elsewhere = newLog(identity, 60, 8, 'cd'.repeat(32) as typeof fleet).checkpoints
  const report = verify(copy(), { held: [...theirs, ...elsewhere] })
  assert.deepEqual([report.broken, report.heldMatched], [null, 0])
})

test('a log that began later is whole only if it says itself that its start was let go', () => {
  const late = copy().slice(1)
  assert.equal(verify(late).broken?.what, 'missing')
  const bytes = late.at(-1)!.bytes
  const previous = bytes.subarray(bytes.length - hashBytes)
  const scratch = Buffer.alloc(hashBytes + recordBytesMax)
  scratch.set(previous)
  const hlc = 'f'.repeat(24) as never
  const end = writeRecord(scratch, hashBytes, { seq: count + 1, hlc, event: { kind: 'trimmed', upTo: 8 } })
  late.at(-1)!.bytes = Buffer.concat([bytes, scratch.subarray(hashBytes, end)])
  const report = verify(late, { held: log.checkpoints })
  assert.deepEqual([report.broken, report.firstSeq, report.heldTooOld], [null, 9, 1])
  const later = late.slice(1)
  assert.deepEqual([verify(later).broken?.seq, verify(later).broken?.what], [9, 'missing'])
})
