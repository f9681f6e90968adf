import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { KeyShares, KeyStatus, Reshared } from '../../key-control.ts'
import {
  type FleetOptions,
  type JsonOption,
  names,
  withClient,
  withExamples,
  withFleet,
  withJson,
} from '../options.ts'
import { answer, type Session, table } from '../session.ts'

type AuthorityOptions = { authority?: string; shares?: string[] }

export function addKey(command: Command, session: Session): void {
  command.description(
    'Looks after the keys. Nobody keeps a whole one: each is dealt in shares, and a process collects its keys from other ' +
      'peers and has them in memory only.',
  )
  addStatus(command, session)
  const shares = command
    .command('shares')
    .summary('List the shared secrets and who holds shares')
    .description(
      'Lists every shared secret of the fleet, who holds shares of it, and who is entitled to which.',
    )
  withExamples(withFleet(shares), [
    'slurp key shares',
    "slurp key shares --json | jq -r '.secrets[] | [.name, .fingerprint] | @tsv'",
  ]).action(async (options: FleetOptions) => {
    const found = (await ask(session, options, 'GET', '/v1/keys/shares')) as KeyShares
    answer(session, options.json, found, () => describeShares(found))
  })
  const reshare = command
    .command('reshare')
    .summary('Deal the secrets anew to the members of now')
    .description(
      'Deals what is not in the hands of the right peers anew. The leader does so by itself some seconds after peers came ' +
        'or left; every member must be up. Shares of before are of no use then, but k of them still are the key: where ' +
        'that is feared, rotate the role.',
    )
    .option('--force', 'Deal everything anew')
  withExamples(withFleet(reshare), ['slurp key reshare', 'slurp key reshare --force --json']).action(
    async (options: FleetOptions & { force?: boolean }) => {
      const body = { force: options.force === true }
      const done = (await ask(session, options, 'POST', '/v1/keys/reshare', body)) as Reshared
      answer(session, options.json, done, () =>
        done.dealt.length === 0
          ? 'every share is where it should be'
          : `dealt anew by ${done.holders.join(', ')}: ${done.dealt.join(', ')}`,
      )
    },
  )
  const migrate = command
    .command('migrate')
    .summary('Bring a fleet of a former release up to this one')
    .description(
      'For a fleet of a release that kept keyring.age or delegate.age: deals what is in these files to all peers, and ' +
        'deletes them. For one without grants: grants every peer what it could do before. DIR holds the directories of ' +
        'all peers, and `authority` where it was kept whole; none of the peers runs. Interrupted, it is run again.',
    )
    .requiredOption('--dir <dir>', 'Directory of the fleet')
    .option('--authority <file>', 'The key of the authority; DIR/authority/authority.key when left out')
    .option('--shares <files>', 'Files of its shares that custodians opened with `age -d`', names)
  withExamples(withJson(migrate), [
    'slurp key migrate --dir fleet',
    'slurp key migrate --dir fleet --shares alice.share,bob.share',
  ]).action(async ({ dir, authority, shares, json }: JsonOption & AuthorityOptions & { dir: string }) => {
    const isNamed = authority !== undefined || shares !== undefined
    const source = { authority: authority ?? null, shares: shares ?? [] }
    const done = await session.wiring.migrateKeys(resolve(dir), isNamed ? source : undefined)
    answer(session, json, done, () =>
      done.migrated.length === 0 ? 'nothing to migrate' : `migrated ${done.migrated.join(', ')}`,
    )
  })
}

function addStatus(command: Command, session: Session): void {
  const print = (options: FleetOptions, status: KeyStatus) =>
    answer(session, options.json, status, () => describeStatus(status))
  const status = command
    .command('status')
    .summary('Show which keys a peer has, and who is missing')
    .description(
      'Shows which keys the peer that is asked has in memory. While it is sealed: how many holders it lacks, and who.',
    )
  withExamples(withFleet(status), ['slurp key status', 'slurp key status --json']).action(
    async (options: FleetOptions) =>
      print(options, (await ask(session, options, 'GET', '/v1/keys')) as KeyStatus),
  )
  const seal = command
    .command('seal')
    .summary('Wipe the keys of a peer from its memory')
    .description(
      'Wipes the keys of the peer that is asked, and what it had opened. It goes on storing and voting, serves its shares, ' +
        'and opens nothing until `slurp key unseal` or its next start.',
    )
  withExamples(withFleet(seal), [
    'slurp key seal',
    'slurp key seal --url http://127.0.0.1:31664 --token-file token',
  ]).action(async (options: FleetOptions) =>
    print(options, (await ask(session, options, 'POST', '/v1/keys/seal')) as KeyStatus),
  )
  const unseal = command
    .command('unseal')
    .summary('Collect the keys of a peer again')
    .description(
      'Has the peer that is asked collect its keys. Exit code 9 when too few holders of shares can be reached.',
    )
  withExamples(withFleet(unseal), ['slurp key unseal', 'slurp key unseal --json']).action(
    async (options: FleetOptions) =>
      print(options, (await ask(session, options, 'POST', '/v1/keys/unseal')) as KeyStatus),
  )
}

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

function describeStatus({ state, reason, short, missing, keys }: KeyStatus): string {
  const lines = [reason === null ? state : `${state}: ${reason}`]
  if (short > 0) lines.push(`${short} holders are missing; not reachable: ${missing.join(', ') || 'none'}`)
  if (keys.length > 0) {
    const rows = keys.map(each => [
      each.name,
      String(each.keyVersion),
      each.fingerprint,
      each.state,
      `${each.reachable} of ${each.holders}`,
      String(each.needed),
    ])
    lines.push(table([['secret', 'version', 'fingerprint', 'state', 'reachable', 'needed'], ...rows]))
  }
  for (const { name, refused, bad } of keys)
    for (const { name: holder, why } of [...refused, ...bad]) lines.push(`  ${name}: ${holder} says: ${why}`)
  return lines.join('\n')
}

function describeShares({ secrets, entitled, holdersWanted }: KeyShares): string {
  const rows = secrets.map(each => [
    each.name,
    String(each.keyVersion),
    each.state,
    each.fingerprint,
    String(each.setVersion),
    `${each.needed} of ${each.holders.length}`,
    each.holders.join(' '),
  ])
  const head = ['secret', 'version', 'state', 'fingerprint', 'dealing', 'needed', 'holders']
  const held = new Set(secrets.flatMap(({ holders }) => holders))
  const waiting = holdersWanted.filter(name => !held.has(name))
  return [
    table([head, ...rows]),
    '',
    ...entitled.map(({ peer, names }) => `${peer} may have ${names.join(', ')}`),
    ...(waiting.length === 0
      ? []
      : [`no shares yet: ${waiting.join(', ')}; \`slurp key reshare\` deals them`]),
  ].join('\n')
}
