import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import {
  defaultOf,
  flagOf,
  meaningOf,
  type ProcessSettings,
  readSettings,
  settingNames,
  settingsOfEnvironment,
} from '../../config.ts'
import { readPeerFile, settingsOfFile } from '../../peer-settings.ts'
import { forgetFleet, isRemembered, rememberFleet } from '../last-fleet.ts'
import { type JsonOption, names, withExamples, withJson } from '../options.ts'
import { answer, type Session } from '../session.ts'
import { exitWithin, listenForStop } from '../stop-asked.ts'
import type { ServedPeer } from '../wiring.ts'

type UpOptions = JsonOption & { dir: string; child?: boolean; dryRun?: boolean } & Record<string, unknown>

/** How long the ready line waits for the other peers before it says that they are missing. */
const readyWaitMs = 5000
const readyPollMs = 10
const closeSlackMs = 1900

export function addUp(command: Command, session: Session): void {
  command
    .description(
      'Runs the one peer whose data is in DIR, on its old ports if they are free, until SIGTERM or Ctrl-C. ' +
        'What runs is finished first; a second Ctrl-C stops at once.',
    )
    .requiredOption('--dir <dir>', 'Directory of the peer: the p1 in what `slurp init` made')
    .option('--dry-run', 'Check the directory and the settings, start nothing')
    .addOption(new Option('--child').hideHelp())
  for (const name of settingNames) {
    const flags = `--${flagOf(name)} <value>`
    const option = new Option(flags, `${meaningOf(name)} (default: ${defaultOf(name)})`)
    command.addOption(name === 'bootstrap' ? option.argParser(names) : option)
  }
  withExamples(withJson(command), [
    'slurp up --dir fleet/p1',
    'slurp up --dir fleet/p2 --http-port 8080 --json',
    'slurp up --dir fleet/p3 --bootstrap /ip4/192.0.2.7/tcp/4100/p2p/12D3Koo…',
  ]).action((options: UpOptions) => up(session, options))
}

async function up(session: Session, options: UpOptions): Promise<void> {
  const dir = resolve(options.dir)
  const settings = settingsFor(session, dir, options)
  const child = options.child === true
  if (options.dryRun) {
    answer(session, options.json, { dryRun: true, dir, settings }, () => `would run the peer in ${dir}`)
    return
  }
  const stop = listenForStop({ child, input: session.input })
  const peer = await session.wiring.servePeer(dir, settings)
  const { name, id, url, tokenFile, addresses } = peer
  if (!child && !isRemembered(session.environment, url)) {
    rememberFleet(session.environment, { url, others: [], tokenFile, pid: process.pid })
  }
  await Promise.race([untilReady(peer, stop.done), stop.asked])
  const reasons = peer.reasons()
  const state = reasons.length === 0 ? 'ready' : 'degraded'
  const ready = { type: 'ready', name, id, pid: process.pid, url, tokenFile, dir, addresses, state, reasons }
  if (!stop.done()) {
    answer(session, options.json, ready, () =>
      [
        `${name} is ${state}: ${url}`,
        ...reasons.map(reason => `  ! ${reason}`),
        `  token file  ${tokenFile}`,
        `  peers at    ${addresses.join(', ')}`,
      ].join('\n'),
    )
  }
  await stop.asked
  exitWithin(settings.drainMs + closeSlackMs, session.exitCode)
  await peer.stop(settings.drainMs)
  if (!child) forgetFleet(session.environment, process.pid)
  session.input?.destroy()
}

function settingsFor(session: Session, dir: string, options: UpOptions): ProcessSettings {
  if (!existsSync(dir)) {
    throw new SlurpError('DATA_MISSING', `There is no directory ${dir}.`, {
      hint: 'Make a fleet with `slurp init --dir DIR`, then run `slurp up --dir DIR/p1`.',
    })
  }
  const flags = Object.fromEntries(settingNames.map(name => [name, options[name]]))
  return readSettings([
    { place: 'the command line', values: flags },
    settingsOfEnvironment(session.environment),
    settingsOfFile(readPeerFile(dir)),
  ])
}

async function untilReady(peer: ServedPeer, stopped: () => boolean): Promise<void> {
  const polls = readyWaitMs / readyPollMs
  for (let i = 0; i < polls && !stopped() && peer.reasons().length > 0; i++) await delay(readyPollMs)
}
