// Goal: what a frame costs the event loops at both ends of a link. Method: the real network; this process exchanges
// frames with partners in another one, each partner's next frame sent when the last came back. By the number of
// partners, of frames sent together and of bytes, its processor time tells the prices apart.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { PeerId } from '../../../base/ids.ts'
import { idOf, type Job, newKeys, startEnd } from '../link-ends.ts'
import { line, threadUs } from './sampled.ts'

const echoesWarmUp = 6_000
const echoesMeasured = 12_000
const smallBytes = 150
const largeBytes = 4_600
const burstFrames = 16
const partners = 8

/** For one end. Half of an exchange each for sending and for receiving, which it cannot tell apart. */
export type LinkTimes = {
  /** An event loop that had nothing to do takes up work. */
  readonly idleUs: number
  /** All frames of one tick to or from one peer together. */
  readonly linkUs: number
  readonly frameUs: number
  readonly byteUs: number
}

/** All partners live in one process: they send every frame back. */
async function echo({ keys, bootstrap }: Job): Promise<void> {
  for (const own of keys.keys()) {
    if (own === 0) continue
    const peer = await startEnd([keys[0]!, keys[own]!], 1, bootstrap)
    peer.network.listen({
      frameArrived: (from, frame) => peer.network.send(from, frame),
      peerConnected: () => undefined,
      peerLost: () => process.exit(0),
    })
  }
}

export async function measureLinks(): Promise<LinkTimes> {
  const keys = await newKeys(partners + 1)
  const peer = await startEnd(keys, 0, [])
  const others = keys.slice(1).map(idOf)
  const linked = Promise.withResolvers<void>()
  const connected = new Set<PeerId>()
  let frameArrived = (_from: PeerId): void => undefined
  peer.network.listen({
    frameArrived: from => frameArrived(from),
    peerConnected: other => {
      connected.add(other)
      if (connected.size === partners) linked.resolve()
    },
    peerLost: () => undefined,
  })
  const child = fork(fileURLToPath(import.meta.url), ['echo'])
  const job: Job = { keys, bootstrap: peer.addresses() }
  child.send(job)
  await linked.promise

  /** Exchanges with the first `count` partners, `frames` at a time with each. */
  const exchange = (count: number, frames: number, bytes: number, wanted: number): Promise<void> => {
    const done = Promise.withResolvers<void>()
    const frame = new Uint8Array(bytes).fill(7)
    const missing = new Map<PeerId, number>()
    let left = wanted
    const send = (to: PeerId) => {
      missing.set(to, frames)
      for (let i = 0; i < frames; i++)
        if (!peer.network.send(to, frame)) throw new Error('the link refused a frame')
    }
    frameArrived = from => {
      const still = missing.get(from)! - 1
      missing.set(from, still)
      if (still > 0) return
      left -= 1
      if (left > 0) send(from)
      else if (left <= 1 - count) done.resolve()
    }
    for (const other of others.slice(0, count)) send(other)
    return done.promise
  }
  const costOf = async (count: number, frames: number, bytes: number): Promise<number> => {
    await exchange(count, frames, bytes, echoesWarmUp)
    const before = threadUs()
    await exchange(count, frames, bytes, echoesMeasured)
    return (threadUs() - before) / echoesMeasured / 2
  }
  const small = await costOf(partners, 1, smallBytes)
  const large = await costOf(partners, 1, largeBytes)
  const crowd = await costOf(partners, burstFrames, smallBytes)
  const alone = await costOf(1, 1, smallBytes)
  child.kill()
  await peer.stop()
  const byteUs = line([
    [smallBytes, small],
    [largeBytes, large],
  ]).slope
  const frameUs = Math.max(0, (crowd - small) / (burstFrames - 1) - byteUs * smallBytes)
  return { idleUs: (alone - small) * 2, linkUs: small - frameUs - byteUs * smallBytes, frameUs, byteUs }
}

if (process.argv[2] === 'echo') process.once('message', message => echo(message as Job))
