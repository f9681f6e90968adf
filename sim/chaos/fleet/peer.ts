import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ChaosFailure } from '../failure.ts'
import { relayVariable } from '../network/wanted-port.ts'
import { clockVariable } from './wall-clock-file.ts'

/** What a peer says when it is ready. */
export type Ready = { readonly id: string; readonly url: string; readonly port: number }

/** How a peer is as a process. `starting`: until it says that it is ready. */
export type PeerState = 'down' | 'starting' | 'up' | 'paused'

export type PeerOptions = {
  readonly name: string
  readonly dir: string
  /** File of the command line to run on this Node. */
  readonly main: string
  /** Where its connections to other peers shall go. */
  readonly relayPort: number
  readonly changed: (peer: PeerProcess) => void
}

/** Loaded into a peer before its own code. */
const preloaded = ['../network/redirect.ts', './wall-clock.ts'].map(
  path => `--import=${new URL(path, import.meta.url).href}`,
)
const readyMsMax = 90_000
const stopMsMax = 20_000
const complaintCharactersMax = 4_000

/** One peer as a real process, started again and again on its directory. */
export class PeerProcess {
  readonly name: string
  readonly dir: string
  state: PeerState = 'down'
  /** What its latest start said; null before the first. */
  ready: Ready | null = null
  private readonly options: PeerOptions
  private child: ChildProcess | null = null
  private complaint = ''
  private knownToken: string | null = null

  constructor(options: PeerOptions) {
    this.options = options
    this.name = options.name
    this.dir = options.dir
  }

  /** Its own port in the peer protocol, as its settings have it. */
  get wantedPort(): number {
    const { port } = JSON.parse(readFileSync(join(this.dir, 'peer.json'), 'utf8')) as { port?: number }
    return port ?? 0
  }

  /** Its bearer token, read when it is first asked for. */
  get token(): string {
    this.knownToken ??= readFileSync(join(this.dir, 'token'), 'utf8').trim()
    return this.knownToken
  }

  /** `slurp up` on its directory, until it says that it is ready. @throws ChaosFailure when it does not. */
  async start(): Promise<Ready> {
    const command = ['up', '--child', '--json', '--dir', this.dir]
    const { main, relayPort } = this.options
    const preload = [process.env.NODE_OPTIONS ?? '', ...preloaded].join(' ').trim()
    if (!existsSync(this.clockFile)) this.writeClock(0)
    const child = spawn(process.execPath, [main, ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_OPTIONS: preload,
        [relayVariable]: String(relayPort),
        [clockVariable]: this.clockFile,
      },
    })
    this.child = child
    this.enter('starting')
    this.complaint = ''
    // It may be killed while something is on its way to it.
    child.stdin.on('error', () => child.stdin.destroy())
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.complaint = (this.complaint + text).slice(-complaintCharactersMax)
    })
    child.once('exit', () => {
      if (this.child !== child) return
      this.child = null
      this.enter('down')
    })
    this.ready = await this.readyLine(child)
    // It may have been paused or killed the moment that it spoke.
    if (this.child === child && this.state === 'starting') {
      this.enter('up')
      // Its clock may have been set since it looked.
      child.kill('SIGUSR2')
    }
    return this.ready
  }

  /** Ends it as a power cut of its machine would, and waits until it is gone. */
  async kill(): Promise<void> {
    const { child } = this
    if (child === null) return
    const gone = once(child, 'exit')
    this.killNow()
    await gone
  }

  /** `kill -9` without waiting; the last thing that can be done for a process. */
  killNow(): void {
    this.child?.kill('SIGKILL')
  }

  /** Stops the process in its tracks: its sockets stay open and nobody reads them. */
  pause(): void {
    if (this.child === null || this.state !== 'up') return
    this.child.kill('SIGSTOP')
    this.enter('paused')
  }

  resume(): void {
    if (this.child === null || this.state !== 'paused') return
    this.child.kill('SIGCONT')
    this.enter('up')
  }

  /** Sets its wall clock off from that of the machine, for later starts too. */
  setClock(offMs: number): void {
    this.writeClock(offMs)
    // One that starts may have no handler for the signal yet, which would end it; it gets it once it is ready.
    if (this.state === 'up' || this.state === 'paused') this.child?.kill('SIGUSR2')
    this.options.changed(this)
  }

  /** Asks it to close. @returns its exit code; null when it had to be killed or was not running. */
  async stop(): Promise<number | null> {
    const { child } = this
    if (child === null) return null
    this.resume()
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
    await gone
    clearTimeout(late)
    return child.exitCode
  }

  /** Waits until it has ended by itself. @throws ChaosFailure when it is still there after `withinMs`. */
  async ended(withinMs: number): Promise<void> {
    const { child } = this
    if (child === null) return
    const late = AbortSignal.timeout(withinMs)
    await once(child, 'exit', { signal: late }).catch(() => {
      throw new ChaosFailure(`${this.name} did not end by itself within ${withinMs / 1_000} s`)
    })
  }

  private get clockFile(): string {
    return `${this.dir}.clock`
  }

  private writeClock(offMs: number): void {
    writeFileSync(this.clockFile, String(offMs))
  }

  private enter(state: PeerState): void {
    if (this.state === state) return
    this.state = state
    this.options.changed(this)
  }

  private readyLine(child: ChildProcess): Promise<Ready> {
    const { promise, resolve, reject } = Promise.withResolvers<Ready>()
    const late = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new ChaosFailure(`${this.name} was not ready within ${readyMsMax / 1_000} s`))
    }, readyMsMax)
    createInterface({ input: child.stdout! }).on('line', line => {
      const ready = readyFrom(line)
      if (ready !== null) resolve(ready)
    })
    child.once('exit', (code, signal) => {
      const how = signal ?? `exit code ${code}`
      reject(
        new ChaosFailure(`${this.name} ended before it was ready (${how}): ${this.complaint.slice(-600)}`),
      )
    })
    return promise.finally(() => clearTimeout(late))
  }
}

function readyFrom(line: string): Ready | null {
  const said: unknown = JSON.parse(line)
  if (typeof said !== 'object' || said === null || !('type' in said) || said.type !== 'ready') return null
  const { id, url, addresses } = said as unknown as { id: string; url: string; addresses: string[] }
  const port = Number(/\/tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1] ?? 0)
  return { id, url, port }
}
