import type { Command } from 'commander'
import { type JsonOption, wholeNumber, withExamples, withJson } from '../options.ts'
import { answer, type Session, table } from '../session.ts'
import type { SimulationResult } from '../wiring.ts'
import { addScale } from './sim-scale.ts'

type SimulationOptions = JsonOption & { seed: number; peers?: number; operations?: number }

const peersMin = 3
const peersMax = 100
const operationsMax = 100_000

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
  withExamples(withJson(run), [
    'slurp sim run --seed 42',
    'slurp sim run --seed 42 --peers 7 --operations 500 --json',
  ]).action((options: SimulationOptions) => replay(session, options))
  addScale(command, session)
}

async function replay(session: Session, { seed, peers, operations, json }: SimulationOptions): Promise<void> {
  const result = await session.wiring.simulate(seed, {
    ...(peers === undefined ? {} : { peers }),
    ...(operations === undefined ? {} : { operations }),
  })
  answer(session, json, result, () => describe(result))
  if (result.violations.length > 0) session.exitCode = 1
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
  return [`seed ${result.seed}: BROKEN`, ...broken, facts, '', ...result.story].join('\n')
}
