import type { Command } from 'commander'
import { type JsonOption, wholeNumber, withExamples, withJson } from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import type { ScaleFigures } from '../wiring.ts'

type ScaleOptions = JsonOption & {
  seed: number
  peers: readonly number[]
  placement: readonly number[]
  clients: number
  joinClients?: number
}

const peersDefault: readonly number[] = [3, 6, 12, 25, 50, 100]
const placementsDefault: readonly number[] = [10, 30, 100, 300, 1_000, 3_000, 10_000]
/** More do not fit into the memory of one process. */
const peersMax = 200
const placementMax = 10_000
const clientsDefault = 16
const clientsMax = 64

export function addScale(command: Command, session: Session): void {
  const scale = command
    .command('scale')
    .summary('Fleets of growing size under load, on virtual time')
    .description(
      'Runs the production peer in fleets of growing size whose processors, disks and network take the time ' +
        'that was measured on the real code. Every peer serves as many clients; so what a peer does in a large ' +
        'fleet shows what size costs. Then a tenth more peers join it under that load. Sizes up to 12 take about ' +
        'a minute, up to 50 a quarter of an hour, and 100 peers some minutes more. docs/SCALE.md explains the figures.',
    )
    .option('--peers <counts>', 'Sizes of the fleets', counts(3, peersMax), peersDefault)
    .option(
      '--placement <counts>',
      'Sizes for which placement alone is computed',
      counts(3, placementMax),
      placementsDefault,
    )
    .option('--clients <count>', 'Clients of each peer', wholeNumber(1, clientsMax), clientsDefault)
    .option(
      '--join-clients <count>',
      'Clients of each peer that go on while peers join; else all, and one above 50 peers',
      wholeNumber(1, clientsMax),
    )
    .option('--seed <number>', 'Seed of the world', wholeNumber(0, 2 ** 32 - 1), 1)
  withExamples(withJson(scale), [
    'slurp sim scale --peers 3,6,12 --placement 10,100',
    'slurp sim scale --peers 100 --join-clients 4',
    'slurp sim scale --json > scale.json',
  ]).action((options: ScaleOptions) => measure(session, options))
}

async function measure(session: Session, options: ScaleOptions): Promise<void> {
  const { seed, peers, placement: placements, clients: clientsPerPeer, joinClients } = options
  const startMs = performance.now()
  const told = (what: string) => {
    const seconds = Math.round((performance.now() - startMs) / 1_000)
    session.err(session.errIsTerminal ? `\r${seconds} s  ${what}\x1b[K` : `${seconds} s  ${what}\n`)
  }
  const wish = { seed, peers, placements, clientsPerPeer, told }
  const figures = await session.wiring.simulateScale(
    joinClients === undefined ? wish : { ...wish, joinClientsPerPeer: Math.min(joinClients, clientsPerPeer) },
  )
  if (session.errIsTerminal) session.err('\r\x1b[K')
  answer(session, options.json, figures, () => describe(figures))
}

/** Parser of an option that takes whole numbers separated by commas; each once, ascending. */
const counts = (min: number, max: number) => (text: string) =>
  [...new Set(text.split(',').map(wholeNumber(min, max)))].sort((a, b) => a - b)

function describe({ fleets, placements, clientsPerPeer, writeShare }: ScaleFigures): string {
  const perDoubling = (efficiency: number | null) => efficiency?.toFixed(2) ?? '-'
  const load = fleets.map(fleet => [
    String(fleet.peers),
    fleet.perSecond.toFixed(0),
    fleet.perSecondAndPeer.toFixed(0),
    perDoubling(fleet.efficiency),
    fleet.messagesPerOperation.toFixed(1),
    fleet.p50Ms.toFixed(1),
    fleet.p99Ms.toFixed(1),
    String(fleet.viewBytes),
  ])
  const joins = fleets.map(({ peers, join }) => [
    String(peers),
    String(join.added),
    `${(join.tookMs / 1_000).toFixed(1)} s`,
    `${join.spreadMs.toFixed(0)}, ${join.spreadMostMs.toFixed(0)} ms`,
    `${(join.copiedBytes / 1e6).toFixed(1)} of ${(join.leastBytes / 1e6).toFixed(1)} MB`,
    join.p99Ratio.toFixed(2),
  ])
  const placed = placements.map(each => [
    String(each.peers),
    each.loadMean.toFixed(2),
    `${each.loadLeast} to ${each.loadMost}`,
    `${each.join.moved} of ${each.join.least}`,
    `${each.leave.moved} of ${each.leave.least}`,
    `${(each.tookMs / 1_000).toFixed(2)} s`,
  ])
  return [
    `Under load: ${clientsPerPeer} clients a peer, ${Math.round(writeShare * 100)} % of the operations write.`,
    table([
      ['peers', 'ops/s', 'of a peer', 'per doubling', 'messages/op', 'p50 ms', 'p99 ms', 'view B'],
      ...load,
    ]),
    '',
    'A tenth more peers join meanwhile: until all is theirs; a view at its last member, median and longest;',
    'what is copied, of what has to be; the 99th percentile meanwhile, by that of before.',
    table([['peers', 'join', 'took', 'view', 'copied', 'p99 by before'], ...joins]),
    '',
    'Placement alone: partitions of a member; places that move, of those that have to.',
    table([['peers', 'mean', 'least to most', 'one joins', 'one leaves', 'took'], ...placed]),
  ].join('\n')
}
