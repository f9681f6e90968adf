import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { SlurpError } from '../../../base/errors.ts'
import { DemoFleet } from '../demo/demo-fleet.ts'
import type { ReadyPeer } from '../demo/peer-process.ts'
import { takeCommands } from '../demo/prompt.ts'
import { Reporter } from '../demo/reporter.ts'
import { importSample, sampleAddress } from '../demo/sample.ts'
import { defaultRoles, inspectDirectory, makeFleet, openFleet, peersMax } from '../fleet-directory.ts'
import { forgetFleet, rememberFleet } from '../last-fleet.ts'
import { type JsonOption, wholeNumber, withExamples, withJson } from '../options.ts'
import type { Session } from '../session.ts'
import { listenForStop, type StopAsked } from '../stop-asked.ts'

type DemoOptions = JsonOption & {
  peers?: number
  dir?: string
  input: boolean
  empty?: boolean
  replicas?: number
}

const peersByDefault = 5
const replicasByDefault = 3

export function addDemo(command: Command, session: Session): void {
  command
    .description(
      'Makes a fleet, starts its peers as processes on this machine, stores sample contexts in it, and takes ' +
        'commands. Without --dir everything is removed at the end.',
    )
    .option('--peers <count>', `Peers (default: ${peersByDefault})`, wholeNumber(1, peersMax))
    .option(
      '--replicas <count>',
      `Copies of every context (default: ${replicasByDefault})`,
      wholeNumber(1, 9),
    )
    .option('--dir <dir>', 'Directory to keep the fleet in; one that is there is opened again')
    .option('--empty', 'Leave the samples out')
    .option('--no-input', 'Take no commands; stay until SIGTERM or Ctrl-C')
  withExamples(withJson(command), [
    'slurp demo',
    'slurp demo --peers 3 --dir fleet',
    'slurp demo --no-input --json',
  ]).action((options: DemoOptions) => demo(session, options))
}

async function demo(session: Session, options: DemoOptions): Promise<void> {
  const reporter = new Reporter(session, options.json === true)
  const temporary = options.dir === undefined
  const dir = temporary ? mkdtempSync(join(tmpdir(), 'slurp-demo-')) : resolve(options.dir ?? '')
  let fleet: DemoFleet | null = null
  const stop = listenForStop({
    child: false,
    input: null,
    force: () => {
      fleet?.killAll()
      if (temporary) rmSync(dir, { recursive: true, force: true })
    },
  })
  try {
    const isNew = await prepareDirectory(session, options, dir, reporter, temporary)
    fleet = new DemoFleet({
      self: session.wiring.self,
      environment: session.environment,
      members: openFleet(dir),
      passphraseOf: path => session.wiring.passphraseOf(path),
      onPeerDown: (peer, how) => {
        const fields = { name: peer.name, pid: peer.pid, how }
        if (peer.left) return reporter.event('peerLeft', `${peer.name} has left the fleet.`, fields)
        reporter.event('peerDown', `${peer.name} is down (${how}); the others go on.`, fields)
      },
    })
    await run(session, options, { dir, isNew, temporary, fleet, stop, reporter })
  } finally {
    await fleet?.stopAll()
    forgetFleet(session.environment, process.pid)
    if (temporary) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
    session.input?.destroy()
  }
}

type Running = {
  dir: string
  isNew: boolean
  temporary: boolean
  fleet: DemoFleet
  stop: StopAsked
  reporter: Reporter
}

async function run(session: Session, options: DemoOptions, running: Running): Promise<void> {
  const { fleet, stop, reporter } = running
  const stopped = stop.asked.then(() => null)
  const peers = await Promise.race([fleet.startAll(), stopped])
  if (peers === null) return
  const missing = peers.flatMap(peer => peer.reasons.map(reason => `${peer.name}: ${reason}`))
  reporter.step('peersUp', `${peers.length} peers are up, each a process of its own`, {
    peers: peers.length,
    missing,
  })
  if (running.isNew && !options.empty) {
    const done = await Promise.race([importSample(session, fleet.target(), reporter), stopped])
    if (done === null) return
  }
  announce(session, options, running, peers)
  if (options.input && !options.json) {
    const terminal = session.input?.isTTY === true
    const onInterrupt = () => process.kill(process.pid, 'SIGINT')
    await takeCommands({ dir: running.dir, fleet, session, terminal, onInterrupt }, stop.asked)
  } else {
    await stop.asked
  }
  reporter.step('stopping', 'stopping', {})
}

/** @returns whether the fleet was made just now. */
async function prepareDirectory(
  session: Session,
  options: DemoOptions,
  dir: string,
  reporter: Reporter,
  temporary: boolean,
): Promise<boolean> {
  if (existsSync(dir) && inspectDirectory(dir) === 'fleet') {
    const members = openFleet(dir)
    if (options.peers !== undefined && options.peers !== members.length) {
      throw new SlurpError(
        'USAGE',
        `The fleet in ${dir} has ${members.length} peers, not ${options.peers}.`,
        {
          hint: 'Leave --peers out, or choose another --dir.',
        },
      )
    }
    reporter.step('fleetOpened', `opened the fleet of ${members.length} peers in ${dir}`, { dir })
    return false
  }
  const peers = options.peers ?? peersByDefault
  const replicas = options.replicas ?? Math.min(replicasByDefault, peers)
  await makeFleet(session.wiring, { dir, peers, replicas, roles: defaultRoles, blind: [] })
  const remark = temporary ? ' (removed at the end)' : ''
  reporter.step('fleetMade', `made a fleet of ${peers} peers with ${replicas} replicas in ${dir}${remark}`, {
    dir,
  })
  return true
}

function announce(
  session: Session,
  options: DemoOptions,
  running: Running,
  peers: readonly ReadyPeer[],
): void {
  const [first, ...others] = peers
  if (!first) return
  const { url, tokenFile } = first
  rememberFleet(session.environment, {
    url,
    others: others.map(peer => peer.url),
    tokenFile,
    pid: process.pid,
  })
  if (options.json) {
    const list = peers.map(({ name, id, pid, url, dir }) => ({ name, id, pid, url, dir }))
    running.reporter.event('ready', '', { url, tokenFile, peers: list })
    return
  }
  const sample = options.empty ? null : sampleAddress(session.wiring.sampleFile)
  const example = sample ?? 'ucxl://any:any@notes:any/*^/first'
  session.out(
    [
      '',
      `  door        ${url}`,
      `  token file  ${tokenFile}`,
      `  peers       ${peers.map(peer => `${peer.name} (process ${peer.pid})`).join(', ')}`,
      '',
      options.input ? 'Try here, or in another terminal with `slurp` in front:' : 'Try in another terminal:',
      '  status',
      `  get '${example}'`,
      "  put 'ucxl://any:any@notes:any/*^/first' --field summary='My first context'",
      ...(options.input ? ['  kill p3', '  help', ''] : ['']),
      '',
    ].join('\n'),
  )
}
