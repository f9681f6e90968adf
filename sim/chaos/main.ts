import { inspect } from 'node:util'
import { ChaosFailure } from './failure.ts'
import { checkRun } from './history/check.ts'
import { readHistory } from './history/file.ts'
import { type Command, readOptions, usage } from './options.ts'
import { reportWords, storyOf } from './report/words.ts'
import { ChaosRun } from './run.ts'

const exits = { well: 0, broken: 1, usage: 2, cannot: 3, interrupted: 130 } as const
const seedsDrawn = 1_000_000

const say = (lines: readonly string[]) => process.stdout.write(`${lines.join('\n')}\n`)

async function main(): Promise<number> {
  const command = readOptions(process.argv.slice(2), () => Math.floor(Math.random() * seedsDrawn))
  switch (command.kind) {
    case 'help':
      say([usage])
      return exits.well
    case 'wrong':
      process.stderr.write(`${command.why}\n${usage}\n`)
      return exits.usage
    case 'check':
      return checkAgain(command)
    case 'run':
      return run(command)
  }
}

async function run({ options, json }: Extract<Command, { kind: 'run' }>): Promise<number> {
  const startMs = performance.now()
  const chaos = new ChaosRun(options, what => {
    const seconds = Math.round((performance.now() - startMs) / 1_000)
    process.stderr.write(`${String(seconds).padStart(5)} s  ${what}\n`)
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(exits.interrupted))
  // However this process ends, short of being killed itself.
  process.once('exit', () => chaos.end())
  const { report, story } = await chaos.run().catch(failure => {
    process.stderr.write(`What there is of the run is kept in ${chaos.keptIn}\n`)
    throw failure
  })
  if (json) say([JSON.stringify(report)])
  else say([...reportWords(report), ...(story.length === 0 ? [] : ['', ...story])])
  return report.violations.length === 0 ? exits.well : exits.broken
}

async function checkAgain({ file, json }: Extract<Command, { kind: 'check' }>): Promise<number> {
  const { seed, calls, chains, faults } = await readHistory(file)
  const { violations, addresses, acknowledged } = checkRun(calls, chains)
  if (json) say([JSON.stringify({ seed, calls: calls.length, addresses, acknowledged, violations })])
  else {
    say([`seed ${seed}: ${calls.length} calls of ${addresses} addresses, ${violations.length} violations`])
    for (const { address, what } of violations)
      say([`  ${address}: ${what}`, ...storyOf(address, calls, faults).map(line => `    ${line}`)])
  }
  return violations.length === 0 ? exits.well : exits.broken
}

try {
  process.exitCode = await main()
} catch (failure) {
  const why = failure instanceof ChaosFailure ? failure.message : inspect(failure)
  process.stderr.write(`The run cannot go on: ${why}\n`)
  process.exitCode = exits.cannot
}
