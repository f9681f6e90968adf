// Goal: what a request costs at the door and in the store, the protocol left out. Method: the real door and the real
// store in a process of their own over registers that answer at once; its event loop's processor time is read before
// and after a load of another process.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../../node/adapters/system-clock.ts'
import { openDoor } from '../../../node/http/server.ts'
import { createMetrics } from '../../../node/monitoring/metrics.ts'
import type { Log } from '../../../node/running-peer.ts'
import type { Submitter } from '../../../node/store/api.ts'
import type { Outcome } from '../../../replication/messages.ts'
import { memoryPeer } from '../../http/memory-peer.ts'
import { fleetId, newHlcOf, newIdentity } from '../../store/identities.ts'
import { storeOn } from '../../store/stores.ts'
import { newSide, runLoad, type Shot } from '../http-load.ts'
import { threadUs } from './sampled.ts'

const token = 'a-token-of-a-bench-that-is-long-enough'
const clients = 8
const warmUpMs = 4_000
const measureMs = 4_000

export type DoorTimes = {
  /** A write: parsed, checked, sealed to two roles, signed, submitted, answered. */
  readonly writeUs: number
  /** A read of what this process has opened before: all but checking and opening. */
  readonly readUs: number
}

type Told = { url: string } | { us: number }

/** Keeps the last write of each key and answers at once. */
function quickSubmitter(): Submitter {
  const kept = new Map<string, Outcome>()
  return {
    submit: operation => {
      if (operation.kind !== 'write')
        return Promise.resolve(kept.get(operation.key) ?? ({ kind: 'absent' } as const))
      const { id: version, key, value } = operation
      const parent = operation.parent === 'any' ? null : operation.parent
      const found = { ...value, version, parent, recentOps: [], opsFloor: '0'.repeat(24) }
      kept.set(key, { kind: 'found', value: found } as unknown as Outcome)
      return Promise.resolve({ kind: 'written', version, parent, acks: 2, replicas: 3 })
    },
  }
}

async function serve(): Promise<void> {
  const author = await newIdentity()
  const bench = { fleet: fleetId, processes: [], close: async () => undefined }
  const own = { author, hlc: newHlcOf(author), clock: systemClock, submitter: quickSubmitter() }
  const peer = { ...memoryPeer().peer, store: storeOn(bench, own) }
  const quiet = () => undefined
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  const door = await openDoor({
    peer,
    host: '127.0.0.1',
    preferredPort: 0,
    tls: null,
    httpPlain: 'loopback',
    token,
    limits: {
      contextBytesMax: 1_048_576,
      requestsInFlightMax: 1_000,
      bodyBytesInFlightMax: 67_108_864,
      headersTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
      batchIdleMs: 60_000,
      slowSearchMs: 500,
      requestsPerSecondMax: 1_000_000,
      connectionsPerAddressMax: 1024,
    },
    metrics: requestsInFlight =>
      createMetrics({
        indexLag: () => ({ changes: 0, seconds: 0 }),
        counters: () => ({}),
        clocks: () => [],
        ready: () => true,
        requestsInFlight,
        startedAtMs: 0,
      }),
    log,
    version: '0.0.0',
  })
  const tell = (told: Told) => process.send!(told)
  process.on('message', () => tell({ us: threadUs() }))
  process.on('disconnect', () => process.exit(0))
  tell({ url: door.url })
}

/** @param context - JSON of the context that is written and read. */
export async function measureDoor(context: string): Promise<DoorTimes> {
  const child = fork(fileURLToPath(import.meta.url), ['serve'])
  const heard = async (): Promise<Told> => (await once(child, 'message'))[0] as Told
  const first = await heard()
  const side = newSide(['url' in first ? first.url : ''])
  const usedUs = async (): Promise<number> => {
    const answered = heard()
    child.send('time')
    const told = await answered
    return 'us' in told ? told.us : Number.NaN
  }
  const headers = { authorization: `Bearer ${token}` }
  const path = (number: number) =>
    `/v1/contexts/${encodeURIComponent(`ucxl://any:any@bench:any/*^/k${number}`)}`
  let count = 0
  const write = (): Shot => ({
    method: 'PUT',
    path: `${path(++count)}?roles=admin,developer`,
    body: context,
    headers,
  })
  const read = (client: number): Shot => ({ method: 'GET', path: path(1 + (client % 8)), headers })
  const measure = async (next: (client: number) => Shot): Promise<number> => {
    await runLoad(side, { clients, ms: warmUpMs, next })
    const before = await usedUs()
    const { count: answered, failed, complaint } = await runLoad(side, { clients, ms: measureMs, next })
    if (failed > 0) throw new Error(`the door refused: ${complaint}`)
    return ((await usedUs()) - before) / answered
  }
  const writeUs = await measure(write)
  const readUs = await measure(read)
  side.agent.destroy()
  child.disconnect()
  return { writeUs, readUs }
}

if (process.argv[2] === 'serve') await serve()
