import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const format = 1

/** The fleet that this user's last `demo` or `up` opened. Names a token file, never a token. */
export type LastFleet = {
  readonly url: string
  /** Doors of the same fleet that take the same token. */
  readonly others: readonly string[]
  readonly tokenFile: string
  readonly pid: number
}

export function lastFleetPath(environment: NodeJS.ProcessEnv): string {
  const state = environment.XDG_STATE_HOME || join(environment.HOME || homedir(), '.local', 'state')
  return join(state, 'slurp', 'last-fleet.json')
}

/** @returns null when there is none, or what is there is not ours to read. */
export function readLastFleet(environment: NodeJS.ProcessEnv): LastFleet | null {
  try {
    const text = readFileSync(lastFleetPath(environment), 'utf8')
    return fromJson(JSON.parse(text))
  } catch {
    // It is only a convenience: without it the user names the fleet.
    return null
  }
}

function fromJson(value: unknown): LastFleet | null {
  if (typeof value !== 'object' || value === null) return null
  const { format: found, url, others, tokenFile, pid } = value as Record<string, unknown>
  if (found !== format || typeof url !== 'string' || typeof tokenFile !== 'string') return null
  if (typeof pid !== 'number' || !Array.isArray(others)) return null
  return { url, others: others.map(String), tokenFile, pid }
}

/** Whether a door belongs to the remembered fleet: a peer of a demo that was started again by hand. */
export function isRemembered(environment: NodeJS.ProcessEnv, url: string): boolean {
  const last = readLastFleet(environment)
  return last !== null && [last.url, ...last.others].includes(url)
}

/** @returns false when it could not be written; the user then names the fleet. */
export function rememberFleet(environment: NodeJS.ProcessEnv, fleet: LastFleet): boolean {
  const path = lastFleetPath(environment)
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, `${JSON.stringify({ format, ...fleet })}\n`, { mode: 0o600 })
    renameSync(draft, path)
    return true
  } catch {
    return false
  }
}

/** Forgets the fleet that this process remembered, unless another one was opened since. */
export function forgetFleet(environment: NodeJS.ProcessEnv, pid: number): void {
  if (readLastFleet(environment)?.pid === pid) rmSync(lastFleetPath(environment), { force: true })
}
