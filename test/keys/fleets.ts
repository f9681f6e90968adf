import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFleet } from '../../crypto/fleet-creation.ts'
import { pickFreePorts } from '../../node/cli/free-ports.ts'
import { newPeerIn, writeTicket } from '../../node/join-directory.ts'
import { startPeer } from '../../node/process.ts'
import type { Log, RunningPeer } from '../../node/running-peer.ts'

/**
 * Waits for a state, never for a time; fails loudly at the deadline.
 *
 * @param what - what is waited for; asked at the deadline, when it tells what there is instead.
 */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  withinMs = 45_000,
): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline)
      throw new Error(`not within ${withinMs} ms: ${typeof what === 'string' ? what : what()}`)
    await sleep(20)
  }
}

export type FleetChoices = {
  readonly peers: number
  readonly blind?: readonly string[]
  readonly roles?: readonly string[]
  /** Roles of each peer where they differ. */
  readonly rolesOf?: (name: string) => readonly string[]
  readonly keyCutOffMs?: number
}

/** Nobody waits for a disk here. */
export const quietAudit = { policy: 'closed', sync: 'second', bytesMax: 1 << 24 } as const

export const quietLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** A real fleet in this process: real directories, disks, connections; each peer can be stopped and started. */
export class KeyFleet {
  readonly work = mkdtempSync(join(tmpdir(), 'slurp-keys-'))
  readonly dir = join(this.work, 'fleet')
  readonly running = new Map<string, RunningPeer>()
  /** What peers logged at warn and above, in order. */
  readonly warnings: string[] = []
  names: string[] = []
  #keyCutOffMs: number | undefined
  readonly places = new Map<string, { readonly port: number; readonly address: string }>()

  static async make({
    peers,
    blind = [],
    roles = ['architect', 'tester'],
    rolesOf,
    keyCutOffMs,
  }: FleetChoices): Promise<KeyFleet> {
    const fleet = new KeyFleet()
    fleet.#keyCutOffMs = keyCutOffMs
    fleet.names = Array.from({ length: peers }, (_, place) => `p${place + 1}`)
    const ports = await pickFreePorts(peers)
    const { members } = await createFleet({
      dir: fleet.dir,
      memberNames: fleet.names,
      roles,
      replicas: Math.min(3, peers),
      rolesOf: rolesOf ?? (name => (blind.includes(name) ? [] : roles)),
    })
    for (const [place, { name, id }] of members.entries()) {
      fleet.settle(name)
      fleet.places.set(name, { port: ports[place]!, address: `/ip4/127.0.0.1/tcp/${ports[place]}/p2p/${id}` })
    }
    return fleet
  }

  /**
   * Lets one more peer in by the first one, and makes its directory. It is started by `start`.
   *
   * @param isBlind - it is entitled to no role.
   * @returns the roles that it is entitled to.
   */
  async enter(name: string, isBlind = false): Promise<readonly string[]> {
    const draft = join(this.dir, name)
    mkdirSync(draft)
    const asked = await newPeerIn(draft)
    const rest = { name, zone: null, weight: 1, roles: !isBlind, fleet: null }
    const ticket = await this.peer(this.names[0]!).control.join({ ...asked, ...rest })
    const roles = await writeTicket(draft, ticket.fleet, ticket)
    this.settle(name)
    this.names = [...this.names, name]
    return roles
  }

  /** Gives a directory the file that says what its peer is called. */
  settle(name: string): void {
    writeFileSync(join(this.dir, name, 'peer.json'), JSON.stringify({ format: 1, name }))
  }

  async start(...names: readonly string[]): Promise<void> {
    const wanted = names.length === 0 ? this.names : names
    await Promise.all(wanted.map(name => this.#start(name)))
  }

  peer(name: string): RunningPeer {
    const found = this.running.get(name)
    if (found === undefined) throw new Error(`${name} does not run`)
    return found
  }

  async stop(...names: readonly string[]): Promise<void> {
    const wanted = names.length === 0 ? [...this.running.keys()] : names
    await Promise.all(
      wanted.map(async name => {
        await this.running.get(name)?.stop(200)
        this.running.delete(name)
      }),
    )
  }

  /** What a thief has who takes disks away. */
  /** A copy of the directory of a peer, which runs on: files come and go in it, so it may take more than one try. */
  stolen(name: string): string {
    const copy = join(this.work, 'stolen', name)
    for (let tries = 1; ; tries++) {
      rmSync(copy, { recursive: true, force: true })
      try {
        cpSync(join(this.dir, name), copy, { recursive: true })
        return copy
      } catch (failure) {
        if (tries === 20 || (failure as NodeJS.ErrnoException).code !== 'ENOENT') throw failure
      }
    }
  }

  isOpen(name: string): boolean {
    return this.running.get(name)?.keys.status().state === 'open'
  }

  async opened(...names: readonly string[]): Promise<void> {
    const wanted = names.length === 0 ? [...this.running.keys()] : names
    for (const name of wanted) await until(`${name} is open`, () => this.isOpen(name))
  }

  /** Every peer that runs is open, or blind, and takes part in all that the fleet does. */
  async ready(): Promise<void> {
    for (const [name, peer] of this.running)
      await until(`${name} is ready: ${JSON.stringify(peer.checks())}`, () => {
        const { reasons } = peer.status()
        return (
          reasons.every(reason => reason.includes('cannot be reached')) && peer.keys.status().reason === null
        )
      })
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.work, { recursive: true, force: true })
  }

  async #start(name: string): Promise<void> {
    const bootstrap = [...this.places].flatMap(([other, { address }]) => (other === name ? [] : [address]))
    const preferredPort = this.places.get(name)?.port ?? 0
    const note = (level: string) => (fields: object, text: string) =>
      void this.warnings.push(`${name} ${level} ${text} ${JSON.stringify(fields)}`)
    const log = { ...quietLog, warn: note('warn'), error: note('error') }
    const dir = join(this.dir, name)
    this.running.set(
      name,
      await startPeer({
        dir,
        bootstrap,
        preferredPort,
        version: '0.0.0',
        log,
        audit: quietAudit,
        ...(this.#keyCutOffMs === undefined ? {} : { keyCutOffMs: this.#keyCutOffMs }),
      }),
    )
  }
}
