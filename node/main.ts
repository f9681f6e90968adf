import { existsSync, readFileSync } from 'node:fs'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Session } from './cli/session.ts'
import type { Wiring } from './cli/wiring.ts'
import { askOnTerminal, ProcessPassphrase } from './passphrase.ts'

const self = fileURLToPath(import.meta.url)

// Halves the start of every command, and of the peers that the demo starts: they inherit it, so that even this
// file comes compiled. A directory that cannot be written only costs that.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'slurp')
  if (enableCompileCache(cache).directory !== undefined) process.env.NODE_COMPILE_CACHE = cache
}

/** Once a start is over: a process that is killed would leave nothing compiled for the next one. */
const compiledMs = 5_000
const keepCompiled = () => void setTimeout(flushCompileCache, compiledMs).unref()

/** The package that this file is in, whether it runs as source or compiled. */
function findPackage(from: string): string {
  const file = join(from, 'package.json')
  return existsSync(file) || dirname(from) === from ? from : findPackage(dirname(from))
}

const home = findPackage(dirname(self))
const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }

const terminal = { input: process.stdin, output: process.stderr }
const passphrase = new ProcessPassphrase({
  environment: process.env,
  ask: async question => askOnTerminal(terminal, question),
})

const wiring: Wiring = {
  version,
  self: [process.execPath, ...process.execArgv, self],
  sampleFile: join(home, 'sample', 'contexts.ndjson'),
  async createFleet(plan) {
    const { createFleet } = await import('../crypto/fleet-creation.ts')
    return createFleet(plan.sealed ? { ...plan, passphrase: await passphrase.choose() } : plan)
  },
  async servePeer(dir, settings, onLeft, ask) {
    const { servePeer } = await import('./serve-peer.ts')
    const source = ask ? new ProcessPassphrase({ environment: process.env, ask }) : passphrase
    const served = await servePeer(dir, settings, version, onLeft, source.of)
    keepCompiled()
    return served
  },
  async serveAgent(dir, settings, options) {
    const { serveAgent } = await import('./serve-agent.ts')
    return serveAgent(dir, settings, { ...options, version, passphrase: passphrase.of })
  },
  passphraseOf: path => passphrase.of(path),
  async identityIn(dir) {
    const { inspectIdentity } = await import('../crypto/identity.ts')
    return inspectIdentity(join(dir, 'identity.key'))
  },
  async resealIdentity(dir, how, file) {
    const { resealIdentity } = await import('../crypto/identity.ts')
    const next = how === 'change' ? () => passphrase.next(file) : () => passphrase.choose()
    return resealIdentity(join(dir, 'identity.key'), passphrase.of, how === 'unseal' ? null : next)
  },
  async newPeerIn(dir, sealed) {
    const { newPeerIn } = await import('./join-directory.ts')
    return newPeerIn(dir, passphrase, sealed)
  },
  async agentRequestIn(dir, token) {
    const { agentRequestIn } = await import('./agent-joining.ts')
    return agentRequestIn(dir, token, passphrase.of)
  },
  async writeAgentTicket(dir, token, ticket) {
    const { writeAgentTicket } = await import('./agent-joining.ts')
    return writeAgentTicket(dir, token, ticket, passphrase.of)
  },
  async writeTicket(dir, fleet, ticket) {
    const { writeTicket } = await import('./join-directory.ts')
    return writeTicket(dir, fleet, ticket, passphrase)
  },
  async certify(certificate, source) {
    const { certifyAgain } = await import('./certify.ts')
    return certifyAgain(certificate, source)
  },
  async fleetIn(dir) {
    const { fleetIn } = await import('./join-directory.ts')
    return fleetIn(dir)
  },
  async migrateKeys(dir, source) {
    const { migrateKeys } = await import('./key-migration.ts')
    return migrateKeys(dir, passphrase.of, source)
  },
  async simulate(seed, options) {
    const { replay } = await import('../sim/replay.ts')
    return replay(seed, options)
  },
  async simulateScale(wish) {
    const { runScale } = await import('../sim/scale/scale.ts')
    return runScale(wish)
  },
}

const session: Session = {
  wiring,
  environment: process.env,
  input: process.stdin,
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  errIsTerminal: process.stderr.isTTY === true,
  target: null,
  exitCode: 0,
}

// A reader that has enough (`slurp history … | head`) is no failure.
process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
  process.exit(failure.code === 'EPIPE' ? 0 : 1)
})

const { runCommandLine } = await import('./cli/program.ts')
process.exitCode = await runCommandLine(process.argv.slice(2), session)
