import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ChaosFailure } from '../failure.ts'
import type { Weather } from '../network/line.ts'
import { Relay } from '../network/relay.ts'
import { needCommand } from './command.ts'
import { Conditions } from './conditions.ts'
import { CopyMeter } from './copy-meter.ts'
import { PeerProcess } from './peer.ts'

const revivalsMax = 10
const revivalPauseMs = 2_000
const startingPollMs = 50

export type FleetPlan = {
  /** File of the command line. */
  readonly main: string
  /** New directory for everything. */
  readonly dir: string
  readonly peers: number
  readonly replicas: number
  /** Milliseconds of the run, for what is noted. */
  readonly nowMs: () => number
}

/** A peer that the load can talk to. */
export type Door = { readonly name: string; readonly url: string; readonly token: string }

/** The real fleet of a run: its processes, the network between them, and what is known of both. */
export class ChaosFleet {
  readonly plan: FleetPlan
  readonly relay = new Relay()
  readonly conditions = new Conditions()
  /** Copies of partitions that had to move at the least, for the changes of members so far. */
  leastCopies = 0
  /** Bytes that peers copied for moves, as they count them. */
  readonly copied = new CopyMeter()
  private newcomers = 0
  private readonly peers = new Map<string, PeerProcess>()
  private readonly cuts = new Set<string>()
  private readonly aborts = new AbortController()

  constructor(plan: FleetPlan) {
    this.plan = plan
  }

  /** Makes the fleet and starts all of its peers. @throws ChaosFailure. */
  async start(): Promise<void> {
    const { dir, peers, replicas } = this.plan
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const how = ['--peers', String(peers), '--replicas', String(replicas)]
    await this.command(['init', '--json', '--dir', this.fleetDir, ...how])
    const names = Array.from({ length: peers }, (_, at) => `p${at + 1}`)
    const all = await Promise.all(names.map(name => this.add(name, join(this.fleetDir, name))))
    for (const peer of all) this.relay.place(peer.name, peer.wantedPort)
    await Promise.all(names.map(name => this.up(name)))
  }

  get fleetDir(): string {
    return join(this.plan.dir, 'fleet')
  }

  /** Names of all peers that are part of the fleet, in order. */
  get names(): string[] {
    return [...this.peers.keys()]
  }

  peer(name: string): PeerProcess {
    const peer = this.peers.get(name)
    if (peer === undefined) throw new ChaosFailure(`there is no peer ${name}`)
    return peer
  }

  /** Name in this run of the peer that has this id now; the id where none has it. */
  nameOf(id: string): string {
    return this.names.find(name => this.peer(name).ready?.id === id) ?? id
  }

  /** Peers that were ready at some time, dead ones too: a client does not know which. */
  get doors(): Door[] {
    return [...this.peers.values()].flatMap(peer =>
      peer.ready === null ? [] : [{ name: peer.name, url: peer.ready.url, token: peer.token }],
    )
  }

  /** Takes a peer in that is not running yet. */
  async add(name: string, dir: string): Promise<PeerProcess> {
    const relayPort = await this.relay.admit(name)
    const changed = () => this.note()
    const peer = new PeerProcess({ name, dir, main: this.plan.main, relayPort, changed })
    this.peers.set(name, peer)
    return peer
  }

  /** Forgets a peer that left for good. */
  drop(name: string): void {
    this.peers.delete(name)
    this.note()
  }

  /** Starts a peer and waits until it is ready. @throws ChaosFailure. */
  async up(name: string): Promise<void> {
    if (this.aborts.signal.aborted) throw new ChaosFailure('the run is over')
    const peer = this.peer(name)
    const { port } = await peer.start()
    this.relay.place(name, port)
  }

  /** A name that no peer of this run ever had. */
  newName(): string {
    this.newcomers += 1
    return `n${this.newcomers}`
  }

  /**
   * Starts a peer that is down, and again when something hinders it; one that left the fleet meanwhile stays away, and one
   * that somebody else is starting is waited for.
   *
   * @throws ChaosFailure when it does not come up.
   */
  async revive(name: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      while (this.peers.get(name)?.state === 'starting') await delay(startingPollMs)
      const peer = this.peers.get(name)
      if (peer === undefined || peer.state !== 'down') return
      try {
        return await this.up(name)
      } catch (failure) {
        if (!(failure instanceof ChaosFailure) || tries === revivalsMax || this.aborts.signal.aborted)
          throw failure
        await delay(revivalPauseMs)
      }
    }
  }

  /** The flags that name this fleet by one of its running doors. @param except - a peer whose door is not meant. */
  target(except?: string): string[] {
    const running = this.names.map(name => this.peer(name)).filter(each => each.state === 'up')
    const door = running.find(each => each.name !== except)
    if (door?.ready == null) throw new ChaosFailure('no peer is running')
    return ['--url', door.ready.url, '--token-file', join(door.dir, 'token')]
  }

  /** Runs a command of SLURP. @returns what it printed. @throws ChaosFailure. */
  command(args: readonly string[]): Promise<string> {
    // What a command remembers of the last fleet stays in this run's directory.
    const environment = { ...process.env, XDG_STATE_HOME: join(this.plan.dir, 'state') }
    return needCommand(this.plan.main, args, environment, this.aborts.signal)
  }

  /** Cuts or heals the way from one peer to another. */
  cut(from: string, to: string, isCut: boolean): void {
    if (isCut) this.cuts.add(`${from} ${to}`)
    else this.cuts.delete(`${from} ${to}`)
    this.relay.change(from, to, { isCut })
    this.note()
  }

  /** Slows the way from one peer to another. */
  slow(from: string, to: string, weather: Pick<Weather, 'delayMs' | 'bytesPerSecond'>): void {
    this.relay.change(from, to, weather)
  }

  /** Undoes what was done to processes and network, and starts who is down. @throws ChaosFailure. */
  async heal(): Promise<void> {
    this.cuts.clear()
    this.relay.heal()
    for (const peer of this.peers.values()) peer.resume()
    this.note()
    await Promise.all(this.names.map(name => this.revive(name)))
  }

  /** Asks all peers to close. @returns names of those that did not end well. */
  async stop(): Promise<string[]> {
    const codes = await Promise.all(
      [...this.peers.values()]
        .filter(peer => peer.state !== 'down')
        .map(async peer => ({ name: peer.name, code: await peer.stop() })),
    )
    return codes.filter(({ code }) => code !== 0).map(({ name }) => name)
  }

  /** Ends everything at once; nothing is left behind. Synchronous, so that it works while the process ends. */
  killAll(): void {
    this.aborts.abort()
    for (const peer of this.peers.values()) peer.killNow()
    this.relay.close()
  }

  private note(): void {
    const up = this.names.filter(name => this.peer(name).state === 'up')
    this.conditions.note({ atMs: this.plan.nowMs(), up: new Set(up), cuts: new Set(this.cuts) })
  }
}
