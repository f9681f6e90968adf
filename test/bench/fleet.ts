import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { bundledMain } from '../../scripts/bundle.mjs'
import { newSide, type Shot, type Side } from './http-load.ts'

const project = fileURLToPath(new URL('../..', import.meta.url))
/** What `npm start` and `npm run slurp` run. */
const main = await bundledMain(project)
/** The same as separate files, so that a profile can name them. */
const sources = join(project, 'node', 'main.ts')

/** A benchmark that is broken off takes its fleets along: left alone they would be measured with the next one. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]))

type PeerLine = { name: string; pid: number; url: string }

export type BenchFleet = {
  readonly peers: readonly PeerLine[]
  readonly side: Side
  readonly url: string
  readonly tokenFile: string
  /** From the start of the command to its ready line; `made` of it went into keys and directories. */
  readonly startMs: { readonly made: number; readonly ready: number }
  put(address: string, context: string, roles: string): Shot
  read(address: string): Shot
  /** Anything else of the door. */
  post(path: string, body: object): Shot
  stop(): Promise<void>
}

export type FleetWish = {
  readonly peers: number
  readonly dir: string
  /** Where the command notes the last fleet; never the user's own place. */
  readonly stateDir: string
  /** Environment of a fleet that can be profiled; it runs from its separate source files. */
  readonly profiled?: NodeJS.ProcessEnv
  /** More of the environment. */
  readonly env?: NodeJS.ProcessEnv
}

/** Real peers as processes, started as a user would: `slurp demo --no-input --json --empty`. */
export async function startFleet(wish: FleetWish): Promise<BenchFleet> {
  const startedMs = performance.now()
  const child = spawn(
    process.execPath,
    [
      wish.profiled ? sources : main,
      'demo',
      '--no-input',
      '--json',
      '--empty',
      '--peers',
      String(wish.peers),
      '--dir',
      wish.dir,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_STATE_HOME: wish.stateDir, ...wish.env, ...wish.profiled },
    },
  )
  running.add(child)
  child.once('exit', () => running.delete(child))
  let madeMs = 0
  const ready = await new Promise<{ tokenFile: string; peers: PeerLine[] }>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      const said = JSON.parse(line)
      if (said.step === 'fleetMade') madeMs = performance.now() - startedMs
      if (said.type === 'ready') resolve(said)
      if (said.error) reject(new Error(line))
    })
    child.once('exit', code => reject(new Error(`slurp demo ended with ${code}`)))
  })
  const readyMs = performance.now() - startedMs
  const token = readFileSync(ready.tokenFile, 'utf8').trim()
  const headers = { authorization: `Bearer ${token}` }
  const side = newSide(ready.peers.map(peer => peer.url))
  const path = (address: string) => `/v1/contexts/${encodeURIComponent(address)}`
  return {
    peers: ready.peers,
    side,
    url: ready.peers[0]!.url,
    tokenFile: ready.tokenFile,
    startMs: { made: madeMs, ready: readyMs },
    put: (address, context, roles) => ({
      method: 'PUT',
      path: `${path(address)}?roles=${roles}`,
      body: context,
      headers,
    }),
    read: address => ({ method: 'GET', path: path(address), headers }),
    post: (path, body) => ({ method: 'POST', path, body: JSON.stringify(body), headers }),
    stop: async () => {
      side.agent.destroy()
      await end(child)
    },
  }
}

/** The main job as a newcomer types it, from the command to its ready line: with the sample contexts stored. */
export async function timeNpmStart(stateDir: string): Promise<{ readyMs: number; stored: number }> {
  const startedMs = performance.now()
  const child = spawn('npm', ['start', '--silent', '--', '--no-input', '--json'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, XDG_STATE_HOME: stateDir },
    detached: true,
  })
  let stored = 0
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      const said = JSON.parse(line)
      if (said.step === 'sampleStored') stored = said.stored
      if (said.type === 'ready') resolve()
    })
    child.once('exit', code => reject(new Error(`npm start ended with ${code}`)))
  })
  const readyMs = performance.now() - startedMs
  const ended = once(child, 'exit')
  process.kill(-child.pid!, 'SIGTERM')
  await ended
  return { readyMs, stored }
}

export type ImportResult = { readonly stored: number; readonly failed: number; readonly seconds: number }

/** `slurp batch import FILE`, timed from the outside, its own start included. */
export async function importInto(
  fleet: BenchFleet,
  file: string,
  stateDir: string,
): Promise<ImportResult & { wallSeconds: number }> {
  const startedMs = performance.now()
  const where = ['--url', fleet.url, '--token-file', fleet.tokenFile]
  const child = spawn(process.execPath, [main, 'batch', 'import', file, '--json', ...where], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, XDG_STATE_HOME: stateDir },
  })
  let summary: ImportResult | null = null
  createInterface({ input: child.stdout }).on('line', line => {
    const said = JSON.parse(line)
    if (said.type === 'summary') summary = said as ImportResult
  })
  await once(child, 'close')
  if (summary === null) throw new Error('the import said nothing at its end')
  return { ...(summary as ImportResult), wallSeconds: (performance.now() - startedMs) / 1000 }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
