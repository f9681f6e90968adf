import { Command, CommanderError } from 'commander'
import { asSlurpError, SlurpError } from '../../base/errors.ts'
import type { Session } from './session.ts'

const introduction = `SLURP keeps what the agents of a fleet know: encrypted, replicated, versioned.

Start with:
  $ slurp demo
Then, in another terminal:
  $ slurp put 'ucxl://any:any@notes:any/*^/first' --field summary="My first context"
  $ slurp get 'ucxl://any:any@notes:any/*^/first'

--json prints one JSON object on stdout, errors too. Exit codes: \`slurp help exit-codes\`.`

type Registered = {
  readonly summary: string
  readonly load: () => Promise<(command: Command, session: Session) => void>
}

/** Every command, in the order of the help; loaded when it is wanted, so that each starts quickly. */
const registered: Readonly<Record<string, Registered>> = {
  demo: {
    summary: 'Start a fleet to try things with',
    load: async () => (await import('./commands/demo.ts')).addDemo,
  },
  init: { summary: 'Make a fleet', load: async () => (await import('./commands/init.ts')).addInit },
  up: { summary: 'Run one peer', load: async () => (await import('./commands/up.ts')).addUp },
  agent: {
    summary: 'Run an agent: the door of a process that is no peer',
    load: async () => (await import('./commands/agent.ts')).addAgent,
  },
  join: {
    summary: 'Come into a fleet by a join token',
    load: async () => (await import('./commands/join.ts')).addJoinByToken,
  },
  status: {
    summary: 'Show how the fleet is',
    load: async () => (await import('./commands/status.ts')).addStatus,
  },
  put: { summary: 'Store a context', load: async () => (await import('./commands/put.ts')).addPut },
  get: { summary: 'Print a context', load: async () => (await import('./commands/get.ts')).addGet },
  rm: { summary: 'Delete a context', load: async () => (await import('./commands/rm.ts')).addRemove },
  history: {
    summary: 'List the versions of a context',
    load: async () => (await import('./commands/history.ts')).addHistory,
  },
  diff: {
    summary: 'Show what changed between two versions',
    load: async () => (await import('./commands/diff.ts')).addDiff,
  },
  resolve: {
    summary: 'Print what holds at an address, inherited fields too',
    load: async () => (await import('./commands/resolve.ts')).addResolve,
  },
  search: {
    summary: 'Find contexts by their words',
    load: async () => (await import('./commands/search.ts')).addSearch,
  },
  ls: { summary: 'List contexts', load: async () => (await import('./commands/ls.ts')).addList },
  tree: {
    summary: 'Count contexts by path',
    load: async () => (await import('./commands/tree.ts')).addTree,
  },
  decisions: {
    summary: 'Walk what led to a context and what came of it',
    load: async () => (await import('./commands/decisions.ts')).addDecisions,
  },
  stale: {
    summary: 'List contexts that follow what holds no more',
    load: async () => (await import('./commands/stale.ts')).addStale,
  },
  identity: {
    summary: 'Seal the identity of a peer by a passphrase',
    load: async () => (await import('./commands/identity.ts')).addIdentity,
  },
  peer: {
    summary: 'Let peers into the fleet and out of it',
    load: async () => (await import('./commands/peer.ts')).addPeer,
  },
  ring: {
    summary: 'Look at the placement of data, steer moves',
    load: async () => (await import('./commands/ring.ts')).addRing,
  },
  key: {
    summary: 'Look after keys and their shares',
    load: async () => (await import('./commands/key.ts')).addKey,
  },
  role: {
    summary: 'Look at roles, give them new keys',
    load: async () => (await import('./commands/role.ts')).addRole,
  },
  retention: {
    summary: 'Say how much history projects keep',
    load: async () => (await import('./commands/retention.ts')).addRetention,
  },
  grant: {
    summary: 'Say who may do what',
    load: async () => (await import('./commands/grant.ts')).addGrant,
  },
  token: {
    summary: 'Make tokens that let peers in',
    load: async () => (await import('./commands/token.ts')).addToken,
  },
  index: {
    summary: 'Look after the search index',
    load: async () => (await import('./commands/index-commands.ts')).addIndex,
  },
  audit: {
    summary: 'See who was allowed and denied what',
    load: async () => (await import('./commands/audit.ts')).addAudit,
  },
  duty: {
    summary: 'Look at the duties of the leader',
    load: async () => (await import('./commands/duty.ts')).addDuty,
  },
  leader: {
    summary: 'See who leads',
    load: async () => (await import('./commands/leader.ts')).addLeader,
  },
  batch: {
    summary: 'Store many contexts at once',
    load: async () => (await import('./commands/batch.ts')).addBatch,
  },
  sim: {
    summary: 'Replay simulated fleets',
    load: async () => (await import('./commands/sim.ts')).addSimulation,
  },
  completion: {
    summary: 'Print a completion script for a shell',
    load: async () => (await import('./commands/completion.ts')).addCompletion,
  },
  help: {
    summary: 'Explain a command or a topic',
    load: async () => (await import('./commands/help.ts')).addHelp,
  },
}

/** Commands that say something about all the others. */
const aboutAll = ['help', 'completion']

/**
 * The command line as a value: what it can do, its help and its completion come from here.
 *
 * @param word - first word typed; when it names a command, only that one is loaded.
 */
export async function buildProgram(session: Session, word?: string): Promise<Command> {
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
  const alone = word !== undefined && Object.hasOwn(registered, word) && !aboutAll.includes(word)
  for (const [name, { summary, load }] of Object.entries(registered)) {
    if (alone && name !== word) continue
    const add = await load()
    add(program.command(name).summary(summary), session)
  }
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
  const program = await buildProgram(session, args[0])
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
