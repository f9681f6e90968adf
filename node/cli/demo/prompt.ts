import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { asSlurpError, SlurpError } from '../../../base/errors.ts'
import { membersIn } from '../fleet-directory.ts'
import { runCommandLine } from '../program.ts'
import type { Session } from '../session.ts'
import type { DemoFleet } from './demo-fleet.ts'
import { splitWords } from './words.ts'

/** Commands of `slurp` that make sense at the prompt. */
const passedOn = [
  ...['status', 'get', 'put', 'rm', 'history', 'diff', 'resolve', 'ls', 'tree', 'decisions', 'stale'],
  ...['peer', 'ring', 'leader', 'batch'],
]
const own = ['kill', 'start', 'join', 'drain', 'help', 'exit']
/** They would run a peer inside the demo, or end one that the demo does not know of. */
const notPassedOn = ['join', 'replace', 'leave']

export const promptHelp = `  status                        how the fleet is
  get ADDRESS                   print a context
  put ADDRESS --field NAME=TEXT store one
  rm ADDRESS                    delete it
  history ADDRESS               its versions
  resolve ADDRESS --explain     what holds there, inherited fields too
  ls, tree [PROJECT/PATH]       what is stored
  ring show                     who owns what
  batch import FILE             store many
  kill p3                       end a peer as a crash would
  start p3                      start it again
  join                          let one more peer in
  drain p3                      take a peer out; its process ends by itself
  leader show                   who leads
  help [COMMAND]                explain
  Ctrl-D                        stop everything`

export type PromptOptions = {
  /** Directory of the fleet. */
  readonly dir: string
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
    } else if (command === 'join') {
      await letIn(options)
    } else if (command === 'drain') {
      await pass(['peer', 'drain', name, '--wait'], options)
    } else if (command === 'peer' && notPassedOn.includes(name)) {
      throw new SlurpError('USAGE', `\`peer ${name}\` is for a terminal of its own.`, {
        hint: 'Here it is `join`, and `drain p3`.',
      })
    } else if (command === 'help' && name === '') {
      session.out(`${promptHelp}\n`)
    } else if (command === 'help' || passedOn.includes(command)) {
      await pass(words[0] === 'slurp' ? words.slice(1) : words, options)
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

/** Runs a command of `slurp` on the fleet of the demo. @returns its exit code. */
function pass(words: readonly string[], { fleet, session }: PromptOptions): Promise<number> {
  const target = words[0] === 'help' ? null : fleet.target()
  return runCommandLine(words, { ...session, input: null, target, exitCode: 0 })
}

async function letIn(options: PromptOptions): Promise<void> {
  const { dir, fleet, session } = options
  const numbers = membersIn(dir).map(name => Number(name.slice(1)))
  const name = `p${Math.max(0, ...numbers) + 1}`
  const member = { name, dir: join(dir, name) }
  const words = ['peer', 'join', '--dir', member.dir, '--name', name, '--no-start']
  // Where it is and how it is started is not for whoever sits at the prompt.
  const quiet = { ...options, session: { ...session, out: () => undefined } }
  if ((await pass(words, quiet)) !== 0) return
  fleet.add(member)
  const peer = await fleet.start(name)
  session.out(
    `${name} is up at ${peer.url} (process ${peer.pid}); \`ring progress\` shows how it gets its share.\n`,
  )
}
