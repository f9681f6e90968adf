import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { AgentTokenMade, AgentTokenOrder, JoinTokenMade } from '../../grants/api.ts'
import { writePrivately } from '../../peer-settings.ts'
import { type LimitOptions, lifeSeconds, limitNames, limitsFrom, withLimits } from '../grant-options.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session } from '../session.ts'

type TokenOptions = FleetOptions &
  LimitOptions & {
    agent?: string
    grantTtl?: number
    ttl: number
    blind?: boolean
    out?: string
    dryRun?: boolean
  }

const grantTtlSeconds = 7 * 86_400

export function addToken(command: Command, session: Session): void {
  command.description('Makes tokens by which new peers and agents come into the fleet, each of them once.')
  const create = command
    .command('create')
    .summary('Make a join token')
    .description(
      'Makes a secret line that lets one new peer in: it holds the address of this door. Whoever has it may use it, so ' +
        'hand it over as you would a key. The fleet keeps only its hash. With --agent it lets one agent in, which is granted ' +
        'what is said here, as with `slurp grant create`; the agent makes its own key, and the grant is for that.',
    )
    .option('--ttl <time>', 'How long the fleet waits for its holder: 15m, 12h, 7d', lifeSeconds, 3_600)
    .option('--agent <name>', 'It is for an agent, which grants name so')
    .option('--blind', 'The peer gets no role keys, whatever it asks for')
    .option('--out <file>', 'Where the token goes, instead of to the terminal; the file is new')
    .option('--dry-run', 'Say what would be made, change nothing')
  withLimits(create).option(
    '--grant-ttl <time>',
    'How long what the agent is granted is valid, from when it came in (default: 7d)',
    lifeSeconds,
  )
  withExamples(withFleet(create), [
    'slurp token create --ttl 30m --out p6.join',
    'slurp token create --blind --ttl 1d --out storage.join',
    'slurp token create --agent ci --operations read,write --roles developer --projects shop --ttl 30m --out ci.join',
  ]).action((options: TokenOptions) =>
    options.agent === undefined
      ? createToken(session, options)
      : createAgentToken(session, { ...options, agent: options.agent }),
  )
}

async function createToken(session: Session, options: TokenOptions): Promise<void> {
  const { out, ttl, timeoutMs } = options
  const beyond = [...limitNames, 'grantTtl' as const].find(name => options[name] !== undefined)
  if (beyond !== undefined) {
    throw new SlurpError(
      'USAGE',
      'What is granted is said only for an agent: a peer has what members have.',
      {
        hint: 'Name the agent with --agent, or make a grant with `slurp grant create`.',
      },
    )
  }
  refuseTaken(out)
  const body = { ttlSeconds: ttl, roles: options.blind !== true }
  if (options.dryRun) {
    answer(session, options.json, { dryRun: true, ...body }, () => `would make a token for ${ttl} s`)
    return
  }
  const made = (await withClient(session, options, client =>
    client.call({ method: 'POST', path: '/v1/join-tokens', body, timeoutMs }),
  )) as JoinTokenMade
  if (out === undefined) {
    answer(session, options.json, made, () => made.token)
    return
  }
  writePrivately(out, `${made.token}\n`)
  const { expiresAt, roles } = made
  answer(session, options.json, { tokenFile: resolve(out), expiresAt, roles }, () =>
    [
      `${resolve(out)} lets one peer in until ${expiresAt}`,
      `  on its machine: slurp join - --dir DIR < ${out}`,
    ].join('\n'),
  )
}

async function createAgentToken(session: Session, options: TokenOptions & { agent: string }): Promise<void> {
  const { agent, out, ttl, grantTtl, dryRun, timeoutMs } = options
  if (options.blind) throw new SlurpError('USAGE', 'An agent has the roles of its grant: leave --blind out.')
  refuseTaken(out)
  const body = {
    name: agent,
    ttlSeconds: ttl,
    grant: { ...limitsFrom(options), ttlSeconds: grantTtl ?? grantTtlSeconds },
    dryRun: dryRun === true,
  } satisfies AgentTokenOrder
  const { token, ...made } = (await withClient(session, options, client =>
    client.call({ method: 'POST', path: '/v1/agent-tokens', body, timeoutMs }),
  )) as AgentTokenMade
  if (token === null) {
    const plan = { dryRun: true, ...made }
    answer(session, options.json, plan, () => `would make a token for the agent ${made.name} for ${ttl} s`)
    return
  }
  if (out === undefined) {
    answer(session, options.json, { token, ...made }, () => token)
    return
  }
  writePrivately(out, `${token}\n`)
  answer(session, options.json, { tokenFile: resolve(out), ...made }, () =>
    [
      `${resolve(out)} lets the agent ${made.name} in until ${made.expiresAt}`,
      `  on its machine: slurp agent --dir DIR --join - < ${out}`,
    ].join('\n'),
  )
}

function refuseTaken(out: string | undefined): void {
  if (out !== undefined && existsSync(out)) throw new SlurpError('DIRECTORY_TAKEN', `${out} exists already.`)
}
