import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type {
  DelegateText,
  Explained,
  ExplainOrder,
  GrantCreated,
  GrantOrder,
  GrantText,
  RevokedGrant,
} from '../../grants/api.ts'
import { writePrivately } from '../../peer-settings.ts'
import { type LimitOptions, lifeSeconds, limitsFrom, momentFrom, withLimits } from '../grant-options.ts'
import { type FleetOptions, names, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

type CreateOptions = FleetOptions &
  LimitOptions & {
    subject: string
    peer?: boolean
    ttl: number
    tokenOut?: string
    out?: string
    dryRun?: boolean
  }
type RevokeOptions = FleetOptions & { since?: number; rotate: boolean; dryRun?: boolean }
type ExplainOptions = FleetOptions & {
  operation: string
  address?: string
  roles?: string[]
  from?: string
  at?: number
}
type DelegateOptions = FleetOptions & { authority?: string; shares?: string[]; dryRun?: boolean }

export function addGrant(command: Command, session: Session): void {
  command.description(
    'Says who may do what, where, when and from where. A grant ends after 31 days at most; those of members are renewed ' +
      'by the fleet itself.',
  )
  addCreate(command, session)
  const list = command
    .command('ls')
    .summary('List the grants')
    .description('Lists every grant, by when it ends.')
  withExamples(withFleet(list), ['slurp grant ls', 'slurp grant ls --json']).action((options: FleetOptions) =>
    print(session, options),
  )
  const show = command
    .command('show')
    .summary('Show one grant')
    .description(
      'Shows a grant with all its limits. Projects are shown as the scopes that stand for their names.',
    )
    .argument('<grant>', 'Its id, its name, or the id of its holder')
  withExamples(withFleet(show), ['slurp grant show ci-runner', 'slurp grant show p3 --json']).action(
    async (name: string, options: FleetOptions) => {
      const found = (await call(session, options, 'GET', grantPath(name))) as GrantText
      answer(session, options.json, found, () => describe(found))
    },
  )
  addRevoke(command, session)
  addExplain(command, session)
  addDelegate(command, session)
}

function addCreate(command: Command, session: Session): void {
  const create = command
    .command('create')
    .summary('Grant somebody something')
    .description(
      'Signs a grant and tells every peer. With --token-out, doors take the secret in that file for it. Limits that are ' +
        'not given are "any", but for the operations: those are read and history.',
    )
    .requiredOption('--subject <subject>', 'Who: a member, the id of a process, or a name of your choice')
    .option('--peer', 'It is for a member, to be linked by')
  withLimits(create)
    .option('--ttl <time>', 'How long it is valid: 15m, 12h, 7d', lifeSeconds, 7 * 86_400)
    .option('--token-out <file>', 'Where the secret for doors goes; the file is new')
    .option('--out <file>', 'Where the grant goes, as grant.json of a process; the file is new')
    .option('--dry-run', 'Say what would be granted, change nothing')
  withExamples(withFleet(create), [
    'slurp grant create --subject ci --operations read,write --roles developer --projects shop --token-out ci.token',
    'slurp grant create --subject night-job --hours "Europe/Berlin mon-fri 22:00-04:00" --ttl 1d --token-out job.token',
    'slurp grant create --subject p3 --peer --operations admin:*,read,write,delete,history,search --out grant.json',
  ]).action((options: CreateOptions) => createGrant(session, options))
}

function addRevoke(command: Command, session: Session): void {
  const revoke = command
    .command('revoke')
    .summary('Revoke a grant')
    .description(
      'Takes a grant back: within seconds no peer links its holder, answers it or takes what it writes. What it wrote ' +
        'before stays; with --since what it wrote from that moment on is refused, too. Roles whose keys its holder may have ' +
        'had get new ones, by the leader and as soon as all members can be reached; keys of before open what they did.',
    )
    .argument('<grant>', 'Its id, its name, or the id of its holder')
    .option('--since <moment>', 'From when on it counts for nothing, as 2026-11-22T08:00:00Z', momentFrom)
    .option('--no-rotate', 'Leave the keys of roles as they are')
    .option('--dry-run', 'Say what would be revoked, change nothing')
  withExamples(withFleet(revoke), [
    'slurp grant revoke ci',
    'slurp grant revoke ci --since 2026-11-22T08:00:00Z --dry-run',
    'slurp grant revoke p3 --no-rotate',
  ]).action(async (name: string, options: RevokeOptions) => {
    const { since, rotate } = options
    const body = { sinceMs: since ?? null, rotate, dryRun: options.dryRun === true }
    const revoked = (await call(session, options, 'POST', grantPath(name, '/revoke'), body)) as RevokedGrant
    const result = options.dryRun ? { dryRun: true, ...revoked } : revoked
    const verb = options.dryRun ? 'would revoke' : 'revoked'
    answer(session, options.json, result, () =>
      [
        `${verb} ${revoked.name} (${revoked.id})`,
        ...revoked.rotates.map(role => `  ${role} gets a new key`),
      ].join('\n'),
    )
  })
}

function addExplain(command: Command, session: Session): void {
  const explain = command
    .command('explain')
    .summary('Say which rule allows or denies something')
    .description(
      'Says what a grant answers to an operation, which rule decides, and when a closed window opens.',
    )
    .argument('<grant>', 'Its id, its name, or the id of its holder')
    .requiredOption('--operation <operation>', 'read, write, delete, search, history, link or admin:…')
    .option('--address <address>', 'The context that it is about')
    .option('--roles <list>', 'Roles that the context is for', names)
    .option('--from <ip>', 'Where the holder would call from')
    .option('--at <moment>', 'When, as 2026-11-22T08:00:00Z; else now', momentFrom)
  withExamples(withFleet(explain), [
    "slurp grant explain ci --operation write --address 'ucxl://any:any@shop:any/*^/orders' --roles developer",
    'slurp grant explain p3 --operation link --from 10.1.2.3 --at 2026-12-24T22:00:00Z',
  ]).action((name: string, options: ExplainOptions) => explainGrant(session, name, options))
}

function addDelegate(command: Command, session: Session): void {
  const delegate = command
    .command('delegate')
    .summary('Show or continue the certificate of the key that signs grants')
    .description(
      'Shows until when the fleet may sign grants. With --authority or --shares, it signs that the same key may go on ' +
        'for another 400 days; the key of the authority is in memory only for that.',
    )
    .option('--authority <file>', 'The key of the authority, where it was kept whole')
    .option('--shares <files>', 'Files of shares that custodians opened with `age -d`', names)
    .option('--dry-run', 'Sign, and change nothing')
  withExamples(withFleet(delegate), [
    'slurp grant delegate',
    'slurp grant delegate --authority fleet/authority/authority.key',
    'slurp grant delegate --shares alice.share,bob.share',
  ]).action((options: DelegateOptions) => showDelegate(session, options))
}

const grantPath = (name: string, more = ''): string => `/v1/grants/${encodeURIComponent(name)}${more}`

const call = (session: Session, options: FleetOptions, method: 'GET' | 'POST', path: string, body?: object) =>
  withClient(session, options, client =>
    client.call({ method, path, timeoutMs: options.timeoutMs, ...(body === undefined ? {} : { body }) }),
  )

async function print(session: Session, options: FleetOptions): Promise<void> {
  const { grants } = (await call(session, options, 'GET', '/v1/grants')) as { grants: GrantText[] }
  answer(session, options.json, { grants }, () =>
    table([
      ['name', 'kind', 'state', 'until', 'operations', 'id'],
      ...grants.map(each => [
        each.name,
        each.kind,
        each.state,
        each.expiresAt,
        each.limits.operations.join(','),
        each.id,
      ]),
    ]),
  )
}

async function createGrant(session: Session, options: CreateOptions): Promise<void> {
  const files = [options.tokenOut, options.out].filter(file => file !== undefined)
  const taken = files.find(file => existsSync(file))
  if (taken !== undefined) throw new SlurpError('DIRECTORY_TAKEN', `${taken} exists already.`)
  const { subject, ttl } = options
  const body = {
    subject,
    kind: options.peer ? 'peer' : 'agent',
    ...limitsFrom(options),
    ttlSeconds: ttl,
    bearer: options.tokenOut !== undefined,
    dryRun: options.dryRun === true,
  } satisfies GrantOrder
  const { grant, chain, token } = (await call(session, options, 'POST', '/v1/grants', body)) as GrantCreated
  if (options.tokenOut !== undefined && token !== null) writePrivately(options.tokenOut, `${token}\n`)
  if (options.out !== undefined && chain !== null) {
    writePrivately(options.out, `${JSON.stringify({ format: 1, ...chain })}\n`)
  }
  const written = options.dryRun
    ? {}
    : { tokenFile: pathOf(options.tokenOut), grantFile: pathOf(options.out) }
  // The secret goes into its file and nowhere else.
  answer(session, options.json, { ...(options.dryRun ? { dryRun: true } : {}), grant, ...written }, () =>
    [`${options.dryRun ? 'would grant' : 'granted'} to ${grant.name}`, describe(grant)].join('\n'),
  )
}

const pathOf = (file: string | undefined): string | null => (file === undefined ? null : resolve(file))

async function explainGrant(session: Session, name: string, options: ExplainOptions): Promise<void> {
  const body: ExplainOrder = {
    grant: name,
    operation: options.operation as ExplainOrder['operation'],
    address: options.address ?? null,
    roles: options.roles ?? null,
    from: options.from ?? null,
    atMs: options.at ?? null,
  }
  const explained = (await call(session, options, 'POST', '/v1/grants/explain', body)) as Explained
  answer(session, options.json, explained, () => {
    const { allowed, rule, link, sentence, grant, operation } = explained
    const whose = link === null ? '' : ` of the ${link === 'grant' ? 'grant' : 'key that signed it'}`
    const word = allowed ? 'allowed' : 'denied'
    return `${grant.name}: ${operation} is ${word} by the rule "${rule}"${whose}\n  ${sentence}`
  })
}

async function showDelegate(session: Session, options: DelegateOptions): Promise<void> {
  let delegate = (await call(session, options, 'GET', '/v1/grants/delegate')) as DelegateText
  const { authority, shares, dryRun } = options
  if (authority !== undefined || shares !== undefined) {
    const certificate = await session.wiring.certify(delegate.certificate, {
      authority: authority ?? null,
      shares: shares ?? [],
    })
    if (!dryRun) {
      delegate = (await call(session, options, 'POST', '/v1/grants/delegate', {
        certificate,
      })) as DelegateText
    }
  }
  answer(session, options.json, { ...(dryRun ? { dryRun: true } : {}), ...delegate }, () =>
    [`the key ${delegate.publicKey.slice(0, 16)}… signs grants`, `  until  ${delegate.expiresAt}`].join('\n'),
  )
}

function describe({ id, kind, subject, state, notBefore, expiresAt, limits }: GrantText): string {
  const said = (value: 'any' | readonly string[]) => (value === 'any' ? 'any' : value.join(', ') || 'none')
  return table([
    ['  id', id],
    ['  holder', `${kind} ${subject}`],
    ['  state', state],
    ['  valid', `${notBefore} to ${expiresAt}`],
    ['  operations', said(limits.operations)],
    ['  roles', said(limits.roles)],
    ['  projects', said(limits.projects)],
    ['  paths', said(limits.paths)],
    ['  networks', said(limits.networks)],
    ['  hours', limits.hours === 'any' ? 'any' : JSON.stringify(limits.hours)],
  ])
}
