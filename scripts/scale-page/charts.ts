import type { ScaleResult } from '../../sim/scale/scale.ts'

/** One line or set of points of a chart. */
export type Series = {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export type Chart = {
  /** Also the name of its file. */
  readonly name: string
  readonly title: string
  readonly subtitle: string
  readonly xTitle: string
  readonly yTitle: string
  readonly series: readonly Series[]
  /** Upper and lower end of the vertical axis, where the data do not say it well. */
  readonly yDomain?: readonly [number, number]
  /** A horizontal line that the data are held against. */
  readonly aim?: number
}

const peers = 'Peers in the fleet'

/** Every chart of the page. */
export function chartsOf(result: ScaleResult): Chart[] {
  const { fleets, placements, clientsPerPeer } = result
  const of = (name: string, y: (fleet: ScaleResult['fleets'][number]) => number | null): Series => ({
    name,
    points: fleets.flatMap(fleet => {
      const value = y(fleet)
      return value === null ? [] : [{ x: fleet.peers, y: value }]
    }),
  })
  const placed = (name: string, y: (each: ScaleResult['placements'][number]) => number): Series => ({
    name,
    points: placements.map(each => ({ x: each.peers, y: y(each) })),
  })
  const charts: Chart[] = [
    {
      name: 'scale-throughput',
      title: 'Throughput of one peer',
      subtitle: `Simulated: ${clientsPerPeer} clients a peer, writes and linearizable reads`,
      xTitle: peers,
      yTitle: 'Operations per second and peer',
      series: [of('throughput', fleet => fleet.perSecondAndPeer)],
    },
    {
      name: 'scale-efficiency',
      title: 'Efficiency per doubling',
      subtitle: 'What twice the size leaves of a peer’s throughput; aim 0.8',
      xTitle: 'Peers in the larger fleet',
      yTitle: 'Efficiency',
      series: [of('efficiency', fleet => fleet.efficiency)],
      yDomain: [0, 1],
      aim: 0.8,
    },
    {
      name: 'scale-messages',
      title: 'Traffic of one operation',
      subtitle: 'Messages between peers, and the frames that they travel in',
      xTitle: peers,
      yTitle: 'Per operation',
      series: [
        of('messages', fleet => fleet.messagesPerOperation),
        of('frames', fleet => fleet.framesPerOperation),
      ],
    },
    {
      name: 'scale-view',
      title: 'Size of the view',
      subtitle: `Members, and owners of ${result.partitions} partitions, on the wire`,
      xTitle: peers,
      yTitle: 'Bytes',
      series: [of('view', fleet => fleet.viewBytes)],
    },
    {
      name: 'scale-spread',
      title: 'Time to spread a view',
      subtitle: 'From the agreement on it to the last of the fleet, under load; simulated',
      xTitle: peers,
      yTitle: 'Milliseconds',
      series: [
        of('median of the views', ({ join }) => join.spreadMs),
        of('longest', ({ join }) => join.spreadMostMs),
      ],
    },
    {
      name: 'scale-growth-bytes',
      title: 'Bytes to add a tenth more peers',
      subtitle: `With ${gigabytes(result.storedBytes)} GB on each peer before`,
      xTitle: peers,
      yTitle: 'Gigabytes',
      series: [
        of('moved', fleet => gigabytes(fleet.growth.movedBytes)),
        of('least possible', fleet => gigabytes(fleet.growth.leastBytes)),
      ],
    },
    {
      name: 'scale-growth-copied',
      title: 'Bytes copied when a tenth more peers join',
      subtitle: 'By that which has to be copied; simulated under load',
      xTitle: peers,
      yTitle: 'Copied by least possible',
      series: [of('copied', ({ join }) => join.copiedBytes / join.leastBytes)],
      yDomain: [0, 1.5],
    },
    {
      name: 'scale-growth-time',
      title: 'Time to add a tenth more peers',
      subtitle: `With ${gigabytes(result.storedBytes)} GB on each peer before, scaled up from what was simulated`,
      xTitle: peers,
      yTitle: 'Minutes',
      series: [of('time', ({ growth }) => (growth.tookMs === null ? null : growth.tookMs / 60_000))],
    },
    {
      name: 'scale-growth-p99',
      title: 'Latency while a tenth more peers join',
      subtitle: '99th percentile by that of before; 2 is the limit',
      xTitle: peers,
      yTitle: 'p99 meanwhile by p99 before',
      series: [
        of('all of the join', ({ join }) => join.p99Ratio),
        of('long copies alone', ({ join }) => join.copyingP99Ratio),
      ],
      yDomain: [0, 3],
      aim: 2,
    },
    {
      name: 'scale-balance',
      title: 'Placement: the peer with most',
      subtitle: `${placements[0]?.partitions ?? 0} partitions, ${result.replicas} replicas of each`,
      xTitle: peers,
      yTitle: 'Load of the fullest peer',
      series: [
        placed('by the mean', each => each.loadMost / each.loadMean),
        placed('by the mean rounded up', each => each.unevenness),
      ],
    },
    {
      name: 'scale-moves',
      title: 'Placement: what one change moves',
      subtitle: 'One peer joins or leaves; 1 is the least possible, 1.3 the limit',
      xTitle: peers,
      yTitle: 'Moved by least possible',
      series: [
        placed('join', ({ join }) => join.moved / join.least),
        placed('leave', ({ leave }) => leave.moved / leave.least),
      ],
      yDomain: [0, 1.5],
      aim: 1.3,
    },
  ]
  return charts.filter(({ series }) => series.some(({ points }) => points.length > 0))
}

const gigabytes = (bytes: number): number => bytes / 1e9
