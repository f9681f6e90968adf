import type { ContextKey, PartitionId, PeerId, RoleName } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { type Registry, slotOf } from '../../crypto/registry/registry.ts'
import { newestKeys, replacedKeys } from '../../crypto/registry/replaced.ts'
import type { RoleKey } from '../../crypto/roles.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { View } from '../../dht/view.ts'
import type { ContextsOfKeys, Reencryption } from '../key-control.ts'
import type { Clock } from '../ports/ports.ts'
import type { Submitter } from '../store/api.ts'
import { pauseFor } from '../store/pause.ts'
import { type Choice, choiceFor, type KeysOfBefore } from './choice.ts'
import { contextsOn, type StoredContext } from './disk-walk.ts'
import type { CurrentKeys, LocalVersions } from './ports.ts'
import { Resealer, type ResealerParts } from './resealer.ts'
import { KeyTally } from './tally.ts'
import type { Order, Report } from './wire.ts'
import { WorkerPool } from './worker-pool.ts'

export type PeerWorkParts = Omit<ResealerParts, 'sealer' | 'currentKeys' | 'clock'> & {
  readonly self: PeerId
  readonly view: () => View
  readonly submitter: Submitter
  readonly clock: Clock
  readonly local: LocalVersions
  readonly keys: {
    readonly registry: Registry
    readonly held: { readonly roleKeys: readonly RoleKey[] }
    /** In one order for all peers. */
    entitlementsOf(peer: PeerId): readonly string[]
  }
  readonly isConnected: (peer: PeerId) => boolean
  /** Operations of this peer that wait for an answer, of whoever asked for them. */
  readonly pending: () => number
  /** Threads that seal anew. */
  readonly threads: number
}

type Walk = {
  readonly order: Pick<Order, 'round' | 'mode' | 'turn'>
  readonly registry: string
  readonly before: KeysOfBefore
  readonly contexts: AsyncGenerator<StoredContext>
  readonly tally: KeyTally
  readonly report: {
    -readonly [Field in keyof Omit<Report, 'counts' | 'damaged' | 'registry' | 'round'>]: Report[Field]
  }
}

/** Contexts that are being sealed anew at once, and while others are waited for. */
const atOnceMax = 32
const atOnceWhenBusy = 4
/** Operations of others that count as busy. */
const busyFrom = 16
const trimMs = 10_000
/** Threads hold keys, and memory: they go when nothing was asked for so long. */
const idleMs = 20_000
/** Between two pages of a walk that nobody waits for: so long at least, */
const restMs = 20
/** and so much longer than the page took that the walk has no more of this thread than about this. */
const countShare = 0.03

/** What a peer does of sealing anew: walks over its disk when the leader says so, as far as it is told to. */
export class PeerWork {
  readonly counters = { contextsResealed: 0, resealsOvertaken: 0, resealsFailed: 0, historiesSpared: 0 }
  readonly #parts: PeerWorkParts
  #walk: Walk | null = null
  #turn: Promise<unknown> = Promise.resolve()
  #token = 0
  #counts: ContextsOfKeys['counts'] = null
  #progress: Reencryption | null = null
  #pool: { readonly sealer: WorkerPool; readonly keys: string } | null = null
  #cancelIdle: () => void = () => undefined
  #isStopped = false

  constructor(parts: PeerWorkParts) {
    this.#parts = parts
  }

  /** As last counted and told here. */
  get known(): ContextsOfKeys {
    const isOver = replacedKeys(this.#parts.keys.registry).length === 0
    return { counts: this.#counts, reencryption: isOver ? null : this.#progress }
  }

  /** Does what it is told, one order after the other. @returns null for the order of who leads no more. */
  obey(order: Order): Promise<Report | null> {
    const done = this.#turn.then(() => this.#obey(order))
    // Who comes next is not hindered by what failed here.
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Counts what the disk has, for whoever wants to know; nobody waits for it. */
  async count(): Promise<void> {
    const tally = new KeyTally()
    const { clock } = this.#parts
    let beganMs = clock.monotonicMs()
    const rest = async () => {
      await pauseFor(clock, Math.max(restMs, (clock.monotonicMs() - beganMs) / countShare))
      beganMs = clock.monotonicMs()
    }
    for await (const context of contextsOn(this.#parts.local, null, rest)) {
      if (this.#isStopped) return
      tally.add(context)
    }
    this.#counts = tally.counts
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelIdle()
    this.#pool?.sealer.close()
  }

  async #obey(order: Order): Promise<Report | null> {
    if (order.token < this.#token || this.#isStopped) return null
    this.#token = order.token
    this.#progress = order.progress
    if (this.#walk?.order.round !== order.round) this.#walk = this.#begin(order)
    const walk = this.#walk
    if (!walk.report.isDone) await this.#goOn(walk, this.#parts.clock.monotonicMs() + order.budgetMs)
    const { counts, damaged } = walk.tally
    return { ...walk.report, round: order.round, registry: walk.registry, counts, damaged }
  }

  #begin({ round, mode, turn }: Order): Walk {
    const { local, clock, keys } = this.#parts
    const { registry } = keys
    const rest = () => pauseFor(clock, 0)
    const replaced = replacedKeys(registry)
    const slots = (entries: typeof replaced) => new Set(entries.map(slotOf))
    return {
      order: { round, mode, turn },
      registry: registryDigest(registry),
      before: {
        replaced: slots(replaced),
        ending: slots(replaced.filter(({ state }) => state === 'ending')),
      },
      contexts: mode === 'count' ? contextsOn(local, null, rest) : this.#contextsToDo(turn, rest),
      tally: new KeyTally(),
      report: { isDone: false, toSeal: 0, toTrim: 0, sealed: 0, trimmed: 0, failed: 0 },
    }
  }

  /** Those that fall to this peer in this turn, and some others; only what is counted has to be read to the end. */
  async *#contextsToDo(turn: number, rest: () => Promise<void>): AsyncGenerator<StoredContext> {
    const { view, local } = this.#parts
    for (let partition = 0; partition < view().partitions.length; partition++)
      if (!this.#isLeftToOthers(partition as PartitionId, turn))
        yield* contextsOn(local, partition as PartitionId, rest)
  }

  async #goOn(walk: Walk, untilMs: number): Promise<void> {
    const { clock } = this.#parts
    const busy = new Set<Promise<void>>()
    while (clock.monotonicMs() < untilMs && !this.#isStopped) {
      const next = await walk.contexts.next()
      if (next.done) {
        walk.report.isDone = true
        if (walk.order.mode === 'count') this.#counts = walk.tally.counts
        break
      }
      walk.tally.add(next.value)
      const work = this.#workOn(walk, next.value)
      if (work === null) continue
      const done = work.finally(() => busy.delete(done))
      busy.add(done)
      while (busy.size >= this.#atOnce(busy.size)) await Promise.race(busy)
    }
    await Promise.all(busy)
  }

  /** Whoever asks for something comes first. */
  #atOnce(own: number): number {
    return this.#parts.pending() - own > busyFrom ? atOnceWhenBusy : atOnceMax
  }

  #workOn(walk: Walk, context: StoredContext): Promise<void> | null {
    const choice = choiceFor(context, walk.before, this.#parts.clock.wallMs())
    if (choice === null) return null
    const { report, order } = walk
    const { partitions } = this.#parts.view()
    const inReach = this.#ownersInReach(partitionOf(context.key, partitions.length))
    if (inReach[0] === this.#parts.self) report[choice.kind === 'seal' ? 'toSeal' : 'toTrim'] += 1
    if (order.mode === 'count') return null
    const roles = context.kept.at(-1)!.roles.map(({ name }) => name)
    const able = choice.kind === 'trim' ? inReach : inReach.filter(peer => this.#mayOpen(peer, roles))
    if (able[order.turn % Math.max(1, able.length)] !== this.#parts.self) return null
    return choice.kind === 'trim' ? this.#trim(walk, context.key, choice) : this.#seal(walk, context)
  }

  async #seal({ report }: Walk, { key, record }: StoredContext): Promise<void> {
    const outcome = record === null ? 'failed' : await this.#resealer().reseal(key, record)
    if (outcome === 'done') {
      report.sealed += 1
      this.counters.contextsResealed += 1
    } else if (outcome === 'overtaken') this.counters.resealsOvertaken += 1
    else {
      report.failed += 1
      this.counters.resealsFailed += 1
    }
  }

  async #trim({ report }: Walk, key: ContextKey, choice: Choice & { kind: 'trim' }): Promise<void> {
    const operation = { kind: 'trim', key, keepFrom: choice.keepFrom } as const
    const { kind } = await this.#parts.submitter.submit(operation, trimMs)
    if (kind === 'trimmed') {
      report.trimmed += 1
      this.counters.historiesSpared += 1
    } else report.failed += 1
  }

  #ownersInReach(partition: PartitionId): readonly PeerId[] {
    const { view, self, isConnected } = this.#parts
    const { owners } = view().partitions[partition as number]!
    return owners.filter(peer => peer === self || isConnected(peer))
  }

  /** Whose turn it is can be told without reading where its owners may open the same. */
  #isLeftToOthers(partition: PartitionId, turn: number): boolean {
    const { self, keys } = this.#parts
    const inReach = this.#ownersInReach(partition)
    if (!inReach.includes(self)) return true
    const opened = inReach.map(peer => keys.entitlementsOf(peer).join())
    return new Set(opened).size === 1 && inReach[turn % inReach.length] !== self
  }

  #mayOpen(peer: PeerId, roles: readonly RoleName[]): boolean {
    const names = this.#parts.keys.entitlementsOf(peer)
    return roles.some(role => names.includes(role))
  }

  /** With the keys of now; the threads of before go when these have changed. */
  #resealer(): Resealer {
    const { keys, clock, threads } = this.#parts
    const { roleKeys } = keys.held
    const names = roleKeys.map(slotOf).join()
    if (this.#pool === null || this.#pool.keys !== names || this.#pool.sealer.isClosed) {
      this.#pool?.sealer.close()
      this.#pool = { sealer: new WorkerPool(roleKeys, threads), keys: names }
    }
    this.#cancelIdle()
    this.#cancelIdle = clock.at(clock.monotonicMs() + idleMs, () => {
      this.#pool?.sealer.close()
      this.#pool = null
    })
    return new Resealer({ ...this.#parts, sealer: this.#pool.sealer, currentKeys: currentOf(keys.registry) })
  }
}

/** The key versions that contexts are sealed to. */
export function currentOf(registry: Registry): CurrentKeys {
  const newest = newestKeys(registry)
  return role => {
    const entry = newest.get(role)
    return entry?.recipient
      ? { name: role, keyVersion: entry.keyVersion, recipient: entry.recipient }
      : undefined
  }
}

/** What of a registry decides over sealing anew. */
export const registryDigest = ({ secrets }: Registry): string =>
  sha256Hex(secrets.map(({ name, keyVersion, state }) => `${name}/${keyVersion}/${state}`).join()).slice(
    0,
    16,
  )
