import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { runCommandLine } from '../../node/cli/program.ts'
import type { Session } from '../../node/cli/session.ts'
import type { Wiring } from '../../node/cli/wiring.ts'
import { type OpenedDoor, openTestDoor, token } from '../http/open-door.ts'

export type Ran = { code: number; out: string; err: string; json: Said }

/** The fields of all that commands print with --json, of which each has some. */
export type Said = {
  error: { code: string; message: string; hint: string }
  current: { version: string | null }
  address: string
  version: string
  context: Record<string, unknown>
  versions: { version: string }[]
  stored: number
  failed: number
  failures: string | null
  stoppedAt: number | null
  wouldStore: number
  dryRun: boolean
  fields: string[]
  roles: unknown[]
}

const noWiring: Wiring = {
  version: '1.2.3',
  self: ['none'],
  sampleFile: 'none',
  createFleet: () => Promise.reject(new Error('not in this test')),
  servePeer: () => Promise.reject(new Error('not in this test')),
  serveAgent: () => Promise.reject(new Error('not in this test')),
  passphraseOf: () => Promise.reject(new Error('not in this test')),
  identityIn: () => Promise.reject(new Error('not in this test')),
  resealIdentity: () => Promise.reject(new Error('not in this test')),
  newPeerIn: () => Promise.reject(new Error('not in this test')),
  writeTicket: () => Promise.reject(new Error('not in this test')),
  agentRequestIn: () => Promise.reject(new Error('not in this test')),
  writeAgentTicket: () => Promise.reject(new Error('not in this test')),
  certify: () => Promise.reject(new Error('not in this test')),
  fleetIn: () => Promise.reject(new Error('not in this test')),
  simulate: () => Promise.reject(new Error('not in this test')),
  migrateKeys: () => Promise.reject(new Error('not in this test')),
  simulateScale: () => Promise.reject(new Error('not in this test')),
}

export type Bench = OpenedDoor & {
  /** Scratch directory of the test. */
  dir: string
  environment: NodeJS.ProcessEnv
  /** Runs `slurp ARGS` in this process against the door of this test. */
  slurp: (
    args: readonly string[],
    more?: {
      input?: string
      environment?: NodeJS.ProcessEnv
      wiring?: Partial<Wiring>
      terminal?: boolean
    },
  ) => Promise<Ran>
}

/** A door on a peer in memory, and a command line that knows it from its environment. */
export async function openBench(test: TestContext): Promise<Bench> {
  const opened = await openTestDoor(test)
  const dir = mkdtempSync(join(tmpdir(), 'slurp-cli-test-'))
  test.after(() => rmSync(dir, { recursive: true, force: true }))
  const tokenFile = join(dir, 'token')
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 })
  const environment = {
    SLURP_URL: opened.door.url,
    SLURP_TOKEN_FILE: tokenFile,
    XDG_STATE_HOME: join(dir, 'state'),
    HOME: dir,
  }
  const slurp: Bench['slurp'] = (args, more = {}) =>
    runHere(args, {
      environment: more.environment ?? environment,
      input: more.input ?? null,
      wiring: more.wiring ?? {},
      terminal: more.terminal ?? false,
    })
  return { ...opened, dir, environment, slurp }
}

export async function runHere(
  args: readonly string[],
  given: {
    environment?: NodeJS.ProcessEnv
    input?: string | null
    wiring?: Partial<Wiring>
    terminal?: boolean
  } = {},
): Promise<Ran> {
  let out = ''
  let err = ''
  const session: Session = {
    wiring: { ...noWiring, ...given.wiring },
    environment: given.environment ?? {},
    input: given.input === undefined || given.input === null ? null : Readable.from([given.input]),
    out: text => {
      out += text
    },
    err: text => {
      err += text
    },
    errIsTerminal: given.terminal ?? false,
    target: null,
    exitCode: 0,
  }
  const code = await runCommandLine(args, session)
  const last = out.trim().split('\n').at(-1) ?? ''
  return { code, out, err, json: last.startsWith('{') ? JSON.parse(last) : ({} as Said) }
}
