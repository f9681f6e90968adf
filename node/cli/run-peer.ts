import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { SlurpError } from '../../base/errors.ts'
import { type ProcessSettings, readSettings, settingNames, settingsOfEnvironment } from '../config.ts'
import { hasLeft, noteLeft, readPeerFile, settingsOfFile } from '../peer-settings.ts'
import { forgetFleet, isRemembered, rememberFleet } from './last-fleet.ts'
import { answer, type Session } from './session.ts'
import { exitWithin, listenForStop } from './stop-asked.ts'
import type { AgentOptions, AskPassphrase, ServedPeer } from './wiring.ts'

/** How long the ready line waits for the other peers before it says that they are missing. */
const readyWaitMs = 5000
const readyPollMs = 10
const closeSlackMs = 1900
/** A peer that left answers so long that whoever waits for that at its own door hears of it. */
const farewellMs = 1500
const lineFeed = 0x0a

export type RunOptions = {
  readonly dir: string
  readonly settings: ProcessSettings
  readonly json: boolean
  /** A process of the demo: it ends with its standard input. */
  readonly child: boolean
  /** Whether commands talk to this peer from now on where they are not told another one. */
  readonly remember: boolean
  /** It is an agent, and no peer. */
  readonly agent?: AgentOptions
}

/** Runs the one peer whose data is in a directory until it is asked to stop, or has left its fleet. */
export async function runPeer(session: Session, options: RunOptions): Promise<void> {
  const { dir, settings, json, child } = options
  const stop = listenForStop({ child, input: session.input })
  const peer = await started(session, options, () => stop.ask('left'))
  const { name, id, url, tokenFile, addresses } = peer
  const remember = options.remember && !child && !isRemembered(session.environment, url)
  if (remember) rememberFleet(session.environment, { url, others: [], tokenFile, pid: process.pid })
  await Promise.race([untilReady(peer, stop.done), stop.asked])
  const reasons = peer.reasons()
  const state = reasons.length === 0 ? 'ready' : 'degraded'
  const ready = { type: 'ready', name, id, pid: process.pid, url, tokenFile, dir, addresses, state, reasons }
  if (!stop.done()) {
    answer(session, json, ready, () =>
      [
        `${name} is ${state}: ${url}`,
        ...reasons.map(reason => `  ! ${reason}`),
        `  token file  ${tokenFile}`,
        ...(addresses.length === 0 ? [] : [`  peers at    ${addresses.join(', ')}`]),
      ].join('\n'),
    )
  }
  if ((await stop.asked) === 'left') {
    noteLeft(dir)
    answer(session, json, { type: 'left', name, id, dir }, () => `${name} has left the fleet, and ends.`)
    await delay(farewellMs)
  }
  exitWithin(settings.drainMs + closeSlackMs, session.exitCode)
  await peer.stop(settings.drainMs)
  if (remember) forgetFleet(session.environment, process.pid)
  session.input?.destroy()
}

/** The peer, or the agent, up. What it was waiting for does not keep a process that could not start. */
async function started(session: Session, options: RunOptions, onLeft: () => void): Promise<ServedPeer> {
  const { dir, settings, agent, child } = options
  const { serveAgent, servePeer } = session.wiring
  try {
    if (agent) return await serveAgent(dir, settings, agent)
    return await servePeer(dir, settings, onLeft, child ? askParent(session) : undefined)
  } catch (failure) {
    session.input?.destroy()
    exitWithin(closeSlackMs)
    throw failure
  }
}

/** A child of the demo has no terminal: it asks whoever started it, and gets one line on its standard input. */
const askParent =
  ({ input, out }: Session): AskPassphrase =>
  question =>
    new Promise((resolve, reject) => {
      let line = Buffer.alloc(0)
      const take = (chunk: Buffer) => {
        line = Buffer.concat([line, chunk])
        if (line.at(-1) !== lineFeed) return
        input?.off('data', take)
        resolve(line.subarray(0, -1))
      }
      input?.on('data', take)
      input?.once('end', () => reject(new SlurpError('PASSPHRASE_NEEDED', 'Nobody gave a passphrase.')))
      out(`${JSON.stringify({ type: 'passphraseNeeded', question })}\n`)
    })

async function untilReady(peer: ServedPeer, stopped: () => boolean): Promise<void> {
  const polls = readyWaitMs / readyPollMs
  for (let i = 0; i < polls && !stopped() && peer.reasons().length > 0; i++) await delay(readyPollMs)
}

/**
 * The settings of the peer in a directory.
 *
 * @param flags - of the command line, by the name of the setting.
 * @throws SlurpError DATA_MISSING when there is none, CONFIG_INVALID, also for one that left its fleet.
 */
export function settingsOf(
  session: Session,
  dir: string,
  flags: Readonly<Record<string, unknown>>,
): ProcessSettings {
  if (!existsSync(dir)) {
    throw new SlurpError('DATA_MISSING', `There is no directory ${dir}.`, {
      hint: 'Make a fleet with `slurp init --dir DIR`, then run `slurp up --dir DIR/p1`.',
    })
  }
  const file = readPeerFile(dir)
  if (hasLeft(dir)) {
    throw new SlurpError('CONFIG_INVALID', `${file.name} has left its fleet.`, {
      hint: 'Nothing in its directory is needed any more; `slurp peer join --dir NEW` makes a new peer.',
    })
  }
  const given = Object.fromEntries(settingNames.map(name => [name, flags[name]]))
  return readSettings([
    { place: 'the command line', values: given },
    settingsOfEnvironment(session.environment),
    settingsOfFile(file),
  ])
}
