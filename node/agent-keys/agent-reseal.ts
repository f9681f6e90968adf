import { LRUCache } from 'lru-cache'
import type { ContextKey, PartitionId, PeerId, Version } from '../../base/ids.ts'
import { readEnvelope } from '../../crypto/envelope.ts'
import { slotOf } from '../../crypto/registry/registry.ts'
import { newestKeys, replacedKeys } from '../../crypto/registry/replaced.ts'
import type { RoleKey } from '../../crypto/roles.ts'
import type { CopySource, Run } from '../agent-index/copy-source.ts'
import type { AgentKeys } from '../agents/agent-keys.ts'
import { type CopiedHead, copyLimits } from '../agents/copy-wire.ts'
import type { FleetLinks } from '../agents/fleet-links.ts'
import type { Reencryption } from '../key-control.ts'
import type { Clock } from '../ports/ports.ts'
import { currentOf, registryDigest } from '../reseal/peer-work.ts'
import { Resealer, type ResealerParts } from '../reseal/resealer.ts'
import { WorkerPool } from '../reseal/worker-pool.ts'
import type { Log } from '../running-peer.ts'
import { pauseFor } from '../store/pause.ts'

export type AgentResealParts = Omit<ResealerParts, 'sealer' | 'currentKeys' | 'clock'> & {
  readonly keys: Pick<AgentKeys, 'registry' | 'isOpen'> & {
    readonly held: { readonly roleKeys: readonly RoleKey[] }
  }
  readonly links: Pick<FleetLinks, 'ready'>
  readonly source: Pick<CopySource, 'changes' | 'heads' | 'standing'>
  readonly partitions: number
  /** Whether the grant of this agent lets it change keys now. */
  readonly mayChange: () => boolean
  readonly clock: Clock
  readonly log: Log
}

const everyMs = 3_000
/** For so long after a key was replaced somebody may not have heard of it, and seal to it: twice what members take. */
const heardOfMs = 120_000
const atOnceMax = 16
const seenMax = 65_536
const threads = 1

type Walk = { sealed: number; overtaken: number; failed: number; closed: number; isWhole: boolean }

/**
 * Seals contexts anew where no member can: an agent that may change keys walks what the members have, and replaces what stands
 * sealed to a key of before, by compare-and-set and under its own grant. Whoever writes meanwhile wins. It keeps nothing of how
 * far it came: what is done is seen by what it is sealed to, so another run or another agent goes on from there.
 */
export class AgentReseal {
  readonly counters = { contextsResealed: 0, resealsOvertaken: 0, resealsFailed: 0 }
  readonly #parts: AgentResealParts
  /** What stood where, sealed to nothing of before, as of one registry. */
  readonly #seen = new LRUCache<ContextKey, Version>({ max: seenMax })
  #seenBy = ''
  /** The registry for which nothing is left. */
  #doneFor = ''
  #progress: Reencryption | null = null
  #pool: { readonly sealer: WorkerPool; readonly keys: string } | null = null
  readonly #stopped = new AbortController()

  constructor(parts: AgentResealParts) {
    this.#parts = parts
  }

  /** Null where nothing is sealed to a key of before, as far as this agent knows. */
  get progress(): Reencryption | null {
    return this.#progress
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#stopped.abort()
    this.forget()
  }

  /** The keys are to go: those in the thread too. */
  forget(): void {
    this.#pool?.sealer.close()
    this.#pool = null
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts
    while (!this.#stopped.signal.aborted) {
      try {
        if (this.#isDue()) await this.#round()
      } catch (failure) {
        log.warn({ failure: String(failure) }, 'contexts could not be sealed anew now')
      }
      if (this.#progress === null || this.#doneFor !== '') this.forget()
      await pauseFor(clock, everyMs, this.#stopped.signal)
    }
  }

  /** Members that have the keys do it themselves. */
  #isDue(): boolean {
    const { keys, mayChange } = this.#parts
    const { registry } = keys
    if (registry === null || !keys.isOpen || !mayChange()) return false
    if (registryDigest(registry) === this.#doneFor) return false
    const replaced = new Set<string>(replacedKeys(registry).map(({ name }) => name))
    if (replaced.size === 0) this.#progress = null
    return (
      replaced.size > 0 && !registry.entitlements.some(({ names }) => names.some(name => replaced.has(name)))
    )
  }

  async #round(): Promise<void> {
    const { keys, clock, log } = this.#parts
    const registry = keys.registry!
    const digest = registryDigest(registry)
    const beganMs = clock.wallMs()
    const startedAt = this.#progress?.startedAt ?? new Date(beganMs).toISOString()
    const before = this.#progress?.phase === 'done' ? 0 : (this.#progress?.done ?? 0)
    const walk = await this.#walk(new Set(replacedKeys(registry).map(slotOf)), digest)
    const isClean = walk.isWhole && walk.sealed + walk.overtaken + walk.failed + walk.closed === 0
    const newestMs = Math.max(0, ...[...newestKeys(registry).values()].map(each => each.createdAtMs ?? 0))
    if (isClean && beganMs >= newestMs + heardOfMs) this.#doneFor = digest
    const seconds = Math.max(0.001, (clock.wallMs() - beganMs) / 1000)
    this.#progress = {
      phase: isClean ? 'done' : walk.sealed > 0 ? 'sealing' : 'waiting',
      total: null,
      done: before + walk.sealed,
      perSecond: Math.round(walk.sealed / seconds),
      etaSeconds: null,
      startedAt,
      absent: [],
      why: isClean || walk.sealed > 0 ? null : 'Not all of it can be reached or opened by this agent now.',
    }
    if (!isClean) log.info({ ...walk }, 'contexts were sealed anew')
  }

  async #walk(replaced: ReadonlySet<string>, digest: string): Promise<Walk> {
    if (this.#seenBy !== digest) this.#seen.clear()
    this.#seenBy = digest
    const walk: Walk = { sealed: 0, overtaken: 0, failed: 0, closed: 0, isWhole: true }
    for (const { peer, run } of await this.#runs(walk)) {
      for (let after: ContextKey | null = null; !this.#stopped.signal.aborted; ) {
        const page = await this.#parts.source.heads(peer, run, after)
        if (page === null || !this.#parts.keys.isOpen) {
          walk.isWhole = false
          break
        }
        await this.#sealAll(page.heads, replaced, walk)
        // A member that does not get on would keep this going for ever.
        if (page.through === null || (after !== null && page.through <= after)) break
        after = page.through
      }
    }
    return walk
  }

  /** All partitions, each at a member that has it whole; neighbouring ones at one member together. */
  async #runs(walk: Walk): Promise<readonly { readonly peer: PeerId; readonly run: Run }[]> {
    const { links, source, partitions } = this.#parts
    const where = new Map<number, PeerId>()
    for (const peer of links.ready()) {
      if (where.size === partitions) break
      const told = await source.changes(peer, null)
      for (const partition of told?.partitions ?? []) if (!where.has(partition)) where.set(partition, peer)
    }
    const runs: { peer: PeerId; run: { first: PartitionId; last: PartitionId } }[] = []
    for (let at = 0; at < partitions; at++) {
      const peer = where.get(at)
      const last = runs.at(-1)
      if (peer === undefined) walk.isWhole = false
      else if (last?.peer === peer && last.run.last === at - 1 && at - last.run.first < copyLimits.runMax)
        last.run.last = at as PartitionId
      else runs.push({ peer, run: { first: at as PartitionId, last: at as PartitionId } })
    }
    return runs
  }

  async #sealAll(heads: readonly CopiedHead[], replaced: ReadonlySet<string>, walk: Walk): Promise<void> {
    const busy = new Set<Promise<void>>()
    for (const { key, version } of heads) {
      if (this.#stopped.signal.aborted || version === null || this.#seen.get(key) === version) continue
      const done = this.#seal(key, replaced, walk).finally(() => busy.delete(done))
      busy.add(done)
      while (busy.size >= atOnceMax) await Promise.race(busy)
    }
    await Promise.all(busy)
  }

  async #seal(key: ContextKey, replaced: ReadonlySet<string>, walk: Walk): Promise<void> {
    const standing = await this.#parts.source.standing(key)
    if (standing.kind === 'gone') return
    if (standing.kind === 'closed') walk.closed += 1
    if (standing.kind === 'unclear') walk.failed += 1
    if (standing.kind !== 'found' || standing.value.data === null) return
    const { value } = standing
    const { roles } = readEnvelope(standing.value.data)
    if (!roles.some(role => replaced.has(slotOf(role)))) {
      this.#seen.set(key, value.version)
      return
    }
    const outcome = await this.#resealer().reseal(key, value)
    if (outcome === 'done') {
      walk.sealed += 1
      this.counters.contextsResealed += 1
    } else if (outcome === 'overtaken') {
      walk.overtaken += 1
      this.counters.resealsOvertaken += 1
    } else if (outcome === 'closed') walk.closed += 1
    else {
      walk.failed += 1
      this.counters.resealsFailed += 1
    }
  }

  /** With the keys of now; the thread of before goes when these have changed. */
  #resealer(): Resealer {
    const { keys } = this.#parts
    const { roleKeys } = keys.held
    const names = roleKeys.map(slotOf).join()
    if (this.#pool === null || this.#pool.keys !== names || this.#pool.sealer.isClosed) {
      this.#pool?.sealer.close()
      this.#pool = { sealer: new WorkerPool(roleKeys, threads), keys: names }
    }
    return new Resealer({
      ...this.#parts,
      sealer: this.#pool.sealer,
      currentKeys: currentOf(keys.registry!),
    })
  }
}
