import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import {
  checkChoices,
  defaultRoles,
  type FleetChoices,
  makeFleet,
  memberNamesOf,
  peersMax,
  refuseTaken,
} from '../fleet-directory.ts'
import { type JsonOption, names, wholeNumber, withExamples, withJson } from '../options.ts'
import { answer, type Session } from '../session.ts'
import type { Custody } from '../wiring.ts'

type InitOptions = JsonOption & {
  dir: string
  peers: number
  replicas?: number
  roles?: string[]
  blind?: string[]
  custodians?: string[]
  custodianThreshold?: number
  passphrase?: boolean
  privateNetwork?: boolean
  dryRun?: boolean
}

export function addInit(command: Command, session: Session): void {
  command
    .description('Makes the keys and the directories of a fleet: DIR/authority and DIR/p1, DIR/p2 and so on.')
    .requiredOption('--dir <dir>', 'Directory to make it in; new or empty')
    .option('--peers <count>', 'Peers', wholeNumber(1, peersMax), 5)
    .option('--replicas <count>', 'Copies of every context', wholeNumber(1, 9))
    .option('--roles <roles>', `Roles, separated by commas (default: ${defaultRoles.join(',')})`, names)
    .option('--blind <peers>', 'Peers that get no role: they store what they cannot read', names)
    .option(
      '--custodians <list>',
      'Split the key of the authority among these, as alice=age1…,bob=age1…; it is kept nowhere',
      names,
    )
    .option(
      '--custodian-threshold <count>',
      'So many of them put it together (default: most of them)',
      wholeNumber(2, 32),
    )
    .option(
      '--passphrase',
      'Seal the identity of every peer by a passphrase: typed, or in the file that SLURP_PASSPHRASE_FILE names',
    )
    .option(
      '--private-network',
      'Make a network key that all peers share: who has it not cannot even shake hands with one',
    )
    .option('--dry-run', 'Say what would be made, change nothing')
  withExamples(withJson(command), [
    'slurp init --dir fleet',
    'slurp init --dir fleet --peers 5 --replicas 3 --roles reader,writer --blind p4,p5',
  ]).action((options: InitOptions) => init(session, options))
}

async function init(session: Session, options: InitOptions): Promise<void> {
  const choices: FleetChoices = {
    dir: resolve(options.dir),
    peers: options.peers,
    replicas: options.replicas ?? Math.min(3, options.peers),
    roles: options.roles ?? defaultRoles,
    blind: options.blind ?? [],
    custody: custodyFrom(options),
    sealed: options.passphrase === true,
    privateNetwork: options.privateNetwork === true,
  }
  const { dir } = choices
  if (options.dryRun) {
    checkChoices(choices)
    refuseTaken(dir)
    const members = memberNamesOf(choices.peers).map(name => ({ name, dir: resolve(dir, name) }))
    const plan = { dryRun: true, dir, replicas: choices.replicas, roles: choices.roles, members }
    const verb = existsSync(dir) ? 'fill' : 'make'
    answer(session, options.json, plan, () => `would ${verb} ${dir} with ${choices.peers} peers`)
    return
  }
  const { fleet, members, granter } = await makeFleet(session.wiring, choices)
  const made = { fleet, dir, replicas: choices.replicas, roles: choices.roles, members, granter }
  answer(session, options.json, made, () =>
    [
      `made fleet ${fleet}`,
      `  peers      ${members.map(member => member.name).join(', ')} in ${dir}`,
      `  replicas   ${choices.replicas} of every context`,
      `  roles      ${choices.roles.join(', ')}`,
      ...authorityLines(choices),
      ...(choices.privateNetwork ? ['  network    private: every peer has network.key'] : []),
      ...(choices.sealed ? ['  sealed     the identity of every peer, by the passphrase'] : []),
      '',
      'Start each peer in a terminal of its own:',
      ...members.map(member => `  slurp up --dir ${member.dir}`),
      ...(granter === null
        ? []
        : [
            'All peers are blind. Agents open what they keep; this one grants it to others:',
            `  slurp agent --dir ${granter.dir}`,
          ]),
    ].join('\n'),
  )
}

function custodyFrom({ custodians, custodianThreshold: threshold }: InitOptions): Custody | null {
  if (custodians === undefined) {
    if (threshold === undefined) return null
    throw new SlurpError('USAGE', 'Name the --custodians that the threshold is of.')
  }
  const named = custodians.map(each => {
    const at = each.indexOf('=')
    return { name: each.slice(0, Math.max(at, 0)), recipient: each.slice(at + 1) }
  })
  return { custodians: named, threshold: threshold ?? Math.max(2, Math.floor(named.length / 2) + 1) }
}

function authorityLines({ dir, custody }: FleetChoices): string[] {
  const place = resolve(dir, 'authority')
  if (!custody) {
    return [
      `  authority  ${place}: keep it offline, whoever has it is the fleet`,
      '  warning    its key is whole in one file; --custodians splits it instead',
    ]
  }
  const { threshold, custodians } = custody
  return [
    `  authority  split: ${threshold} of ${custodians.length} custodians put it together; it is kept nowhere`,
    ...custodians.map(({ name }) => `             for ${name}: ${resolve(place, `${name}.share.age`)}`),
  ]
}
