import { type Command, Option } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import type { CreatedRole, KeptHistory, Reencryption, RoleList, RotatedRole } from '../../key-control.ts'
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
    .description(
      'Lists the roles of the fleet with their key versions, newest first, who may have them, and what is sealed to each on ' +
        'the disk of the peer that is asked. After a rotation it says how far sealing anew is.',
    )
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
        'to it. What is there already is sealed anew in the background. Only a peer that can open the role can do it.',
    )
    .argument('<name>', 'Name of the role')
    .addOption(
      new Option(
        '--history <what>',
        'Of what was replaced and is sealed to the keys of before. drop: it goes, and those keys are destroyed',
      )
        .choices(['keep', 'drop'])
        .default('keep'),
    )
  withExamples(withFleet(rotate), [
    'slurp role rotate developer',
    'slurp role rotate developer --history drop --json',
  ]).action(async (name: string, options: FleetOptions & { history: KeptHistory }) => {
    const path = `/v1/roles/${encodeURIComponent(name)}/rotate?history=${options.history}`
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
  const destroy = command
    .command('destroy')
    .summary('Let go of the keys of a role that were replaced')
    .description(
      'History that is sealed to the keys of before is dropped, and once nothing is sealed to them any more every peer ' +
        'deletes them and its shares. What stands is sealed anew and stays. It cannot be taken back. Backups and disks ' +
        'that were copied or taken away before may still have both.',
    )
    .argument('<name>', 'Name of the role')
  withExamples(withFleet(destroy), ['slurp role destroy developer']).action(
    async (name: string, options: FleetOptions) => {
      const path = `/v1/roles/${encodeURIComponent(name)}/destroy`
      print(session, options, (await ask(session, options, 'POST', path)) as RoleList)
    },
  )
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
  answer(session, options.json, found, () => `${tableOf(found)}${progressText(found.reencryption)}`)
}

const tableOf = (found: RoleList): string =>
  table([
    [
      'role',
      'version',
      'state',
      'fingerprint',
      'made',
      'next key',
      'contexts here',
      'history',
      'open here',
      'may have it',
    ],
    ...found.roles.flatMap(({ name, keys, entitled, rotationDue }) =>
      keys.map((key, place) => [
        place === 0 ? name : '',
        String(key.keyVersion),
        key.state,
        key.fingerprint,
        key.createdAt ?? 'unknown',
        place === 0 ? dueText(rotationDue) : '',
        shownCount(key.contexts?.current),
        shownCount(key.contexts?.history),
        key.isOpenHere ? 'yes' : 'no',
        place === 0 ? entitled.join(', ') : '',
      ]),
    ),
  ])

const shownCount = (count: number | undefined): string =>
  count === undefined ? 'not counted' : String(count)

/** One line below the table; none where there is nothing to tell. */
function progressText(progress: Reencryption | null): string {
  if (progress === null) return ''
  const { phase, total, done, perSecond, etaSeconds, absent, why } = progress
  const count = total === null ? '' : `, ${done} of ${total} contexts`
  const rate = phase === 'sealing' ? `, ${perSecond} a second` : ''
  const eta = phase === 'sealing' && etaSeconds !== null ? `, about ${etaSeconds} s to go` : ''
  const missing = absent.length === 0 ? '' : `; not there: ${absent.join(', ')}`
  return `\n\nsealing anew: ${phase}${count}${rate}${eta}${missing}${why === null ? '' : `. ${why}`}`
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
