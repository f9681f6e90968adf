import type { ScaleResult } from '../../sim/scale/scale.ts'
import type { ServiceTimes } from '../../sim/scale/service-times.ts'
import type { Chart } from './charts.ts'

/** Folder of the figures, as the page sees it. */
export const figuresFolder = 'figures'

/** Sizes that a whole page has. */
const sizesWanted = [3, 6, 12, 25, 50, 100]
/** A fleet of so many shows what no size changes any more. */
const runOutPeers = 50
/** Latency that a join may cost. */
const p99RatioMax = 2

/** The page of scale in Markdown: every figure in it comes from `result`. */
export function pageOf(result: ScaleResult, charts: readonly Chart[]): string {
  const { fleets, clientsPerPeer, writeShare, partitions, replicas } = result
  const figure = (name: string): string => {
    const chart = charts.find(each => each.name === name)
    return chart ? `![${chart.title}: ${chart.subtitle}](${figuresFolder}/${name}.svg)\n` : ''
  }
  const efficiencies = fleets.flatMap(({ efficiency }) => efficiency ?? [])
  const [first, last] = [fleets[0]!, fleets.at(-1)!]
  const lowest = Math.min(...efficiencies)
  return `# Scale

Written by \`npm run scale\`, which runs \`slurp sim scale --json\` and draws what it says; do not edit, run it again.

The simulator runs the production peer and driver in fleets of ${fleets.map(each => each.peers).join(', ')} peers on virtual time. Every message
is encoded, sent, queued and decoded. What a processor, a disk and a network would take is taken from a table of
times that were measured on the real code (below). So these figures say how work grows with the fleet, not how fast a
certain machine is: ratios are worth more than rates.

## Throughput

${clientsPerPeer} clients a peer, each with one operation under way at any time; ${percent(writeShare)} write a new context of 4 KB under a random key,
the others read one that was acknowledged, linearizably. ${partitions} partitions, ${replicas} replicas, as \`slurp init\` makes them.
${first.window.warmUpMs / 1_000} s of virtual time to warm up, then ${fleets.map(each => `${each.window.measureMs / 1_000} s`).join(', ')} measured, by size; seed ${result.seed}.
${missing(result)}
${throughputTable(result)}
${figure('scale-throughput')}
${figure('scale-efficiency')}
*Per doubling* is the part of a peer's throughput that a fleet of twice the size keeps. The aim is 0.8; the lowest is
**${lowest.toFixed(2)}**. Between sizes that are not exactly one doubling apart it is the equal part of each. From ${first.peers} to ${last.peers} peers the whole
fleet does ${(last.perSecond / first.perSecond).toFixed(1)} times as much with ${(last.peers / first.peers).toFixed(1)} times as many peers.

What is lost is lost early, for two reasons. In a small fleet an operation often begins at an owner of its key, so
part of the work stays in one process; and few peers send each other so much that several messages share a frame and a
wake-up. Both run out${last.peers < runOutPeers ? '' : ': from some 25 peers on most messages have a frame of their own, and a\npeer’s work hardly changes however large the fleet is'}. No part of an operation grows with the number of peers. \`--clients\` runs it with more
clients or fewer; the shape stays.

*Busiest* is the event loop with the most to do; clients never pause, so all are busy. With ${partitions} partitions each of
${last.peers} peers coordinates ${(partitions / last.peers).toFixed(2)} on average and ${firstsMost(last.peers, result)} at most.

## Traffic

${figure('scale-messages')}
A message is one question or answer of the protocol between two peers; what a peer tells itself is none. A write of a
new context by a peer that does not own it takes a request, a prepare to one owner besides the coordinator, an accept
to both others, and the answers to all of these; a read by a stranger takes two questions and two answers.

## View

${figure('scale-view')}
The size is that of the encoding on the wire, on the disk and in its register, while nothing moves: ids, names and zones
of the members, and for every partition its epoch, stage and owners by their place in the list of members.

${figure('scale-spread')}
The time is from the agreement on a view, by a majority of the control group, until it is durable and in force at its
last member. Measured on all views of the joins below, under the load above: peers at work make a view wait its turn.

${spreadTable(result)}
## Adding a tenth

A tenth more peers join at once, at least one, while the clients of the others go on. The new ones have no clients.

What is simulated stores little: before the run ${storedText(result)} are there for each new peer, the less the larger
the fleet, in the partitions that move first, and what the clients write comes to that. So the times and bytes of this
table are small, and its ratios say what holds for more. *Long copies* is the time in which new peers copy what was stored before the run; a real fleet
spends nearly all of a join so. *p99* is of all clients' operations, by the p99 of the same fleet before; the limit is 2.

${joinTable(result)}${fewerText(result)}
${figure('scale-growth-p99')}
${p99Text(result)}

${figure('scale-growth-copied')}
What is copied more than once, or for nothing, was written while its partition was on the move.

Scaled up to ${result.storedBytes / 1e9} GB on each peer before. Bytes are not simulated: *moved* is what placement assigns to owners that
did not have it; *least possible* is what the new peers own afterwards. The time is that of the simulated join without
its long copies, and what each new peer gets at the rate of these copies, all new peers at once.

${growthTable(result)}
${figure('scale-growth-bytes')}
${figure('scale-growth-time')}
## Placement to ten thousand peers

Placement alone, with the most partitions that a fleet can have.

${placementTable(result)}
${figure('scale-balance')}
${figure('scale-moves')}
Loads are even to a whole partition at every size: nobody owns more than the mean rounded up. How even that is depends
on how many partitions a peer owns. ${lastPlacement(result)} A fleet cannot have more than 4,096
partitions, and a view has 1,024 members at most: above that, placement works and the rest of SLURP is not made for
it. *Took* is processor time on the machine that wrote this page.

## Service times

Measured with \`node test/bench/service-times/main.ts\` (${result.measuredOn}),
in microseconds of one core unless the table says otherwise; [service-times.ts](../sim/scale/service-times.ts) has them.

${timesTable(result.times)}
A peer is one queue with one server, its event loop, in the shape of Node's: a turn takes all inputs that wait, then
sends what they produced, so a busy peer puts more into a frame. The disk is a second server that syncs one batch at a
time; what is saved meanwhile waits and goes out together.

${check(result)}

## What the model leaves out

- Every peer has a core for its event loop and a disk of its own. Compilers, garbage collection and the threads
  that write to the disk do not compete with it.
- Reads find nothing in the memory of opened contexts and little in that of checked signatures: the data set is taken
  to be far larger than both.
- The network has a delay and a price for each byte, but no switch that could be full.
- No faults and no background repair of what they break. Heartbeats and gossip are in it; they are not counted as messages
  of an operation.
- Frames of kinds that the table of service times does not name cost as much as an accept.
- One size of contexts, 4 KB. Keys are uniformly random: a single busy key is served by one coordinator in any fleet.
`
}

function throughputTable({ fleets }: ScaleResult): string {
  return tableOf(
    [
      'peers',
      'operations/s',
      'of a peer',
      'per doubling',
      'messages/op',
      'frames/op',
      'KB/op',
      'p50 ms',
      'p99 ms',
      'busiest',
      'view, bytes',
    ],
    fleets.map(each => [
      String(each.peers),
      each.perSecond.toFixed(0),
      each.perSecondAndPeer.toFixed(0),
      each.efficiency?.toFixed(2) ?? '',
      each.messagesPerOperation.toFixed(2),
      each.framesPerOperation.toFixed(2),
      (each.bytesPerOperation / 1_000).toFixed(1),
      each.p50Ms.toFixed(1),
      each.p99Ms.toFixed(1),
      `${percent(each.busyMost)}, mean ${percent(each.busyMean)}`,
      String(each.viewBytes),
    ]),
  )
}

function spreadTable({ fleets }: ScaleResult): string {
  return tableOf(
    ['peers', 'and join', 'views', 'median, ms', 'longest, ms'],
    fleets.map(({ peers, join }) => [
      String(peers),
      String(join.added),
      String(join.views),
      join.spreadMs.toFixed(0),
      join.spreadMostMs.toFixed(0),
    ]),
  )
}

function joinTable({ fleets }: ScaleResult): string {
  return tableOf(
    [
      'peers',
      'join',
      'took, s',
      'copied, MB',
      'of least',
      'MB/s of a new peer',
      'operations/s before',
      'meanwhile',
      'p99 ms before',
      'meanwhile',
      'ratio',
      'in long copies',
      'ratio',
    ],
    fleets.map(({ peers, join }) => [
      String(peers),
      String(join.added),
      (join.tookMs / 1_000).toFixed(1),
      (join.copiedBytes / 1e6).toFixed(1),
      (join.copiedBytes / join.leastBytes).toFixed(3),
      megabytes(join.copying?.bytesPerSecond),
      join.before.perSecond.toFixed(0),
      join.perSecond.toFixed(0),
      join.before.p99Ms.toFixed(1),
      join.p99Ms.toFixed(1),
      join.p99Ratio.toFixed(2),
      join.copying?.p99Ms.toFixed(1) ?? '',
      join.copyingP99Ratio?.toFixed(2) ?? '',
    ]),
  )
}

/** Fleets in which not all clients went on while peers joined. */
function fewerText({ fleets, clientsPerPeer }: ScaleResult): string {
  const fewer = fleets.filter(({ join }) => join.clientsPerPeer < clientsPerPeer)
  return fewer
    .map(
      ({ peers, join }) =>
        `\nAt ${peers} peers ${join.clientsPerPeer} of the ${clientsPerPeer} clients of each went on, in all that this table and the spread of views say of it.\n`,
    )
    .join('')
}

function growthTable({ fleets }: ScaleResult): string {
  return tableOf(
    ['peers', 'join', 'moved, GB', 'least possible, GB', 'ratio', 'minutes'],
    fleets.map(({ peers, growth }) => [
      String(peers),
      String(growth.added),
      (growth.movedBytes / 1e9).toFixed(2),
      (growth.leastBytes / 1e9).toFixed(2),
      (growth.movedBytes / growth.leastBytes).toFixed(3),
      growth.tookMs === null ? '' : (growth.tookMs / 60_000).toFixed(0),
    ]),
  )
}

/** Sizes that this run did not have. */
function missing({ fleets }: ScaleResult): string {
  const absent = sizesWanted.filter(size => !fleets.some(({ peers }) => peers === size))
  return absent.length === 0
    ? ''
    : `\n**This run left out fleets of ${absent.join(', ')} peers: nothing on this page is about them.**\n`
}

function storedText({ fleets }: ScaleResult): string {
  const sizes = fleets.map(({ join }) => join.storedBytesEach / 1e6)
  return `${Math.min(...sizes).toFixed(1)} to ${Math.max(...sizes).toFixed(1)} MB`
}

function p99Text({ fleets }: ScaleResult): string {
  const worst = fleets.map(({ peers, join }) => ({
    peers,
    ratio: Math.max(join.p99Ratio, join.copyingP99Ratio ?? 0),
  }))
  const { peers, ratio } = worst.reduce((a, b) => (b.ratio > a.ratio ? b : a))
  const verdict = ratio <= p99RatioMax ? 'within' : 'above'
  return `The worst ratio is **${ratio.toFixed(2)}**, at ${peers} peers: ${verdict} the limit of ${p99RatioMax}.`
}

const megabytes = (bytes: number | undefined): string => (bytes === undefined ? '' : (bytes / 1e6).toFixed(1))

function placementTable({ placements }: ScaleResult): string {
  return tableOf(
    [
      'peers',
      'mean load',
      'smallest',
      'largest',
      'largest by mean',
      'by mean rounded up',
      'one joins: moved of least',
      'one leaves: moved of least',
      'took',
      'join took',
    ],
    placements.map(each => [
      String(each.peers),
      each.loadMean.toFixed(2),
      String(each.loadLeast),
      String(each.loadMost),
      (each.loadMost / each.loadMean).toFixed(2),
      each.unevenness.toFixed(2),
      `${each.join.moved} of ${each.join.least}`,
      `${each.leave.moved} of ${each.leave.least}`,
      seconds(each.tookMs),
      seconds(each.join.tookMs),
    ]),
  )
}

function timesTable(times: ServiceTimes): string {
  const { door, checker, operation, messageUs, scan, view, disk, link, network } = times
  const rows: [string, string][] = [
    ['door and store: one write, sealed and signed; one read', `${door.writeUs}; ${door.readUs}`],
    ['opening what was read', String(door.openUs)],
    ['checking an envelope for the first time; again', `${checker.firstUs}; ${checker.againUs}`],
    [
      'driver and peer: a write by its coordinator; by another peer',
      `${operation.writeHereUs}; ${operation.writeElsewhereUs}`,
    ],
    [
      'driver and peer: a read by an owner; by another peer',
      `${operation.readHereUs}; ${operation.readElsewhereUs}`,
    ],
    [
      'a message: request, prepare, promise, accept, accepted, reply, query, report',
      [
        messageUs.request,
        messageUs.prepare,
        messageUs.promise,
        messageUs.accept,
        messageUs.accepted,
        messageUs.reply,
        messageUs.query,
        messageUs.report,
      ].join(', '),
    ],
    [
      'a message: chainAsked, chain, scanAsked, floorsAsked, floors, beat, health',
      [
        messageUs.chainAsked,
        messageUs.chain,
        messageUs.scanAsked,
        messageUs.floorsAsked,
        messageUs.floors,
        messageUs.beat,
        messageUs.health,
      ].join(', '),
    ],
    [
      'a page of a list, where it is read; each entry there; each entry where it arrives',
      `${scan.pageUs}; ${scan.entryUs}; ${scan.takenUs}`,
    ],
    [
      'viewTold: fixed; each member; each partition',
      `${messageUs.viewTold}; ${view.decodeMemberUs}; ${view.decodePartitionUs}`,
    ],
    [
      'a view is saved: each member; each partition; planning a join: each member',
      `${view.encodeMemberUs}; ${view.encodePartitionUs}; ${view.planMemberUs}`,
    ],
    [
      'event loop for a batch to the disk; each change in it; once it is synced',
      `${disk.batchUs}; ${disk.changeUs}; ${disk.syncedChangeUs}`,
    ],
    ['a look at a record', String(disk.readUs)],
    ['of the disk: a synced batch; each byte in it', `${disk.syncUs}; ${disk.syncByteUs}`],
    ['an idle event loop wakes up', String(link.idleUs)],
    [
      'what a turn sends to, or takes from, one peer; each frame in it; each byte',
      `${link.connectionUs}; ${link.frameUs}; ${link.byteUs}`,
    ],
    [
      'network, assumed: one way, in ms; each byte, in ns',
      `${network.leastMs} to ${(network.leastMs + network.spreadMs).toFixed(1)}; ${(network.byteMs * 1e6).toFixed(0)}`,
    ],
    ['bytes of the sealed context', String(times.envelopeBytes)],
  ]
  return tableOf(['', 'µs'], rows)
}

/** Holds the sum of the parts against a real fleet. */
function check({ fleets, realFleet }: ScaleResult): string {
  const same = fleets.find(each => each.peers === realFleet.peers)
  if (same === undefined) return ''
  const modelUs = (same.busyMean * same.peers * 1e6) / same.perSecond
  return `Held against the real thing: in the model all event loops together use ${modelUs.toFixed(0)} µs for one operation of ${same.peers}
peers. As many real processes under the same mix used ${realFleet.operationUs} µs of processor time for one, with all their other
threads: compilers, garbage collection, the disk; their reads could profit from what they had opened before, those of
the model cannot. The parts that were measured account for ${percent(modelUs / realFleet.operationUs)} of what the real ones used.`
}

/** Partitions that one peer is asked first for, at most (dht/firsts.ts). */
const firstsMost = (peers: number, { partitions, replicas }: ScaleResult): number =>
  Math.ceil(Math.ceil((partitions * replicas) / peers) / replicas)

function lastPlacement({ placements }: ScaleResult): string {
  const last = placements.at(-1)
  if (last === undefined) return ''
  const { peers, loadMean, loadMost, partitions } = last
  return `With ${partitions} partitions and ${peers} peers there are ${loadMean.toFixed(2)} places a peer, so some own ${loadMost} and
others ${last.loadLeast}: the fullest has ${(loadMost / loadMean).toFixed(2)} times the mean, and no placement could do better.`
}

const percent = (part: number): string => `${(part * 100).toFixed(0)} %`
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, at) => (at === 0 ? '---' : '---:'))
  return `${[head, rule, ...rows].map(line).join('\n')}\n`
}
