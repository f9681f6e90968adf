// Goal: what the driver and the peer cost for one input, all that follows it in the same tick included. Method: five
// production drivers on ports of memory, one operation at a time, every call into a driver timed by what came in.
import type { ContextKey } from '../../../base/ids.ts'
import { seeded } from '../../../base/random.ts'
import { MemoryFleet, peers } from './memory-fleet.ts'
import { threadUs } from './sampled.ts'

/** Microseconds by what came in: a message's kind, an operation of this process, or a batch that was synced. */
export type HandlerTimes = Readonly<Record<string, number>>

const warmUpOperations = 3_000
const measuredOperations = 3_000

/** @param dataBytes - size of the sealed envelope. */
export function measureHandlers(dataBytes: number): {
  readonly times: HandlerTimes
  readonly counts: Readonly<Record<string, number>>
  /** Processor time of this thread for one write and one read, all peers together. */
  readonly wholeUs: { readonly write: number; readonly read: number }
} {
  const bench = new MemoryFleet()
  const random = seeded(7)
  const keys: ContextKey[] = []
  const write = (at: number) => void keys.push(bench.write(at, dataBytes))
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
  const { times, counts } = bench.medians()
  return {
    times,
    counts: Object.fromEntries(
      Object.entries(counts).map(([what, count]) => [what, count / measuredOperations]),
    ),
    wholeUs: {
      write: (beforeReads - beforeWrites) / measuredOperations,
      read: (afterReads - beforeReads) / measuredOperations,
    },
  }
}
