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

/** Wall time, and processor time, which is exact only in the sum of many. */
type Timed = { readonly what: string; us: number; processorUs: number; readonly parts: number }

export const peers = 5
export const partitionCount = 64

/** Production drivers on ports of memory; every call into one is timed by what came in. */
export class MemoryFleet {
  readonly drivers: Driver[] = []
  readonly clocks: ReturnType<typeof newClock>[] = []
  readonly ids: readonly PeerId[]
  readonly view
  isMeasuring = false
  private readonly listeners = new Map<PeerId, NetworkListener>()
  private readonly due: (() => void)[] = []
  private readonly soon: { at: number; run: () => void }[] = []
  private readonly last: (Timed | null)[] = []
  private readonly timers: ({ readonly atMs: number; readonly wake: () => void } | null)[] = []
  private readonly whenSettled: Timed[] = []
  private startMs = performance.now()
  private written = 0

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

  /** Runs timers that are due, and what follows. */
  tick(): void {
    for (const [at, timer] of this.timers.entries()) {
      if (timer === null || timer.atMs > performance.now()) continue
      this.timers[at] = null
      this.enter(at, 'timer', 1, timer.wake)
      this.drain()
    }
  }

  /** A new context under a new key, to its end. */
  write(at: number, dataBytes: number): ContextKey {
    this.written += 1
    const key = createHash('sha256').update(`key ${this.written}`).digest('hex') as ContextKey
    const data = new Uint8Array(randomBytes(dataBytes))
    const id = nextHlc(this.clocks[at]!, 1_800_000_000_000 + this.written)
    const value = { kind: 'live', hash: sha256Hex(data), expiresAtMs: 0, data } as const
    this.perform(at, { kind: 'write', id, attempt: 1, epoch: null, key, expect: 'any', parent: null, value })
    return key
  }

  /** One operation to its end. */
  perform(at: number, operation: Operation): void {
    const isFirst = ownersOf(this.view, operation.key)[0] === this.ids[at]
    const isOwner = ownersOf(this.view, operation.key).includes(this.ids[at]!)
    const where = operation.kind === 'write' ? isFirst : isOwner
    let outcome: Outcome | null = null
    this.enter(at, `${operation.kind} ${where ? 'here' : 'elsewhere'}`, 1, () =>
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
    this.timers.push(null)
    const clock: Clock = {
      wallMs: () => 1_800_000_000_000 + Math.floor(performance.now() - this.startMs),
      monotonicMs: () => performance.now(),
      at: (atMs, wake) => {
        const timer = { atMs, wake }
        this.timers[at] = timer
        return () => {
          if (this.timers[at] === timer) this.timers[at] = null
        }
      },
      soon: run => void this.soon.push({ at, run }),
    }
    const network: Network = {
      listen: listener => void this.listeners.set(self, listener),
      send: (to, frame) => {
        this.due.push(() => {
          const { messages } = decodeFrame(frame)
          const kinds = new Set(messages.map(message => message.kind))
          const number = this.ids.indexOf(to)
          const what = kinds.size === 1 ? messages[0]!.kind : 'several'
          const page = messages[0]?.kind === 'scanPage' ? messages[0].entries.length : 1
          this.enter(number, what, Math.max(1, messages.length * page), () =>
            this.listeners.get(to)!.frameArrived(self, frame),
          )
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
          this.enter(at, batch.length === 2 ? 'synced' : 'synced otherwise', 1, () => done(null)),
        )
      },
      read: key => stored.get(textOf(key)) ?? null,
      scan: (from, to, limit, done) => {
        this.due.push(() => {
          const [first, end] = [textOf(from), textOf(to)]
          const keys = [...stored.keys()].filter(key => key >= first && key < end).sort()
          const found = keys
            .slice(0, limit)
            .map(key => ({ key: new Uint8Array(Buffer.from(key, 'latin1')), value: stored.get(key)! }))
          this.enter(at, 'scanned', Math.max(1, found.length), () => done(null, found))
        })
      },
    }
  }

  private enter(at: number, what: string, parts: number, run: () => void): void {
    const timed: Timed = { what, us: 0, processorUs: 0, parts }
    this.last[at] = timed
    addTimes(timed, run)
    if (!this.isMeasuring) return
    // What the tick's end adds belongs to what came in last.
    this.whenSettled.push(timed)
  }

  private add(at: number, run: () => void): void {
    const timed = this.last[at]
    if (timed) addTimes(timed, run)
    else run()
  }

  /**
   * What one part of each input took. Of short inputs the median of wall time; those of many parts take so long that
   * others run in between, so they are told by the sum of processor time.
   */
  medians(): { readonly times: Record<string, number>; readonly counts: Record<string, number> } {
    const kinds = Map.groupBy(this.whenSettled, ({ what }) => what)
    const entries = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      times: Object.fromEntries(entries.map(([what, all]) => [what, partUs(all)])),
      counts: Object.fromEntries(entries.map(([what, all]) => [what, all.length])),
    }
  }
}

const manyParts = 4

function partUs(all: readonly Timed[]): number {
  const sum = (of: (each: Timed) => number) => all.reduce((total, each) => total + of(each), 0)
  const parts = sum(each => each.parts)
  return parts > manyParts * all.length
    ? sum(({ processorUs }) => processorUs) / parts
    : medianUs(all.map(each => each.us / each.parts))
}

function addTimes(timed: Timed, run: () => void): void {
  const startUs = threadUs()
  const startMs = performance.now()
  run()
  timed.us += (performance.now() - startMs) * 1_000
  timed.processorUs += threadUs() - startUs
}
