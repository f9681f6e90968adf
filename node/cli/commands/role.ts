import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { CreatedRole, RoleList, RotatedRole } from '../../key-control.ts'
import { type FleetOptions, names, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

type CreateOptions = FleetOptions & { peers?: string[]; dryRun?: boolean }
type ScheduleOptions = FleetOptions & { days?: number; off?: boolean }

export function addRole(command: Command, session: Session): void {
  command.description(
    'Looks after roles: who reads a context. A role has a chain of keys; contexts are sealed to the newest, and older ones ' +
      'open what was sealed to them.',
  )
  const list = command
    .command('ls')
    .summary('List the roles and their keys')
    .description('Lists the roles of the fleet with their key versions, newest first, and who may have them.')
  withExamples(withFleet(list), [
    'slurp role ls',
    "slurp role ls --json | jq -r '.roles[] | [.name, .keys[0].keyVersion, .keys[0].fingerprint] | @tsv'",
  ]).action(async (options: FleetOptions) =>
    print(session, options, (await ask(session, options, 'GET', '/v1/roles')) as RoleList),
  )
  addCreate(command, session)
  const rotate = command
    .command('rotate')
    .summary('Give a role a new key')
    .description(
      'Deals a new key of the role to all members, which must be up, and has everything that is written from now on sealed ' +
        'to it. The keys of before still open what was sealed to them. Only a peer that can open the role can do it.',
    )
    .argument('<name>', 'Name of the role')
  withExamples(withFleet(rotate), [
    'slurp role rotate developer',
    'slurp role rotate developer --json',
  ]).action(async (name: string, options: FleetOptions) => {
    const path = `/v1/roles/${encodeURIComponent(name)}/rotate`
    const done = (await ask(session, options, 'POST', path)) as RotatedRole
    answer(
      session,
      options.json,
      done,
      () =>
        `${done.name} has key version ${done.keyVersion} (${done.fingerprint}); what is written from now on is sealed to it`,
    )
  })
  addSchedule(command, session)
  const retire = command
    .command('retire')
    .summary('Take a role out of use')
    .description(
      'Nothing can be sealed to the role any more. What is sealed to it stays readable to whoever has it.',
    )
    .argument('<name>', 'Name of the role')
  withExamples(withFleet(retire), ['slurp role retire intern']).action(
    async (name: string, options: FleetOptions) => {
      const path = `/v1/roles/${encodeURIComponent(name)}/retire`
      print(session, options, (await ask(session, options, 'POST', path)) as RoleList)
    },
  )
}

function addCreate(command: Command, session: Session): void {
  const create = command
    .command('create')
    .summary('Make a role')
    .description(
      'Makes a role: its first key is dealt to all members, which must be up, and is in the memory of the peers that may ' +
        'have it before this returns. The door must be of a peer that has roles.',
    )
    .argument('<name>', 'Name of the role: 1 to 32 of a-z, 0-9 and -')
    .option('--peers <list>', 'Names of the peers that may have its keys; every peer that has roles', names)
    .option('--dry-run', 'Say what would be made, change nothing')
  withExamples(withFleet(create), [
    'slurp role create auditor',
    'slurp role create auditor --peers p1,p2',
    'slurp role create auditor --peers p1 --dry-run --json',
  ]).action(async (name: string, { peers, dryRun, ...options }: CreateOptions) => {
    const body = { name, peers: peers ?? null, dryRun: dryRun === true }
    const made = (await ask(session, options, 'POST', '/v1/roles', body)) as CreatedRole
    answer(session, options.json, dryRun ? { dryRun, ...made } : made, () =>
      dryRun
        ? `would make ${made.name} for ${made.entitled.join(', ')}`
        : `made ${made.name} (${made.fingerprint}) for ${made.entitled.join(', ')}`,
    )
  })
}

function addSchedule(command: Command, session: Session): void {
  const schedule = command
    .command('schedule')
    .summary('Have keys replaced after so many days')
    .description(
      'Says how long the keys of a role last, or those of all roles of which nothing else is said. The leader replaces ' +
        'them when they are due; `slurp role ls` shows when. All members must be up then.',
    )
    .argument('[name]', 'Name of the role; all when left out')
    .option('--days <days>', 'Days that a key lasts', Number)
    .option('--off', 'They last for ever')
  withExamples(withFleet(schedule), [
    'slurp role schedule --days 90',
    'slurp role schedule security --days 30',
    'slurp role schedule tester --off',
  ]).action(async (name: string | undefined, { days, off, ...options }: ScheduleOptions) => {
    if ((days === undefined) !== (off === true))
      throw new SlurpError('USAGE', 'Name either the days that keys last, or --off.', {
        hint: '`slurp role schedule --help` shows examples.',
      })
    const body = { role: name ?? null, days: days ?? null }
    print(session, options, (await ask(session, options, 'POST', '/v1/roles/schedule', body)) as RoleList)
  })
}

function print(session: Session, options: FleetOptions, found: RoleList): void {
  answer(session, options.json, found, () =>
    table([
      ['role', 'version', 'state', 'fingerprint', 'made', 'next key', 'open here', 'may have it'],
      ...found.roles.flatMap(({ name, keys, entitled, rotationDue }) =>
        keys.map((key, place) => [
          place === 0 ? name : '',
          String(key.keyVersion),
          key.state,
          key.fingerprint,
          key.createdAt ?? 'unknown',
          place === 0 ? dueText(rotationDue) : '',
          key.isOpenHere ? 'yes' : 'no',
          place === 0 ? entitled.join(', ') : '',
        ]),
      ),
    ]),
  )
}

/** What has passed is done as soon as the leader gets to it. */
const dueText = (due: string | null): string =>
  due === null ? 'never' : Date.parse(due) <= Date.now() ? 'now' : due

const ask = (
  session: Session,
  options: FleetOptions,
  method: 'GET' | 'POST',
  path: string,
  body: object = {},
): Promise<unknown> =>
  withClient(session, options, client =>
    client.call({ method, path, timeoutMs: options.timeoutMs, ...(method === 'GET' ? {} : { body }) }),
  )
