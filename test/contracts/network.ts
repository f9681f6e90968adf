import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import type { PeerId } from '../../base/ids.ts'
import { seeded } from '../../base/random.ts'
import type { Network, NetworkListener } from '../../node/ports/ports.ts'

/** Peers that are members of one fleet, none listening yet. A simulated network fits as well as a real one. */
export type NetworkFleet = {
  readonly ids: readonly PeerId[]
  /** The network of peer `i`; another one after `restart(i)`. */
  network(i: number): Network
  /** Nothing passes between the two from now on. */
  cut(a: number, b: number): void
  heal(a: number, b: number): void
  /** The process of peer `i` dies without a word and comes back; its new network has not listened yet. */
  restart(i: number): Promise<void>
  /** Lets time pass until `holds()` is true; rejects, naming `what`, when it does not become true in time. */
  until(holds: () => boolean, what: string): Promise<void>
  stop(): Promise<void>
}

/** Listens, and holds the rules that are true at every moment. */
class Recorder implements NetworkListener {
  readonly connected = new Set<PeerId>()
  readonly frames: { from: PeerId; frame: Uint8Array }[] = []
  readonly history: string[] = []
  readonly broken: string[] = []
  sending = false

  frameArrived(from: PeerId, frame: Uint8Array): void {
    this.check(this.connected.has(from), `a frame from ${from}, who is not connected`)
    this.frames.push({ from, frame })
  }

  peerConnected(peer: PeerId): void {
    this.check(!this.connected.has(peer), `${peer} connected twice`)
    this.connected.add(peer)
    this.history.push(`connected ${peer}`)
  }

  peerLost(peer: PeerId): void {
    this.check(this.connected.has(peer), `${peer} lost without having been connected`)
    this.connected.delete(peer)
    this.history.push(`lost ${peer}`)
  }

  from(peer: PeerId): Uint8Array[] {
    return this.frames.filter(entry => entry.from === peer).map(entry => entry.frame)
  }

  private check(holds: boolean, what: string): void {
    if (!holds) this.broken.push(what)
    if (this.sending) this.broken.push('called back from within send')
  }
}

/**
 * Every implementation of the Network port passes this suite.
 *
 * @param makeFleet - `n` fresh members that can all reach one another.
 * @param queuedBytesMax - above it `send` must say no.
 */
export function networkContract(
  name: string,
  makeFleet: (n: number) => Promise<NetworkFleet>,
  queuedBytesMax: number,
): void {
  describe(`network contract: ${name}`, () => {
    let fleet: NetworkFleet
    let recorders: Recorder[]

    const listen = (i: number) => {
      recorders[i] = new Recorder()
      fleet.network(i).listen(recorders[i]!)
    }
    const begin = async (n: number) => {
      fleet = await makeFleet(n)
      recorders = []
      for (let i = 0; i < n; i++) listen(i)
      await fleet.until(() => recorders.every(each => each.connected.size === n - 1), 'all are connected')
    }
    const send = (from: number, to: number, frame: Uint8Array): boolean => {
      const recorder = recorders[from]!
      recorder.sending = true
      const sent = fleet.network(from).send(fleet.ids[to]!, frame)
      recorder.sending = false
      return sent
    }
    const received = (by: number, from: number) => recorders[by]!.from(fleet.ids[from]!)
    const arrived = (by: number, from: number, count: number) =>
      fleet.until(() => received(by, from).length >= count, `${count} frames arrived at ${by} from ${from}`)

    /** The same frames in both directions at once. */
    const exchange = async (frames: readonly Uint8Array[]) => {
      for (const frame of frames) {
        assert.ok(send(0, 1, frame))
        assert.ok(send(1, 0, frame))
      }
      await arrived(1, 0, frames.length)
      await arrived(0, 1, frames.length)
      assertSameFrames(received(1, 0), frames)
      assertSameFrames(received(0, 1), frames)
    }

    afterEach(async () => {
      await fleet.stop()
      for (const recorder of recorders) assert.deepEqual(recorder.broken, [])
    })

    // Goal: members find each other once each. Method: four peers, no traffic.
    test('every pair of members connects, once', async () => {
      await begin(4)
      for (const [i, recorder] of recorders.entries()) {
        const others = fleet.ids.filter((_, other) => other !== i)
        assert.deepEqual(recorder.history.toSorted(), others.map(id => `connected ${id}`).toSorted())
      }
    })

    // Goal: frames arrive whole, unchanged and in order. Method: sizes from 0 up, both directions at once.
    test('frames of mixed sizes keep their bytes and their order, both ways at once', async () => {
      await begin(2)
      const random = seeded(7)
      const frames = Array.from({ length: 1_500 }, (_, i) => numbered(i, random.below(6_000)))
      frames.push(new Uint8Array(0))
      await exchange(frames)
    })

    // Goal: small frames are cheap enough to come in crowds. Method: 20,000 in one tick.
    test('many small frames of one tick all arrive', async () => {
      await begin(2)
      const frames = Array.from({ length: 20_000 }, (_, i) => numbered(i, 12))
      for (const frame of frames) assert.ok(send(0, 1, frame))
      await arrived(1, 0, frames.length)
      assertSameFrames(received(1, 0), frames)
    })

    // Goal: frames far above any buffer below pass. Method: 1 MiB each, both directions at once.
    test('frames of 1 MiB pass both ways at once', async () => {
      await begin(2)
      const frames = Array.from({ length: 8 }, (_, i) => numbered(i, 2 ** 20))
      await exchange(frames)
    })

    // Goal: what waits is bounded, and the bound is no end. Method: fill it, let it drain, send again.
    test('send says no when too much is queued, drops only that, and says yes again later', async () => {
      await begin(2)
      const taken: Uint8Array[] = []
      for (let i = 0; i * 2 ** 20 <= queuedBytesMax; i++) {
        const frame = numbered(i, 2 ** 20)
        if (send(0, 1, frame)) taken.push(frame)
      }
      assert.equal(send(0, 1, numbered(999, 2 ** 20)), false)
      assert.ok(taken.length > 0)
      await arrived(1, 0, taken.length)
      const last = numbered(1_000, 100)
      await fleet.until(() => send(0, 1, last), 'a frame is taken again')
      await arrived(1, 0, taken.length + 1)
      assertSameFrames(received(1, 0), [...taken, last])
    })

    // Goal: nothing is taken for somebody who is not there. Method: a stranger's id; a member that is cut off.
    test('send says no for whoever is not connected', async () => {
      await begin(3)
      const stranger = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN' as PeerId
      assert.equal(fleet.network(0).send(stranger, numbered(0, 10)), false)
      fleet.cut(0, 1)
      await fleet.until(() => !recorders[0]!.connected.has(fleet.ids[1]!), 'the cut is noticed')
      assert.equal(send(0, 1, numbered(0, 10)), false)
      assert.ok(send(0, 2, numbered(0, 10)), 'the third is still connected')
    })

    // Goal: every loss follows a connection and the other way round. Method: cut and heal, three times.
    test('a cut pair is lost and comes back, on both sides, and frames flow again', async () => {
      await begin(2)
      const both = (connected: boolean) => () =>
        recorders[0]!.connected.has(fleet.ids[1]!) === connected &&
        recorders[1]!.connected.has(fleet.ids[0]!) === connected
      for (let round = 0; round < 3; round++) {
        fleet.cut(0, 1)
        await fleet.until(both(false), 'both sides notice the cut')
        fleet.heal(0, 1)
        await fleet.until(both(true), 'both sides are connected again')
        const before = received(1, 0).length
        assert.ok(send(0, 1, numbered(round, 100)))
        await arrived(1, 0, before + 1)
        assertSameFrames(received(1, 0).slice(before), [numbered(round, 100)])
      }
    })

    // Goal: a process that comes back is linked again by all. Method: each of three restarts while others send.
    test('after a restart everybody is connected to the new process', async () => {
      await begin(3)
      for (let i = 0; i < 3; i++) {
        const others = [0, 1, 2].filter(other => other !== i)
        const losses = others.map(other => lossesOf(recorders[other]!, fleet.ids[i]!))
        await fleet.restart(i)
        listen(i)
        await fleet.until(
          () =>
            recorders[i]!.connected.size === 2 &&
            others.every(
              (other, at) =>
                lossesOf(recorders[other]!, fleet.ids[i]!) > losses[at]! &&
                recorders[other]!.connected.has(fleet.ids[i]!),
            ),
          `everybody is connected to the restarted peer ${i}`,
        )
        for (const other of others) {
          await fleet.until(() => send(other, i, numbered(i, 50)), 'a frame is taken for the new process')
          await fleet.until(() => send(i, other, numbered(i, 50)), 'a frame of the new process is taken')
          await arrived(i, other, 1)
        }
      }
    })
  })
}

const lossesOf = (recorder: Recorder, peer: PeerId) =>
  recorder.history.filter(entry => entry === `lost ${peer}`).length

/** A frame that says which one it is, and whose every byte depends on it. */
function numbered(number: number, length: number): Uint8Array {
  const frame = Buffer.alloc(length)
  for (let at = 0; at < length; at++) frame[at] = (number * 31 + at * 7) & 0xff
  if (length >= 4) frame.writeUInt32BE(number)
  return frame
}

function assertSameFrames(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  assert.equal(actual.length, expected.length)
  for (const [at, frame] of expected.entries()) {
    assert.ok(Buffer.compare(actual[at]!, frame) === 0, `frame ${at} is another one or was changed`)
  }
}
