import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { defaultOf, flagOf, meaningOf, readSettings, type SettingName } from '../../config.ts'
import type { AgentTicket } from '../../grants/api.ts'
import {
  newToken,
  peerFilePath,
  readPeerFile,
  tokenPath,
  writePeerFile,
  writePrivately,
} from '../../peer-settings.ts'
import { type JsonOption, names, withExamples, withJson } from '../options.ts'
import { runPeer, settingsOf } from '../run-peer.ts'
import { answer, type Session } from '../session.ts'
import { doorsOf, type ShownToken, shownToken, withDoorsOf } from '../shown-token.ts'

type AgentOptions = JsonOption & {
  dir: string
  grant?: string
  join?: string
  networkKey?: string
  bootstrap?: string[]
  passphrase?: boolean
  index?: boolean
  dryRun?: boolean
} & Record<string, unknown>

/** Settings of a process that an agent has too. */
const agentSettings = [
  'httpHost',
  'httpPort',
  'bootstrap',
  'contextBytesMax',
  'requestsInFlightMax',
  'drainMs',
  'logLevel',
] as const satisfies SettingName[]

const unnamed = 'agent'
const joinMs = 60_000

export function addAgent(command: Command, session: Session): void {
  command
    .description(
      'Runs an agent: it is no peer and keeps nothing for others. It finds the fleet, shows its grant, collects its role keys ' +
        'in memory, and seals and opens here; the peers see sealed bytes only. Its door on this machine takes the same ' +
        'commands as that of a peer. The first run makes DIR with an identity, and names it: the grant is for that id. With ' +
        '--join it shows a token that `slurp token create --agent` made, once, and is granted what that is for.',
    )
    .requiredOption('--dir <dir>', 'Directory of the agent: identity, grant, token of its door')
    .option('--grant <file>', 'Grant, as `slurp grant create --out` wrote it; kept in DIR')
    .option('--join <token>', 'Come in by a join token; - reads it from standard input')
    .option('--network-key <file>', 'Key of a private network; kept in DIR')
    .option('--passphrase', 'Seal a new identity by a passphrase, which is asked for')
    .option(
      '--index',
      'Keep a sealed copy and index of what its roles open in DIR: for search, ls, tree, decisions, stale',
    )
    .option('--dry-run', 'Make the identity if there is none, say what would run, start nothing')
  for (const name of agentSettings) {
    const option = new Option(`--${flagOf(name)} <value>`, `${meaningOf(name)} (default: ${defaultOf(name)})`)
    command.addOption(name === 'bootstrap' ? option.argParser(names) : option)
  }
  withExamples(withJson(command), [
    'slurp agent --dir ci --join - < ci.join',
    'slurp agent --dir ci --dry-run',
    'slurp grant create --subject 12D3Koo… --operations read,write --roles developer --out ci.grant',
    'slurp agent --dir ci --grant ci.grant --bootstrap /ip4/192.0.2.7/tcp/4100/p2p/12D3Koo…',
    'slurp agent --dir ci --index --json',
  ]).action((options: AgentOptions) => run(session, options))
}

async function run(session: Session, options: AgentOptions): Promise<void> {
  const dir = resolve(options.dir)
  if (options.join !== undefined && options.grant !== undefined)
    throw new SlurpError('USAGE', 'A token brings its own grant: leave --grant or --join out.')
  const shown = options.join === undefined ? null : await shownToken(session, options.join, 'agent')
  const id = await furnish(session, dir, options)
  if (shown !== null && !options.dryRun) await joinBy(session, shown, options)
  const settings = settingsOf(session, dir, options)
  const hasGrant = existsSync(join(dir, 'grant.json'))
  if (options.dryRun) {
    const joins =
      shown === null
        ? {}
        : { doors: doorsOf(shown.token), expiresAt: new Date(shown.token.expiresMs).toISOString() }
    const plan = { dryRun: true, dir, id, hasGrant, bootstrap: settings.bootstrap, ...joins }
    answer(session, options.json, plan, () =>
      [
        `would run the agent ${id ?? 'whose identity is sealed'} in ${dir}`,
        ...(joins.doors === undefined ? [] : [`  once it joined by ${joins.doors.join(', ')}`]),
        ...(hasGrant || shown !== null ? [] : [`  grant it something: ${grantLine(id)}`]),
      ].join('\n'),
    )
    return
  }
  if (!hasGrant) {
    throw new SlurpError('DATA_MISSING', `There is no grant in ${dir}.`, {
      hint: `Whoever grants in this fleet runs: ${grantLine(id)}. Then name the file with --grant.`,
    })
  }
  await runPeer(session, {
    dir,
    settings,
    json: options.json === true,
    child: false,
    remember: true,
    agent: { index: options.index === true },
  })
}

const grantLine = (id: string | null): string =>
  `\`slurp grant create --subject ${id ?? 'ID'} --operations read,write --roles ROLE --out FILE\``

/** Shows a token, once, and keeps what it is for. Should the answer be lost, the same agent may show it again. */
async function joinBy(session: Session, { text, token }: ShownToken, options: AgentOptions): Promise<void> {
  const dir = resolve(options.dir)
  const request = await session.wiring.agentRequestIn(dir, token)
  const ticket = await withDoorsOf(token, async client => {
    const body = { token: text, request }
    const call = { method: 'POST', path: '/v1/join/agent', body, timeoutMs: joinMs } as const
    return (await client.call(call)) as AgentTicket
  })
  await session.wiring.writeAgentTicket(dir, token, ticket)
  const { name: had, settings } = readPeerFile(dir)
  // What was named by hand is known to be reachable from here.
  const bootstrap = options.bootstrap === undefined ? { bootstrap: ticket.bootstrap } : {}
  writePeerFile(dir, { name: had === unnamed ? ticket.name : had, settings: { ...settings, ...bootstrap } })
}

/** Makes what is not there yet, and keeps what was given. @returns the id; null where its identity is sealed. */
async function furnish(session: Session, dir: string, options: AgentOptions): Promise<string | null> {
  if (existsSync(join(dir, 'keys.registry'))) {
    throw new SlurpError('DIRECTORY_TAKEN', `${dir} is the directory of a peer.`, {
      hint: 'An agent has a directory of its own; `slurp up --dir DIR` runs the peer.',
    })
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const isNew = !existsSync(join(dir, 'identity.key'))
  const made = isNew ? await session.wiring.newPeerIn(dir, options.passphrase === true) : null
  if (!existsSync(tokenPath(dir))) writePrivately(tokenPath(dir), `${newToken()}\n`)
  if (options.grant !== undefined) keep(options.grant, join(dir, 'grant.json'))
  if (options.networkKey !== undefined) keep(options.networkKey, join(dir, 'network.key'))
  const before = existsSync(peerFilePath(dir)) ? readPeerFile(dir) : { name: unnamed, settings: {} }
  const { bootstrap } = readSettings([
    { place: 'the command line', values: { bootstrap: options.bootstrap } },
  ])
  const settings = { ...before.settings, ...(bootstrap.length === 0 ? {} : { bootstrap }) }
  writePeerFile(dir, { name: before.name, settings })
  return made?.id ?? (await session.wiring.identityIn(dir)).peerId
}

function keep(from: string, to: string): void {
  if (resolve(from) === to) return
  if (!existsSync(from)) throw new SlurpError('DATA_MISSING', `There is no file ${from}.`)
  writePrivately(to, readFileSync(from))
}
