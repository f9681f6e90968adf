// Goal: requests per second that one pair of peers carries. Method: two processes' worth of adapters in this
// process and one more, 4 KB asked and 4 KB answered, with 1, 16 and 64 requests in flight.
import { fork } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { idOf, type Job, newKeys, startEnd } from './link-ends.ts'

const requestBytes = 4096
const warmUpMs = 1_000
const measureMs = 3_000

/** Answers every frame with one of the same size. */
async function answer({ keys, bootstrap }: Job): Promise<void> {
  const peer = await startEnd(keys, 1, bootstrap)
  peer.network.listen({
    frameArrived: (from, frame) => peer.network.send(from, frame),
    peerConnected: () => undefined,
    peerLost: () => process.exit(0),
  })
}

async function ask(): Promise<void> {
  const keys = await newKeys(2)
  const peer = await startEnd(keys, 0, [])
  const other = idOf(keys[1]!)
  const linked = Promise.withResolvers<void>()
  let frameArrived = (): void => undefined
  peer.network.listen({
    frameArrived: () => frameArrived(),
    peerConnected: () => linked.resolve(),
    peerLost: () => undefined,
  })
  const child = fork(fileURLToPath(import.meta.url), ['answer'])
  const job: Job = { keys, bootstrap: peer.addresses() }
  child.send(job)
  await linked.promise

  const frame = new Uint8Array(requestBytes).fill(7)
  console.log('in flight  requests/s   p50 ms   p99 ms   CPU µs of one side')
  for (const inFlight of [1, 16, 64]) {
    const waits: number[] = []
    const sentAt: number[] = []
    const send = () => {
      sentAt.push(performance.now())
      if (!peer.network.send(other, frame)) throw new Error('the link refused a frame')
    }
    frameArrived = () => {
      waits.push(performance.now() - sentAt.shift()!)
      send()
    }
    for (let i = 0; i < inFlight; i++) send()
    await new Promise(resolve => setTimeout(resolve, warmUpMs))
    waits.length = 0
    const cpuBefore = process.cpuUsage()
    await new Promise(resolve => setTimeout(resolve, measureMs))
    const cpu = process.cpuUsage(cpuBefore)
    const seen = waits.toSorted((a, b) => a - b)
    // Lets what is in flight run dry before the next round.
    frameArrived = () => undefined
    await new Promise(resolve => setTimeout(resolve, 300))
    const rate = Math.round(seen.length / (measureMs / 1_000))
    const at = (part: number) => (seen[Math.floor(seen.length * part)] ?? 0).toFixed(2)
    const cpuUs = ((cpu.user + cpu.system) / seen.length).toFixed(0)
    console.log(
      `${String(inFlight).padStart(9)}  ${String(rate).padStart(10)}  ${at(0.5).padStart(7)}  ${at(0.99).padStart(7)}  ${cpuUs.padStart(19)}`,
    )
  }
  await peer.stop()
}

if (process.argv[2] === 'answer') process.once('message', message => answer(message as Job))
else await ask()
