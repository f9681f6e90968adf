import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bundledMain } from '../../scripts/bundle.mjs'

export type PeerLine = { name: string; id: string; pid: number; url: string; dir: string }
export type Answer = { status: number; body: Record<string, unknown> }

/** What `npm start` and `npm run slurp` run. */
const main = await bundledMain(fileURLToPath(new URL('../..', import.meta.url)))

/**
 * Waits for a state, never for a time; fails loudly at the deadline.
 *
 * @param what - for the failure; a function where it says what was there in the end.
 */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`not within ${withinMs} ms: ${typeof what === 'string' ? what : what()}`)
    await sleep(25)
  }
}

/** A process of SLURP whose standard output is JSON lines. */
export class Process {
  readonly child: ChildProcess
  readonly lines: Record<string, unknown>[] = []
  stderr = ''

  constructor(args: readonly string[], environment: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [main, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment,
    })
    createInterface({ input: this.child.stdout! }).on('line', line => this.lines.push(JSON.parse(line)))
    this.child.stderr!.on('data', chunk => {
      this.stderr += chunk
    })
  }

  async line(type: string, withinMs = 60_000): Promise<Record<string, unknown>> {
    await until(
      `a line of type ${type} (stderr: ${this.stderr.slice(0, 400)})`,
      () => {
        if (this.child.exitCode !== null)
          throw new Error(`ended with ${this.child.exitCode}: ${this.stderr}${JSON.stringify(this.lines)}`)
        return this.lines.some(each => each.type === type)
      },
      withinMs,
    )
    return this.lines.find(each => each.type === type)!
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    await ended
    return this.child.exitCode
  }
}

/** A real fleet: `slurp demo` and its peers as processes, used through its doors as anybody would. */
export class Fleet {
  readonly #demo: Process
  readonly #revived: Process[] = []
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly tokenFile: string
  readonly dir: string
  peers: PeerLine[]

  private constructor(demo: Process, ready: Record<string, unknown>, dir: string) {
    this.#demo = demo
    this.tokenFile = String(ready.tokenFile)
    this.peers = ready.peers as PeerLine[]
    this.dir = dir
  }

  /** @param stateDir - where this user's last fleet is remembered; never the real one. */
  static async start(dir: string, stateDir: string, more: readonly string[] = []): Promise<Fleet> {
    const args = ['demo', '--no-input', '--json', '--dir', dir, ...more]
    const demo = new Process(args, { ...process.env, XDG_STATE_HOME: stateDir })
    return new Fleet(demo, await demo.line('ready'), dir)
  }

  get demoPid(): number {
    return this.#demo.child.pid!
  }

  peer(name: string): PeerLine {
    return this.peers.find(each => each.name === name)!
  }

  /** One HTTP request to one peer. */
  call(name: string, method: string, path: string, body?: unknown, token = this.#token()): Promise<Answer> {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const headers: Record<string, string> = { authorization: `Bearer ${token}` }
      if (text !== undefined) headers['content-type'] = 'application/json'
      const sent = request(
        new URL(path, this.peer(name).url),
        { method, agent: this.#agent, headers },
        answer => {
          let received = ''
          answer.setEncoding('utf8')
          answer.on('data', chunk => {
            received += chunk
          })
          answer.on('error', reject)
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, body: received === '' ? {} : JSON.parse(received) }),
          )
        },
      )
      sent.on('error', reject)
      sent.end(text)
    })
  }

  context(address: string, more = ''): string {
    return `/v1/contexts/${encodeURIComponent(address)}${more}`
  }

  /** Runs the command line against one peer. */
  slurp(
    name: string,
    args: readonly string[],
    input?: string,
  ): Promise<{ code: number | null; out: string; err: string }> {
    const fleet = ['--url', this.peer(name).url, '--token-file', this.tokenFile]
    return runSlurp([...args, ...fleet], input)
  }

  /** `kill -9`, as a power cut would. */
  async kill(name: string): Promise<void> {
    const { pid } = this.peer(name)
    process.kill(pid, 'SIGKILL')
    await until(`${name} is dead`, () => !isAlive(pid))
  }

  /** `slurp up` on the directory of a killed peer. */
  async revive(name: string): Promise<void> {
    const peer = this.peer(name)
    const up = new Process(['up', '--dir', peer.dir, '--json'], {
      ...process.env,
      XDG_STATE_HOME: this.dir,
    })
    this.#revived.push(up)
    const ready = await up.line('ready')
    const url = typeof ready.url === 'string' ? ready.url : (ready.peers as PeerLine[])[0]!.url
    this.peers = this.peers.map(each => (each.name === name ? { ...each, url, pid: up.child.pid! } : each))
  }

  /** `slurp peer join` or `replace`: another process, by one door of the fleet. */
  async join(door: string, dir: string, more: readonly string[] = ['join']): Promise<PeerLine> {
    const target = ['--url', this.peer(door).url, '--token-file', this.tokenFile]
    const joined = new Process(['peer', ...more, '--dir', dir, '--json', ...target], {
      ...process.env,
      XDG_STATE_HOME: this.dir,
    })
    this.#revived.push(joined)
    const { name, id, url } = (await joined.line('ready')) as PeerLine
    const peer = { name, id, pid: joined.child.pid!, url, dir }
    this.peers = [...this.peers, peer]
    return peer
  }

  /** A line that the demo printed: what became of its peers. */
  demoLine(type: string): Promise<Record<string, unknown>> {
    return this.#demo.line(type)
  }

  async isReady(name: string): Promise<boolean> {
    try {
      return (await this.call(name, 'GET', '/health/ready')).status === 200
    } catch {
      return false
    }
  }

  /** Every peer is connected to every other one. */
  async settled(names = this.peers.map(peer => peer.name)): Promise<void> {
    for (const name of names) {
      await until(`${name} sees ${names.join(', ')}`, async () => {
        const { body } = await this.call(name, 'GET', '/v1/status')
        const members = body.members as { name: string; connected: boolean }[]
        return members.every(member => member.connected || !names.includes(member.name))
      })
    }
  }

  /** SIGTERM to all; the exit code of the demo. */
  async stop(): Promise<number | null> {
    await Promise.all(this.#revived.map(up => up.end('SIGTERM')))
    const code = await this.#demo.end('SIGTERM')
    this.#agent.destroy()
    return code
  }

  #token(): string {
    return readFileSync(this.tokenFile, 'utf8').trim()
  }
}

/** The command line, whole: exit code and what it printed. */
export async function runSlurp(
  args: readonly string[],
  input?: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...process.env, ...environment }
  const child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env })
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    err += chunk
  })
  child.stdin.end(input)
  await once(child, 'close')
  return { code: child.exitCode, out, err }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
