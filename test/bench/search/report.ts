import type { Machine } from '../machine.ts'
import { table } from '../page.ts'
import type { Latencies } from './load.ts'
import type { Held } from './loops.ts'
import type { Stretch } from './stretches.ts'

export type SearchReport = {
  readonly date: string
  readonly machine: Machine
  readonly contexts: number
  /** Null: the fleet was filled before. */
  readonly filled: {
    readonly perSecond: number
    readonly processorMs: number
    readonly textBytes: number
  } | null
  /** A door that answers without looking, under the same load. */
  readonly bare: { readonly latencies: Latencies; readonly processorMs: number }
  readonly open: readonly {
    readonly name: string
    readonly latencies: Latencies
    /** Of all peers together, for one question. */
    readonly processorMs: number
    readonly held: Held
  }[]
  readonly closed: Latencies & { readonly processorMs: number }
  /** Under the clients that wait. */
  readonly held: Held
  readonly writes: {
    readonly written: number
    readonly failed: number
    readonly watched: number
    readonly p50Ms: number
    readonly mostMs: number
    readonly held: Held
  }
  readonly memory: {
    /** Of a peer without contexts, all of it. */
    readonly emptyMb: number
    readonly residentMb: number
    /** Heap and buffers of the search thread, and what of the process lies outside of heaps. */
    readonly threadMb: number
    readonly segmentsMb: number
  }
  /** At the open rate with all kinds, under the clients that wait, and while contexts are written. */
  readonly stretches: Readonly<Record<'open' | 'closed' | 'writes', Stretch>>
  readonly aims: {
    readonly openRate: number
    readonly clients: number
    readonly writeRate: number
    /** At the open rate, of each kind. */
    readonly p50Ms: number
    readonly p99Ms: number
    /** Of the clients that wait. */
    readonly perSecond: number
    /** For which search or indexing has an event loop at most. */
    readonly stretchMs: number
  }
}

const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0)

const rowsOf = ({ bare, open, closed, held, aims }: SearchReport): string[][] => [
  ['', 'a second', 'p50 ms', 'p99 ms', 'most ms', 'processor ms', 'loop held ms', 'aim'],
  [`nothing looked up, ${aims.openRate} a second`, ...figuresOf(bare.latencies, bare.processorMs), '', ''],
  ...open.map(({ name, latencies, processorMs, held }) => [
    `${name}, ${aims.openRate} a second`,
    ...figuresOf(latencies, processorMs),
    heldOf(held),
    verdict(latencies.p50Ms < aims.p50Ms && latencies.p99Ms < aims.p99Ms && latencies.failed === 0),
  ]),
  [
    `all kinds, ${aims.clients} clients that wait`,
    ...figuresOf(closed, closed.processorMs),
    heldOf(held),
    verdict(closed.perSecond >= aims.perSecond && closed.failed === 0),
  ],
]

const verdict = (isMet: boolean): string => (isMet ? 'met' : 'missed')

const heldOf = ({ longestMs, busiestMs }: Held) => `${ms(longestMs)} (${ms(busiestMs)})`

const figuresOf = (latencies: Latencies, processorMs: number): string[] => [
  `${latencies.perSecond.toFixed(0)}${latencies.failed > 0 ? ` (${latencies.failed} failed)` : ''}`,
  ms(latencies.p50Ms),
  ms(latencies.p99Ms),
  ms(latencies.mostMs),
  processorMs.toFixed(2),
]

const factsOf = ({ contexts, filled, writes, memory, stretches, aims }: SearchReport): string[][] => [
  ...(filled === null
    ? []
    : [
        [
          `${contexts} contexts imported`,
          `${filled.perSecond.toFixed(0)} a second, ${filled.textBytes.toFixed(0)} bytes of text each, ${filled.processorMs.toFixed(1)} ms of processor each, index and store of all three peers`,
        ],
      ]),
  [
    `stored and found at another door, ${aims.writeRate} writes a second`,
    `p50 ${ms(writes.p50Ms)} ms, at most ${ms(writes.mostMs)} ms, of ${writes.watched} that were watched; ${writes.written} written, ${writes.failed} failed; event loop held up ${heldOf(writes.held)} ms at most`,
  ],
  [
    `memory for ${contexts} contexts, the peer with the most`,
    `search thread ${memory.threadMb.toFixed(0)} MB, of it segments ${memory.segmentsMb.toFixed(0)} MB; process ${memory.residentMb.toFixed(0)} MB, ${memory.emptyMb.toFixed(0)} MB when it had none`,
  ],
  [
    `an event loop did nothing but search or index, aim ${aims.stretchMs} ms`,
    `${aims.openRate} questions a second: at most ${stretchOf(stretches.open)} ms, ${aims.clients} clients that wait: ${stretchOf(stretches.closed)} ms, ${aims.writeRate} writes a second: ${stretchOf(stretches.writes)} ms; ${verdict(Object.values(stretches).every(({ workMs }) => workMs < aims.stretchMs))}`,
  ],
]

const stretchOf = ({ workMs, clockMs }: Stretch) => `${ms(workMs)} (${ms(clockMs)} by the clock)`

export function asText(report: SearchReport): string {
  const rows = rowsOf(report).map(cells =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(34) : cell.padStart(13))).join(''),
  )
  return [...rows, '', ...factsOf(report).map(([name, value]) => `${name}: ${value}`)].join('\n')
}

/** A section of docs/BENCHMARKS.md. */
export function asMarkdown(report: SearchReport): string {
  const { machine, date, contexts, aims } = report
  return `## Search

Written by \`npm run bench -- search\` on ${date}, ${machine.commit}: ${machine.cpu}, ${machine.cores} cores, ${machine.memory}; ${machine.kernel}, Node ${machine.node};
${Math.round(machine.otherLoad * 100)} % of all cores busy with other work just before, and for ${Math.round(machine.stalled * 100)} % of the time a loop that only counts
got through less than half its work. Three peers with three replicas, ${contexts} contexts, all doors asked in turn over
HTTP by a client on the same cores, ten hits with highlights. The aim is a p50 under ${aims.p50Ms} ms and a p99 under ${aims.p99Ms} ms for each kind at ${aims.openRate} a
second, and ${aims.perSecond} a second with ${aims.clients} clients. *Processor* is what a question takes in all peers together, *held* the longest that the
event loop of any peer was held up, in brackets how much of the processor it had meanwhile: the rest is waiting for a core.
That is measured under the same load right after the times, as it takes a tenth of the processor itself, and in steps, the
first of two milliseconds, the second of four. What of it is search and indexing is told last, from samples of the main threads:
work of theirs until the loop turned, and in brackets how long that took by the clock, with the collecting of everybody's garbage
that came between and the waiting for a core. *Nothing looked up* is a bare \`node:http\` server that gives each question the
same answer: what it waits, the machine, HTTP and the client alone take.

${table(rowsOf(report))}

${table([['', ''], ...factsOf(report)])}
`
}
