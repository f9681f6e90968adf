import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
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

type InitOptions = JsonOption & {
  dir: string
  peers: number
  replicas?: number
  roles?: string[]
  blind?: string[]
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
  const { fleet, members } = await makeFleet(session.wiring, choices)
  const made = { fleet, dir, replicas: choices.replicas, roles: choices.roles, members }
  answer(session, options.json, made, () =>
    [
      `made fleet ${fleet}`,
      `  peers      ${members.map(member => member.name).join(', ')} in ${dir}`,
      `  replicas   ${choices.replicas} of every context`,
      `  roles      ${choices.roles.join(', ')}`,
      `  authority  ${resolve(dir, 'authority')}: keep it offline, whoever has it is the fleet`,
      ...(choices.privateNetwork ? ['  network    private: every peer has network.key'] : []),
      ...(choices.sealed ? ['  sealed     the identity of every peer, by the passphrase'] : []),
      '',
      'Start each peer in a terminal of its own:',
      ...members.map(member => `  slurp up --dir ${member.dir}`),
    ].join('\n'),
  )
}
