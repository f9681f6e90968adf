import { Command, CommanderError } from 'commander'
import { asSlurpError, SlurpError } from '../../base/errors.ts'
import { addBatch } from './commands/batch.ts'
import { addCompletion } from './commands/completion.ts'
import { addDemo } from './commands/demo.ts'
import { addGet } from './commands/get.ts'
import { addHelp } from './commands/help.ts'
import { addHistory } from './commands/history.ts'
import { addInit } from './commands/init.ts'
import { addPut } from './commands/put.ts'
import { addRing } from './commands/ring.ts'
import { addRemove } from './commands/rm.ts'
import { addSimulation } from './commands/sim.ts'
import { addStatus } from './commands/status.ts'
import { addUp } from './commands/up.ts'
import type { Session } from './session.ts'

const introduction = `SLURP keeps what the agents of a fleet know: encrypted, replicated, versioned.

Start with:
  $ slurp demo
Then, in another terminal:
  $ slurp put 'ucxl://any:any@notes:any/*^/first' --field summary="My first context"
  $ slurp get 'ucxl://any:any@notes:any/*^/first'

--json prints one JSON object on stdout, errors too. Exit codes: \`slurp help exit-codes\`.`

/** The whole command line as a value: what it can do, its help and its completion come from here. */
export function buildProgram(session: Session): Command {
  const program = new Command('slurp')
    .description(introduction)
    .version(session.wiring.version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Print help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: session.out,
      writeErr: session.err,
      outputError: () => {
        // `runCommandLine` prints it, as JSON where that was asked for.
      },
    })
  addDemo(program, session)
  addInit(program, session)
  addUp(program, session)
  addStatus(program, session)
  addPut(program, session)
  addGet(program, session)
  addRemove(program, session)
  addHistory(program, session)
  addRing(program, session)
  addBatch(program, session)
  addSimulation(program, session)
  addCompletion(program, session)
  addHelp(program, session)
  return program
}

/**
 * Runs one command line.
 *
 * @param words - without the program's name.
 * @returns the exit code; everything that can go wrong was printed.
 */
export async function runCommandLine(words: readonly string[], session: Session): Promise<number> {
  const args = words[0] === '--json' ? [...words.slice(1), '--json'] : words
  const program = buildProgram(session)
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync([...args], { from: 'user' })
    return session.exitCode
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
    const failure =
      thrown instanceof CommanderError ? usageFailure(thrown, program, args) : asSlurpError(thrown)
    printFailure(failure, session, args.includes('--json'))
    return failure.exitCode
  }
}

function printFailure(failure: SlurpError, session: Session, json: boolean): void {
  if (json) session.out(`${JSON.stringify(failure.toBody())}\n`)
  else session.err(`slurp: ${failure.message}\n  ${failure.hint}\n`)
  if (failure.code === 'INTERNAL' && session.environment.SLURP_DEBUG) session.err(`${inspect(failure)}\n`)
}

const inspect = (failure: SlurpError): string =>
  failure.cause instanceof Error ? String(failure.cause.stack) : String(failure.cause)

function usageFailure(thrown: CommanderError, program: Command, args: readonly string[]): SlurpError {
  if (thrown.code === 'commander.help') {
    return new SlurpError('USAGE', 'A subcommand is missing.', { hint: hintFor(program, args) })
  }
  const sentence = thrown.message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .trim()
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1)
  return new SlurpError('USAGE', /[.?)]$/.test(text) ? text : `${text}.`, { hint: hintFor(program, args) })
}

function hintFor(program: Command, args: readonly string[]): string {
  let command = program
  const path = ['slurp']
  for (const word of args) {
    const next = command.commands.find(candidate => candidate.name() === word)
    if (!next) break
    command = next
    path.push(word)
  }
  return `\`${path.join(' ')} --help\` shows how it is used.`
}
