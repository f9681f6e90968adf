import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { SlurpError } from '../../../base/errors.ts'
import type { Target } from '../target.ts'
import { PeerProcess, type ReadyPeer } from './peer-process.ts'

/** The whole stop stays below 10 s. */
const stopMs = 9500

/** What V8 takes by itself, on any machine. */
const helpersMax = 4
/** With a single one whatever waits for another has nobody to wait for. */
const helpersMin = 2

type Member = { readonly name: string; readonly dir: string }

export type DemoFleetOptions = {
  readonly self: readonly [string, ...string[]]
  readonly environment: NodeJS.ProcessEnv
  readonly members: readonly Member[]
  /** Asked when the identity of a peer is sealed. */
  readonly passphraseOf: (path: string) => Promise<Uint8Array>
  /** A peer ended and nobody asked for it. */
  readonly onPeerDown: (peer: PeerProcess, how: string) => void
}

/** The peers of the demo as processes. */
export class DemoFleet {
  readonly #options: DemoFleetOptions
  readonly #members: Member[]
  readonly #peers = new Map<string, PeerProcess>()

  constructor(options: DemoFleetOptions) {
    this.#options = options
    this.#members = [...options.members]
  }

  get names(): string[] {
    return this.#members.map(member => member.name)
  }

  /** Every peer in the order of the fleet. */
  get peers(): PeerProcess[] {
    return [...this.#peers.values()]
  }

  /** Starts all peers at once. @throws SlurpError what the first peer that failed said. */
  async startAll(): Promise<ReadyPeer[]> {
    for (const member of this.#members) this.#spawn(member)
    return Promise.all(this.peers.map(peer => peer.ready))
  }

  /** A peer that joined; `start` runs it. */
  add(member: Member): void {
    this.#members.push(member)
  }

  /** @throws SlurpError USAGE when it runs already or there is no such peer. */
  async start(name: string): Promise<ReadyPeer> {
    const member = this.#members.find(candidate => candidate.name === name)
    if (!member) throw this.#unknown(name)
    if (this.#peers.get(name)?.running) throw new SlurpError('USAGE', `${name} is running already.`)
    return this.#spawn(member).ready
  }

  /** Ends a peer as a crash would, and waits until it is gone. @throws SlurpError USAGE. */
  async kill(name: string): Promise<void> {
    const peer = this.#peers.get(name)
    if (!peer) throw this.#unknown(name)
    if (!peer.running)
      throw new SlurpError('USAGE', `${name} is not running.`, { hint: `Try \`start ${name}\`.` })
    peer.kill()
    await peer.exited
  }

  /** Doors of the running peers. @throws SlurpError UNREACHABLE when none runs. */
  target(): Target {
    const running = this.peers.filter(peer => peer.running).flatMap(peer => (peer.found ? [peer.found] : []))
    const [first, ...others] = running
    if (!first) throw new SlurpError('UNREACHABLE', 'No peer is running.', { hint: 'Try `start p1`.' })
    const token = readFileSync(first.tokenFile, 'utf8').trim()
    return { url: first.url, others: others.map(peer => peer.url), token }
  }

  /** Asks all peers to close; those that do not in time are killed. */
  async stopAll(): Promise<void> {
    const running = this.peers.filter(peer => peer.running)
    for (const peer of running) peer.stop()
    const patience = new AbortController()
    const gone = Promise.all(running.map(peer => peer.exited))
    await Promise.race([gone, delay(stopMs, undefined, { signal: patience.signal }).catch(() => undefined)])
    patience.abort()
    this.killAll()
    await gone
  }

  killAll(): void {
    for (const peer of this.peers) if (peer.running) peer.kill()
  }

  #spawn(member: Member): PeerProcess {
    const { self, environment, passphraseOf } = this.#options
    const [program, ...leading] = self
    const peer = new PeerProcess(
      [program, `--v8-pool-size=${this.#helpers}`, ...leading],
      member,
      environment,
      passphraseOf,
    )
    this.#peers.set(member.name, peer)
    // Whoever waits for `ready` hears of a failure; nobody has to.
    peer.ready.catch(() => undefined)
    peer.exited.then(({ code, signal }) => {
      const how = signal ?? `exit code ${code}`
      if (!peer.endAsked && peer.found) this.#options.onPeerDown(peer, how)
    })
    return peer
  }

  /**
   * Threads of V8 for each peer: these share the machine, and when one collects its garbage with a thread for every core
   * nobody else has any.
   */
  get #helpers(): number {
    const share = Math.floor(availableParallelism() / this.#members.length)
    return Math.min(helpersMax, Math.max(helpersMin, share))
  }

  #unknown(name: string): SlurpError {
    return new SlurpError('USAGE', `There is no peer "${name}".`, {
      hint: `The peers are ${this.names.join(', ')}.`,
    })
  }
}
