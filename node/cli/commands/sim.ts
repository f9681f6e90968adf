import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { type JsonOption, wholeNumber, withExamples, withJson } from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import type { SimulationOptions, SimulationResult } from '../wiring.ts'
import { addScale } from './sim-scale.ts'

type RunOptions = JsonOption &
  Pick<SimulationOptions, 'peers' | 'operations' | 'clients' | 'keys' | 'moves' | 'upkeep' | 'faults'> & {
    seed: number
    minimise?: boolean
    html?: string
  }

const peersMin = 3
const peersMax = 100
const operationsMax = 100_000
const clientsMax = 1_000
const keysMax = 1_000

export function addSimulation(command: Command, session: Session): void {
  command.description('Runs the production peer in a simulated world of faults.')
  const run = command
    .command('run')
    .summary('Run one seed and tell its story')
    .description(
      'Runs the world of one seed. The same seed gives the same trace on the same code. When an invariant ' +
        'breaks, tells the story of the key in question and ends with exit code 1.',
    )
    .requiredOption('--seed <number>', 'Seed of the world', wholeNumber(0, 2 ** 32 - 1))
    .option('--peers <count>', 'Peers; else the seed chooses', wholeNumber(peersMin, peersMax))
    .option('--operations <count>', 'Operations of all clients together', wholeNumber(1, operationsMax))
    .option('--clients <count>', 'Callers; else the seed chooses', wholeNumber(1, clientsMax))
    .option('--keys <count>', 'Keys that they share; else the seed chooses', wholeNumber(1, keysMax))
    .option('--moves', 'Peers join, leave and are replaced; else the seed chooses')
    .option('--no-moves', 'Members and owners stay')
    .option('--upkeep', 'What is dead is collected, replicas are compared; else the seed chooses')
    .option('--no-upkeep', 'Nothing is collected or compared')
    .option('--faults <kind=hardness,...>', '`none`, or what is on and how hard it hits, 0 to 1', hardness)
    .option('--minimise', 'When it breaks, look for a smaller world that breaks the same way')
    .option('--html <file>', 'When it breaks, write its story as a page for a browser')
  withExamples(withJson(run), [
    'slurp sim run --seed 42',
    'slurp sim run --seed 42 --peers 7 --operations 500 --json',
    'slurp sim run --seed 42 --faults loss=0.5,crashes=1 --minimise --html story.html',
  ]).action((options: RunOptions) => replay(session, options))
  addScale(command, session)
}

/** Parser of `loss=0.5,crashes=1`, or `none`. Which faults there are, the simulator knows. */
function hardness(text: string): Record<string, number> {
  if (text === 'none') return {}
  const entries = text.split(',').map(part => {
    const found = /^(\w{1,40})=(\d(?:\.\d{1,20})?)$/.exec(part)
    if (found === null || Number(found[2]) > 1)
      throw new InvalidArgumentError('Write it as loss=0.5,crashes=1, each from 0 to 1, or none.')
    return [found[1]!, Number(found[2])] as const
  })
  return Object.fromEntries(entries)
}

async function replay(session: Session, options: RunOptions): Promise<void> {
  const { seed, json, minimise, html, ...world } = options
  const { page, ...result } = await session.wiring.simulate(seed, {
    ...world,
    ...(minimise ? { minimises: true } : {}),
    ...(html === undefined ? {} : { draws: true }),
  })
  if (html !== undefined && page !== undefined) writePage(html, page)
  answer(session, json, result, () => describe(result))
  if (result.violations.length > 0) session.exitCode = 1
}

function writePage(file: string, page: string): void {
  try {
    writeFileSync(file, page)
  } catch (cause) {
    throw new SlurpError('USAGE', `${file} cannot be written.`, { hint: 'Name another --html FILE.', cause })
  }
}

function describe(result: SimulationResult): string {
  const faults = Object.entries(result.faults).map(([kind, count]) => `${kind} ${count}`)
  const facts = table([
    ['  peers', String(result.peers)],
    ['  operations', `${result.operations}, ${result.unknown} of unknown outcome`],
    ['  steps', String(result.steps)],
    ['  counted', faults.join(', ') || 'nothing'],
    ['  trace', result.traceHash],
  ])
  if (result.violations.length === 0) return `seed ${result.seed}: every invariant held\n${facts}`
  const broken = result.violations.map(
    ({ invariant, what, atMs }) => `  invariant ${invariant} at ${(atMs / 1000).toFixed(4)} s: ${what}`,
  )
  const smaller = (result.minimised ?? []).map(line => `  ${line}`)
  return [`seed ${result.seed}: BROKEN`, ...broken, facts, ...smaller, '', ...result.story].join('\n')
}
