import type { Command } from 'commander'
import type { RoleList, RotatedRole } from '../../key-control.ts'
import { type FleetOptions, withClient, withExamples, withFleet } from '../options.ts'
import { answer, type Session, table } from '../session.ts'

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

function print(session: Session, options: FleetOptions, found: RoleList): void {
  answer(session, options.json, found, () =>
    table([
      ['role', 'version', 'state', 'fingerprint', 'open here', 'may have it'],
      ...found.roles.flatMap(({ name, keys, entitled }) =>
        keys.map((key, place) => [
          place === 0 ? name : '',
          String(key.keyVersion),
          key.state,
          key.fingerprint,
          key.isOpenHere ? 'yes' : 'no',
          place === 0 ? entitled.join(', ') : '',
        ]),
      ),
    ]),
  )
}

const ask = (
  session: Session,
  options: FleetOptions,
  method: 'GET' | 'POST',
  path: string,
): Promise<unknown> =>
  withClient(session, options, client =>
    client.call({ method, path, timeoutMs: options.timeoutMs, ...(method === 'GET' ? {} : { body: {} }) }),
  )
