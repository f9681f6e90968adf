// Goal: what the driver and the peer cost for one input, all that follows it in the same tick included. Method: five
// production drivers on ports of memory, one operation at a time, every call into a driver timed by what came in.
import { createHash, randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { newClock, nextHlc } from '../../../base/hlc.ts'
import type { ContextKey, FleetId, PeerId } from '../../../base/ids.ts'
import { seeded } from '../../../base/random.ts'
import { sha256Hex } from '../../../crypto/digest.ts'
import { initialView, ownersOf } from '../../../dht/view.ts'
import { decodeFrame } from '../../../node/driver/codec/wire.ts'
import { Driver } from '../../../node/driver/driver.ts'
import type { Clock, Disk, DiskChange, Network, NetworkListener } from '../../../node/ports/ports.ts'
import { defaultLimits } from '../../../replication/limits.ts'
import type { Operation, Outcome } from '../../../replication/messages.ts'
import { medianUs, threadUs } from './sampled.ts'

/** Microseconds by what came in: a message's kind, an operation of this process, or a batch that was synced. */
export type HandlerTimes = Readonly<Record<string, number>>

type Timed = { readonly what: string; us: number }

const peers = 5
const partitionCount = 64
const warmUpOperations = 3_000
const measuredOperations = 3_000

class Bench {
  readonly times = new Map<string, number[]>()
  readonly drivers: Driver[] = []
  readonly clocks: ReturnType<typeof newClock>[] = []
  readonly ids: readonly PeerId[]
  readonly view
  isMeasuring = false
  private readonly listeners = new Map<PeerId, NetworkListener>()
  private readonly due: (() => void)[] = []
  private readonly soon: { at: number; run: () => void }[] = []
  private readonly last: (Timed | null)[] = []
  private startMs = performance.now()

  constructor() {
    this.ids = Array.from({ length: peers }, (_, at) => `12D3KooW${String(at).padEnd(44, 'x')}` as PeerId)
    this.view = initialView({
      fleet: 'f'.repeat(64) as FleetId,
      members: this.ids.map((id, at) => ({ id, name: `p${at}`, weight: 1, zone: `z${at}` })),
      replicas: 3,
      partitionCount,
      hash: text => sha256Hex(Buffer.from(text)) as string as ContextKey,
    })
    for (const [at, self] of this.ids.entries()) this.drivers.push(this.driverOf(self, at))
    for (const driver of this.drivers) driver.start(() => undefined)
    this.drain()
    for (const a of this.ids) for (const b of this.ids) if (a !== b) this.listeners.get(a)!.peerConnected(b)
    this.drain()
  }

  /** Runs everything that is due, inputs before the ends of ticks. */
  drain(): void {
    for (;;) {
      const input = this.due.shift()
      if (input !== undefined) input()
      else {
        const end = this.soon.shift()
        if (end === undefined) return
        this.add(end.at, end.run)
      }
    }
  }

  /** One operation to its end. */
  perform(at: number, operation: Operation): void {
    const isFirst = ownersOf(this.view, operation.key)[0] === this.ids[at]
    const isOwner = ownersOf(this.view, operation.key).includes(this.ids[at]!)
    const where = operation.kind === 'write' ? isFirst : isOwner
    let outcome: Outcome | null = null
    this.enter(at, `${operation.kind} ${where ? 'here' : 'elsewhere'}`, () =>
      this.drivers[at]!.submit(operation, 5_000, found => (outcome = found)),
    )
    this.drain()
    if ((outcome as Outcome | null)?.kind !== (operation.kind === 'write' ? 'written' : 'found'))
      throw new Error(`an operation ended with ${JSON.stringify(outcome)}`)
  }

  private driverOf(self: PeerId, at: number): Driver {
    const hlc = newClock(`${String(at + 1).padStart(6, '0')}01`)
    this.clocks.push(hlc)
    this.last.push(null)
    const clock: Clock = {
      wallMs: () => 1_800_000_000_000 + Math.floor(performance.now() - this.startMs),
      monotonicMs: () => performance.now(),
      at: () => () => undefined,
      soon: run => void this.soon.push({ at, run }),
    }
    const network: Network = {
      listen: listener => void this.listeners.set(self, listener),
      send: (to, frame) => {
        this.due.push(() => {
          const kinds = decodeFrame(frame).messages.map(message => message.kind)
          const number = this.ids.indexOf(to)
          const what = kinds.length === 1 ? kinds[0]! : 'several'
          this.enter(number, what, () => this.listeners.get(to)!.frameArrived(self, frame))
        })
        return true
      },
    }
    return new Driver({
      self,
      view: this.view,
      hlc,
      incarnation: 1,
      disk: this.diskOf(at),
      recordsLost: false,
      network,
      clock,
      checker: { accepts: () => true },
      limits: defaultLimits,
      random: seeded(at),
      report: () => undefined,
      failed: failure => {
        throw failure
      },
    })
  }

  private diskOf(at: number): Disk {
    const stored = new Map<string, Uint8Array>()
    const textOf = (key: Uint8Array) => Buffer.from(key).toString('latin1')
    return {
      write: (batch: readonly DiskChange[], done) => {
        for (const change of batch) {
          if (change.kind === 'put') stored.set(textOf(change.key), change.value)
          else stored.delete(textOf(change.key))
        }
        // Two records, head and version, for each value that was accepted.
        this.due.push(() =>
          this.enter(at, batch.length === 2 ? 'synced' : 'synced otherwise', () => done(null)),
        )
      },
      read: key => stored.get(textOf(key)) ?? null,
      scan: (_from, _to, _limit, done) => void this.due.push(() => done(null, [])),
    }
  }

  private enter(at: number, what: string, run: () => void): void {
    const timed: Timed = { what, us: 0 }
    this.last[at] = timed
    const startMs = performance.now()
    run()
    timed.us = (performance.now() - startMs) * 1_000
    if (!this.isMeasuring) return
    // What the tick's end adds belongs to what came in last.
    this.whenSettled.push(timed)
  }

  private readonly whenSettled: Timed[] = []

  private add(at: number, run: () => void): void {
    const startMs = performance.now()
    run()
    const timed = this.last[at]
    if (timed) timed.us += (performance.now() - startMs) * 1_000
  }

  settle(): void {
    for (const { what, us } of this.whenSettled) {
      const list = this.times.get(what) ?? []
      if (list.length === 0) this.times.set(what, list)
      list.push(us)
    }
    this.whenSettled.length = 0
  }
}

/** @param dataBytes - size of the sealed envelope. */
export function measureHandlers(dataBytes: number): {
  readonly times: HandlerTimes
  readonly counts: Readonly<Record<string, number>>
  /** Processor time of this thread for one write and one read, all peers together. */
  readonly wholeUs: { readonly write: number; readonly read: number }
} {
  const bench = new Bench()
  const random = seeded(7)
  const keys: ContextKey[] = []
  const write = (at: number) => {
    const key = createHash('sha256').update(`key ${keys.length}`).digest('hex') as ContextKey
    const data = new Uint8Array(randomBytes(dataBytes))
    const id = nextHlc(bench.clocks[at]!, 1_800_000_000_000 + keys.length)
    const value = { kind: 'live', hash: sha256Hex(data), expiresAtMs: 0, data } as const
    bench.perform(at, { kind: 'write', id, attempt: 1, key, expect: 'any', parent: null, value })
    keys.push(key)
  }
  const read = (at: number) => bench.perform(at, { kind: 'read', key: random.pick(keys) })
  for (let i = 0; i < warmUpOperations; i++) {
    write(i % peers)
    read((i + 2) % peers)
  }
  bench.isMeasuring = true
  const beforeWrites = threadUs()
  for (let i = 0; i < measuredOperations; i++) write(i % peers)
  const beforeReads = threadUs()
  for (let i = 0; i < measuredOperations; i++) read((i + 2) % peers)
  const afterReads = threadUs()
  bench.settle()
  const entries = [...bench.times].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    times: Object.fromEntries(entries.map(([what, list]) => [what, medianUs(list)])),
    counts: Object.fromEntries(entries.map(([what, list]) => [what, list.length / measuredOperations])),
    wholeUs: {
      write: (beforeReads - beforeWrites) / measuredOperations,
      read: (afterReads - beforeReads) / measuredOperations,
    },
  }
}
