import { basename, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { PeerId } from '../../../base/ids.ts'
import type { Member, View } from '../../../dht/view.ts'
import { joined, replaced } from '../../../dht/view-change.ts'
import {
  defaultOf,
  flagOf,
  meaningOf,
  type ProcessSettings,
  readSettings,
  type SettingName,
} from '../../config.ts'
import type { PeerStatus } from '../../status.ts'
import { FleetClient } from '../client.ts'
import { doorOf, type JoinChoices, type Joined, joinFleet, refuseTakenBy } from '../joining.ts'
import { isRemembered } from '../last-fleet.ts'
import {
  type FleetOptions,
  type NewPeerOptions,
  names,
  weightOf,
  withExamples,
  withFleet,
} from '../options.ts'
import { describeMoves, fetchView, memberNamed, placementHash, rehearse } from '../rehearsal.ts'
import { runPeer, settingsOf } from '../run-peer.ts'
import { answer, type Session } from '../session.ts'
import { findTarget, type Target } from '../target.ts'

type JoinOptions = FleetOptions & NewPeerOptions & Record<string, unknown>

/** Where the new peer listens: kept in its peer.json, so that `slurp up` finds it. */
const placeSettings = ['host', 'port', 'httpHost', 'httpPort', 'bootstrap'] as const satisfies SettingName[]

export function addJoin(command: Command, session: Session): void {
  const join = command
    .command('join')
    .summary('Let a new peer into the fleet, and run it')
    .description(
      'Makes DIR, registers the peer at one door of the fleet, and runs it as `slurp up` does. It gets its share of ' +
        'the partitions, and collects the keys of the roles that the peer behind that door is entitled to, unless it is ' +
        'to be --blind.',
    )
  withExamples(withJoining(join), [
    'slurp peer join --dir fleet/p4',
    'slurp peer join --dir /srv/slurp --url http://127.0.0.1:31664 --token-file token --zone rack-b --no-start',
    'slurp peer join --dir fleet/p4 --dry-run',
  ]).action((options: JoinOptions) => joinAs(session, null, options))
  const replace = command
    .command('replace')
    .summary('Put a new peer in the place of one that is lost')
    .description(
      'Like `slurp peer join`, but the new peer gets what the old one had and nothing else moves; the old one is no ' +
        'member any more.',
    )
    .argument('<old>', 'Name or id of the lost peer')
  withExamples(withJoining(replace), [
    'slurp peer replace p3 --dir fleet/p6',
    'slurp peer replace p3 --dir fleet/p6 --dry-run',
  ]).action((old: string, options: JoinOptions) => joinAs(session, old, options))
}

function withJoining(command: Command): Command {
  withFleet(command)
    .requiredOption('--dir <dir>', 'Directory of the new peer; new or empty')
    .option(
      '--name <name>',
      'Its name (default: that of DIR if it is one like p4, else the next of p1, p2 …)',
    )
    .option(
      '--zone <zone>',
      'Failure zone: replicas of one partition sit in distinct ones (default: its name)',
    )
    .option('--weight <weight>', 'Share of the data (default: 1)', weightOf)
    .option('--blind', 'It is entitled to no role: it stores what it cannot read')
    .option('--passphrase', 'Seal its identity by a passphrase, which is asked for')
    .option('--no-start', 'Do not run it; `slurp up --dir DIR` does later')
    .option('--dry-run', 'Say what would move, change nothing')
  for (const name of placeSettings) {
    const option = new Option(
      `--${flagOf(name)} <value>`,
      `${meaningOf(name)} (default: ${defaultFor(name)})`,
    )
    command.addOption(name === 'bootstrap' ? option.argParser(names) : option)
  }
  return command
}

function defaultFor(name: (typeof placeSettings)[number]): string {
  if (name === 'bootstrap') return 'the members that the door knows'
  return name === 'port' || name === 'httpPort' ? 'a free one' : defaultOf(name)
}

async function joinAs(session: Session, replaces: string | null, options: JoinOptions): Promise<void> {
  const target = findTarget(session, options)
  const choices: JoinChoices = {
    dir: resolve(options.dir),
    name: options.name ?? nameFrom(options.dir),
    zone: options.zone ?? null,
    weight: options.weight ?? 1,
    blind: options.blind === true,
    sealed: options.passphrase === true,
    replaces,
    settings: placeFrom(options),
    timeoutMs: options.timeoutMs,
  }
  const made = await register(session, target, choices, options)
  if (made === null || !options.start) return
  const remember = !isRemembered(session.environment, target.url)
  const settings = settingsOf(session, choices.dir, {})
  await runPeer(session, { dir: choices.dir, settings, json: options.json === true, child: false, remember })
}

/** @throws SlurpError CONFIG_INVALID. */
function placeFrom(options: JoinOptions): Partial<ProcessSettings> {
  const given = placeSettings.filter(name => options[name] !== undefined)
  const values = Object.fromEntries(given.map(name => [name, options[name]]))
  const settings = readSettings([{ place: 'the command line', values }])
  return Object.fromEntries(given.map(name => [name, settings[name]]))
}

/** The directories of a fleet are called like its peers. */
export function nameFrom(dir: string): string | null {
  const name = basename(resolve(dir))
  return /^p[1-9]\d{0,8}$/.test(name) ? name : null
}

/** @returns null when nothing was made: a rehearsal. */
async function register(
  session: Session,
  target: Target,
  choices: JoinChoices,
  options: JoinOptions,
): Promise<Joined | null> {
  const client = new FleetClient(target)
  try {
    if (options.dryRun) {
      await rehearseJoin(session, client, choices, options)
      return null
    }
    const made = await joinFleet(session.wiring, await doorOf(client, target.token, choices), choices)
    tellJoined(session, options, made)
    return made
  } finally {
    client.close()
  }
}

export function tellJoined(
  session: Session,
  options: { json?: boolean; start: boolean },
  made: Joined,
): void {
  const { fleet, name, id, dir, roles } = made
  answer(session, options.json, { type: 'joined', fleet, name, id, dir, roles }, () =>
    [
      `${name} is a member of fleet ${fleet}`,
      `  directory  ${dir}`,
      `  opens      ${roles.join(', ') || 'nothing: it is blind'}`,
      ...(options.start ? [] : [`  start it with: slurp up --dir ${dir}`]),
    ].join('\n'),
  )
}

/** The share of a peer does not depend on its key, but which partitions it gets does, and the key is not made yet. */
const idOfNobody = 'a peer without a key yet' as PeerId

async function rehearseJoin(
  session: Session,
  client: FleetClient,
  choices: JoinChoices,
  options: JoinOptions,
): Promise<void> {
  const { dir, replaces, timeoutMs } = choices
  const view = await fetchView(client, timeoutMs)
  await refuseTakenBy(session.wiring, dir, view.fleet)
  const name = choices.name ?? nextName(view)
  const member: Member = { id: idOfNobody, name, weight: choices.weight, zone: choices.zone ?? name }
  const after =
    replaces === null
      ? joined(view, member, placementHash)
      : await replacedIn(client, view, replaces, member, timeoutMs)
  const rehearsal = { ...rehearse(view, after), name, dir }
  const how = replaces === null ? `would let ${name} in` : `would put ${name} in the place of ${replaces}`
  answer(session, options.json, rehearsal, () =>
    [`${how}, in ${dir}`, ...describeMoves(rehearsal.moves)].join('\n'),
  )
}

async function replacedIn(
  client: FleetClient,
  view: View,
  old: string,
  member: Member,
  timeoutMs: number | undefined,
): Promise<View> {
  const id = memberNamed(view, old)
  const status = (await client.call({ method: 'GET', path: '/v1/status', timeoutMs })) as PeerStatus
  const isAlive = status.members.some(each => each.id === id && each.connected)
  return replaced(view, id, member, isAlive)
}

function nextName(view: View): string {
  for (let number = view.members.length + 1; ; number++) {
    const name = `p${number}`
    if (!view.members.some(member => member.name === name)) return name
  }
}
