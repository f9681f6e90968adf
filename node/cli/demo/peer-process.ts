import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { type ErrorBody, SlurpError } from '../../../base/errors.ts'
import { failureFrom } from '../client.ts'

const readyLine = z.object({
  type: z.literal('ready'),
  name: z.string(),
  id: z.string(),
  pid: z.int(),
  url: z.string(),
  tokenFile: z.string(),
  dir: z.string(),
  reasons: z.array(z.string()),
})

export type ReadyPeer = z.output<typeof readyLine>

const complaintBytesMax = 4096

/** One peer of the demo: a process of its own that ends when its standard input does. */
export class PeerProcess {
  readonly name: string
  readonly dir: string
  /** Rejects with what the peer said when it ends before it is ready. */
  readonly ready: Promise<ReadyPeer>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** What `ready` resolved to. */
  found: ReadyPeer | null = null
  /** It said that it left the fleet, and ends by itself. */
  left = false
  #child: ChildProcess
  #asked = false
  readonly #passphraseOf: (path: string) => Promise<Uint8Array>

  constructor(
    self: readonly [string, ...string[]],
    member: { name: string; dir: string },
    environment: NodeJS.ProcessEnv,
    passphraseOf: (path: string) => Promise<Uint8Array>,
  ) {
    this.name = member.name
    this.dir = member.dir
    const [program, ...leading] = self
    const child = spawn(program, [...leading, 'up', '--child', '--json', '--dir', member.dir], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment,
    })
    this.#child = child
    // It may end before its input is closed.
    child.stdin.on('error', () => undefined)
    this.exited = new Promise(resolve => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
      child.once('error', () => resolve({ code: 1, signal: null }))
    })
    this.#passphraseOf = passphraseOf
    this.ready = this.#listen(child, environment.SLURP_DEBUG ? process.stderr : null)
  }

  /** Whether its end was asked for. */
  get endAsked(): boolean {
    return this.#asked
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Asks it to finish and close. */
  stop(): void {
    this.#asked = true
    this.#child.stdin?.end()
    this.#child.kill('SIGTERM')
  }

  /** Ends it as a crash would. */
  kill(): void {
    this.#asked = true
    this.#child.kill('SIGKILL')
  }

  /** Its identity is sealed. Over its standard input: arguments and environment can be read by others. */
  #answer(failed: (failure: unknown) => void): void {
    this.#passphraseOf(this.dir).then(
      passphrase => this.#child.stdin?.write(Buffer.concat([passphrase, Buffer.from('\n')])),
      failure => {
        failed(failure)
        this.stop()
      },
    )
  }

  async #listen(child: ChildProcess, debug: NodeJS.WritableStream | null): Promise<ReadyPeer> {
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      debug?.write(text)
      complaint = (complaint + text).slice(-complaintBytesMax)
    })
    const { promise, resolve, reject } = Promise.withResolvers<ReadyPeer>()
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', line => {
        const said = parse(line)
        const ready = readyLine.safeParse(said)
        if (ready.success) {
          this.found = ready.data
          resolve(ready.data)
        } else if (isFarewell(said)) this.left = true
        else if (isQuestion(said)) this.#answer(reject)
        else if (isFailure(said)) reject(failureFrom(said))
      })
    }
    this.exited.then(({ code, signal }) => {
      const last = complaint.trim().split('\n').at(-1) ?? ''
      const how = signal ?? `exit code ${code}`
      reject(new SlurpError('UNREACHABLE', `${this.name} ended before it was ready (${how}). ${last}`.trim()))
    })
    return promise
  }
}

const isQuestion = (said: unknown): boolean =>
  typeof said === 'object' && said !== null && 'type' in said && said.type === 'passphraseNeeded'

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

const isFarewell = (said: unknown): boolean =>
  typeof said === 'object' && said !== null && 'type' in said && said.type === 'left'

const isFailure = (said: unknown): said is ErrorBody =>
  typeof said === 'object' && said !== null && 'error' in said && typeof said.error === 'object'
