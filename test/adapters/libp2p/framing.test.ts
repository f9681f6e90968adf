import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteQueue } from '../../../node/adapters/libp2p/byte-queue.ts'
import { heartbeat, nextArrival, OutgoingFrames } from '../../../node/adapters/libp2p/framing.ts'

const frameBytesMax = 4_096

function readAll(arrived: ByteQueue): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (;;) {
    const arrival = nextArrival(arrived, frameBytesMax)
    if (arrival.kind === 'frame') frames.push(arrival.frame)
    else if (arrival.kind !== 'heartbeat') return frames
  }
}

const cutUp = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((place, at) => bytes.subarray(places[at], place))
}

// Goal: frames survive any way of cutting the bytes up. Method: random frames, writes of random size, random
// pieces on arrival, as one piece or as lists.
test('frames come out as they went in, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }),
      fc.integer({ min: 4, max: 500 }),
      fc.array(fc.nat(20_000), { maxLength: 20 }),
      fc.boolean(),
      (frames, writeBytesMax, cuts, asList) => {
        const outgoing = new OutgoingFrames()
        for (const frame of frames) outgoing.push(frame)
        const waiting = outgoing.length
        const writes: Uint8Array[] = []
        while (outgoing.length > 0) writes.push(outgoing.nextWrite(writeBytesMax))
        assert.ok(writes.every(write => write.length > 0 && write.length <= writeBytesMax))
        const bytes = new Uint8Array(Buffer.concat(writes))
        assert.equal(bytes.length, waiting)

        const arrived = new ByteQueue()
        const seen: Uint8Array[] = []
        for (const piece of cutUp(bytes, cuts)) {
          arrived.push(asList ? [piece, new Uint8Array(0)] : piece)
          seen.push(...readAll(arrived))
        }
        assert.deepEqual(seen, frames)
        assert.equal(arrived.length, 0)
      },
    ),
  )
})

// Goal: a frame belongs to its receiver. Method: change the bytes that it came from.
test('a frame is a copy', () => {
  const arrived = new ByteQueue()
  const bytes = new Uint8Array([0, 0, 0, 1, 5])
  arrived.push(bytes)
  const [frame] = readAll(arrived)
  bytes[4] = 9
  assert.deepEqual(frame, new Uint8Array([5]))
})

// Goal: a claim alone costs nothing. Method: lengths above the cap, and below it without a body.
test('a length above the cap is refused before its bytes arrive', () => {
  const arrived = new ByteQueue()
  arrived.push(new Uint8Array([0, 0, 16, 1]))
  assert.deepEqual(nextArrival(arrived, frameBytesMax), { kind: 'oversize', length: 4_097 })
  const short = new ByteQueue()
  short.push(new Uint8Array([0, 0, 16, 0, 1, 2]))
  assert.deepEqual(nextArrival(short, frameBytesMax), { kind: 'partial' })
})

// Goal: the pulse is no frame. Method: heartbeats between frames.
test('heartbeats leave no frame', () => {
  const arrived = new ByteQueue()
  arrived.push([heartbeat, new Uint8Array([0, 0, 0, 0]), heartbeat, heartbeat])
  assert.deepEqual(readAll(arrived), [new Uint8Array(0)])
})
