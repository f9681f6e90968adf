import type { Command } from 'commander'
import { type JsonOption, wholeNumber, withExamples, withJson } from '../options.ts'
import type { Session } from '../session.ts'

type SimulationOptions = JsonOption & { seed: number; peers?: number; steps?: number }

export function addSimulation(command: Command, session: Session): void {
  command.description('Runs the production peer in a simulated world of faults.')
  const run = command
    .command('run')
    .summary('Run one seed and tell its story')
    .description(
      'Runs the world of one seed and prints what happened. The same seed gives the same story. Exits 1 when an invariant broke.',
    )
    .requiredOption('--seed <number>', 'Seed of the world', wholeNumber(0, 2 ** 32 - 1))
    .option('--peers <count>', 'Peers; else the seed chooses', wholeNumber(1, 100))
    .option('--steps <count>', 'Events to simulate; else the seed chooses', wholeNumber(1, 100_000_000))
  withExamples(withJson(run), ['slurp sim run --seed 42', 'slurp sim run --seed 42 --json']).action(
    (options: SimulationOptions) => replay(session, options),
  )
}

async function replay(session: Session, options: SimulationOptions): Promise<void> {
  const result = await session.wiring.simulate({
    seed: options.seed,
    peers: options.peers ?? null,
    steps: options.steps ?? null,
    print: line => (options.json ? session.err : session.out)(`${line}\n`),
  })
  if (options.json) session.out(`${JSON.stringify(result.summary)}\n`)
  if (!result.held) session.exitCode = 1
}
