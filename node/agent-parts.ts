import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SlurpError } from '../base/errors.ts'
import type { FleetId } from '../base/ids.ts'
import { type FleetRecord, verifyFleetRecord } from '../crypto/fleet-record.ts'
import { splitChain } from '../crypto/grants/chain-text.ts'
import { decodeStatement } from '../crypto/grants/grant-shape.ts'
import { unverifiedPayload } from '../crypto/grants/token.ts'
import type { AgentLibp2p } from './adapters/libp2p/agent-start.ts'
import { systemClock } from './adapters/system-clock.ts'
import { writePrivately } from './peer-settings.ts'
import type { Clock } from './ports/ports.ts'

/** What a process notes of its boots has so many values; two that follow each other differ. */
const bootsMax = 256
const format = 1
const recordFile = 'fleet.json'

/** The fleet that a grant says that it is of. Whether that is true is proven once the key of its authority is here. @throws SlurpError GRANT_INVALID. */
export const claimedFleet = (grant: string): FleetId =>
  decodeStatement('delegate', unverifiedPayload('delegate', splitChain(grant).delegate)).fleet

/** The directory of an agent, or one for this run only. */
export function agentDirectory(dir: string | null): { readonly dir: string; remove(): void } {
  if (dir !== null) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return { dir, remove: () => undefined }
  }
  const made = mkdtempSync(join(tmpdir(), 'slurp-agent-'))
  return { dir: made, remove: () => rmSync(made, { recursive: true, force: true }) }
}

/**
 * Number of this boot: without it a process whose wall clock ran back could name two writes alike.
 *
 * @param isKept - whether the directory outlives this run.
 */
export function nextBoot(dir: string, isKept: boolean): number {
  if (!isKept) return randomInt(bootsMax)
  const path = join(dir, 'agent.json')
  const boot = existsSync(path) ? (bootIn(path) + 1) % bootsMax : 1
  writePrivately(path, `${JSON.stringify({ format, boot })}\n`)
  return boot
}

function bootIn(path: string): number {
  try {
    const { boot } = JSON.parse(readFileSync(path, 'utf8')) as { boot?: unknown }
    if (Number.isSafeInteger(boot)) return boot as number
  } catch {
    // A number at random is as good as one that was lost.
  }
  return randomInt(bootsMax)
}

/** Time of the fleet, as far as it is known: this machine's, moved by what members say. */
export class AgentClock implements Clock {
  readonly #offMs: () => number | null

  constructor(offMs: () => number | null) {
    this.#offMs = offMs
  }

  get isKnown(): boolean {
    return this.#offMs() !== null
  }

  wallMs(): number {
    return systemClock.wallMs() + (this.#offMs() ?? 0)
  }

  monotonicMs(): number {
    return systemClock.monotonicMs()
  }

  at(atMs: number, wake: () => void): () => void {
    return systemClock.at(atMs, wake)
  }

  soon(run: () => void): void {
    systemClock.soon(run)
  }
}

/**
 * The signed record of a fleet: that of an earlier run, else the one that Kademlia gives. It proves itself, as the fleet is
 * named by the hash of the key that signs it.
 *
 * @throws SlurpError UNREACHABLE when nobody gave one in time.
 */
export async function findRecord(
  dir: string,
  fleet: FleetId,
  libp2p: AgentLibp2p,
  patienceMs: number,
): Promise<FleetRecord> {
  const path = join(dir, recordFile)
  if (existsSync(path)) return verifyFleetRecord(readFileSync(path), fleet)
  const untilMs = systemClock.monotonicMs() + patienceMs
  while (systemClock.monotonicMs() < untilMs) {
    await Promise.all(libp2p.bootstrap.map(peer => libp2p.connect(peer)))
    const bytes = libp2p.bootstrap.some(peer => libp2p.agents.isConnected(peer))
      ? await libp2p.discovery.fetchRecord()
      : null
    if (bytes !== null) {
      const record = verifyFleetRecord(bytes, fleet)
      writePrivately(path, bytes)
      return record
    }
    await new Promise<void>(resolve => systemClock.at(systemClock.monotonicMs() + 100, resolve))
  }
  throw new SlurpError('UNREACHABLE', 'No member of the fleet was found by the bootstrap addresses.', {
    hint:
      '`slurp status` at the door of a member shows its addresses, and `slurp grant show` whether the grant is in force: ' +
      'who is not granted anything is not let in.',
  })
}

const momentMs = 50

/** What was found out a moment ago is not found out again. */
export function forAMoment<T>(clock: Pick<Clock, 'monotonicMs'>, look: () => T): () => T {
  let last: { readonly atMs: number; readonly found: T } | null = null
  return () => {
    const nowMs = clock.monotonicMs()
    if (last === null || nowMs - last.atMs >= momentMs) last = { atMs: nowMs, found: look() }
    return last.found
  }
}
