import { createInterface } from 'node:readline'
import { asSlurpError, SlurpError } from '../../../base/errors.ts'
import { runCommandLine } from '../program.ts'
import type { Session } from '../session.ts'
import type { DemoFleet } from './demo-fleet.ts'
import { splitWords } from './words.ts'

/** Commands of `slurp` that make sense at the prompt. */
const passedOn = ['status', 'get', 'put', 'rm', 'history', 'ring', 'batch']
const own = ['kill', 'start', 'help', 'exit']

export const promptHelp = `  status                        how the fleet is
  get ADDRESS                   print a context
  put ADDRESS --field NAME=TEXT store one
  rm ADDRESS                    delete it
  history ADDRESS               its versions
  ring show                     who owns what
  batch import FILE             store many
  kill p3                       end a peer as a crash would
  start p3                      start it again
  help [COMMAND]                explain
  Ctrl-D                        stop everything`

export type PromptOptions = {
  readonly fleet: DemoFleet
  readonly session: Session
  /** True where a person types. */
  readonly terminal: boolean
  /** Ctrl-C at the prompt. */
  readonly onInterrupt: () => void
}

/** Takes commands until the input ends or `exit` is typed. One at a time, in order. */
export async function takeCommands(options: PromptOptions, stopped: Promise<unknown>): Promise<void> {
  const { session, terminal } = options
  if (!session.input) return
  const lines = createInterface({
    input: session.input,
    ...(terminal ? { output: process.stdout } : {}),
    terminal,
    prompt: 'slurp> ',
    completer: (text: string) => [[...passedOn, ...own].filter(name => name.startsWith(text)), text],
  })
  lines.on('SIGINT', options.onInterrupt)
  stopped.then(() => lines.close())
  if (terminal) lines.prompt()
  for await (const line of lines) {
    if ((await carryOut(line, options)) === 'exit') break
    if (terminal) lines.prompt()
  }
  lines.close()
  if (terminal) session.out('\n')
}

async function carryOut(line: string, options: PromptOptions): Promise<'exit' | 'goOn'> {
  const { fleet, session } = options
  try {
    const words = splitWords(line)
    const [command, name = ''] = words[0] === 'slurp' ? words.slice(1) : words
    if (command === undefined) return 'goOn'
    if (command === 'exit' || command === 'quit') return 'exit'
    if (command === 'kill') {
      await fleet.kill(name)
      session.out(`${name} is gone, as in a crash. The others serve on; \`start ${name}\` brings it back.\n`)
    } else if (command === 'start') {
      const peer = await fleet.start(name)
      session.out(`${name} is up at ${peer.url} (process ${peer.pid}).\n`)
    } else if (command === 'help' && name === '') {
      session.out(`${promptHelp}\n`)
    } else if (command === 'help' || passedOn.includes(command)) {
      const passed = words[0] === 'slurp' ? words.slice(1) : words
      const target = command === 'help' ? null : fleet.target()
      await runCommandLine(passed, { ...session, input: null, target, exitCode: 0 })
    } else {
      throw new SlurpError('USAGE', `There is no command "${command}" here.`, {
        hint: 'Type help for the list.',
      })
    }
  } catch (thrown) {
    const failure = asSlurpError(thrown)
    session.err(`${failure.message}\n  ${failure.hint}\n`)
  }
  return 'goOn'
}
