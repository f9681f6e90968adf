import { SlurpError } from '../../../base/errors.ts'
import type { ContextKey, PartitionId, PeerId, Version } from '../../../base/ids.ts'
import { shownOf } from '../../../crypto/reseal.ts'
import { partitionOf } from '../../../dht/keyspace.ts'
import type { Value } from '../../../replication/messages.ts'
import { formatAddress, parseAddress } from '../address.ts'
import type { Deadline } from '../deadline.ts'
import { pauseFor } from '../pause.ts'
import type { LocalHistories } from '../retention/ports.ts'
import type { StoreDesk } from '../store-desk.ts'
import { authorOf, contextFrom, isGone, writtenAtOf } from '../version-opener.ts'
import { bytesOf, type Entry, entryOf } from './entry.ts'
import type { ContextEntries, ContextTouches, Known } from './ports.ts'
import { Snapshot } from './snapshot.ts'

export type LocalEntriesParts = {
  readonly desk: StoreDesk
  /** `head`: what stands at a key, without its bytes; null where nothing does, or it is damaged. @throws DiskFailure. */
  readonly local: LocalHistories & { head(key: ContextKey): Value | null }
  readonly changes: ContextTouches
  /** Memory for entries; what does not fit is counted and not listed. */
  readonly bytesMax?: number
}

/** What became of one context that stands. Null: not for the roles of this peer. */
type Met = {
  readonly version: Version
  readonly entry: Entry | null
  readonly unlisted: readonly string[] | null
}

/** How far a walk has come, for those who wait for this very one. */
type Walk = { readonly progress: { partitions: number }; readonly done: Promise<void> }

/** What the disk had come to, and which partitions were there. */
type State = { readonly sequence: number; readonly partitions: string }

type Standing = readonly [ContextKey, Value]

const bytesMaxDefault = 128 * 1024 * 1024
const headsAtOnce = 256
/** Neighbouring partitions that are scanned in one go: most of the cost of a scan is to begin it. */
const runMax = 32
/** Versions opened in one go; in between whatever else waits has its turn. */
const opensAtOnce = 16
const stepsAtOnce = 4096
/** More than these are found sooner by a look at everything. */
const touchedMax = 4096

/**
 * The catalogue of one process: it looks through the heads on its own disk and opens what its roles open. The first walk
 * looks at every head, later ones at what the disk says was touched; only what has changed is opened. Nothing of it is ever
 * written down.
 */
export class LocalEntries implements ContextEntries {
  readonly #parts: LocalEntriesParts
  readonly #met = new Map<PartitionId, Map<ContextKey, Met>>()
  #bytes = 0
  #snapshot = new Snapshot([])
  #unlisted: (readonly string[])[] = []
  #isStale = false
  #walking: Walk | null = null
  #next: Walk | null = null
  /** What the disk had come to when the last whole walk began; null: none was whole. */
  #walkedTo: State | null = null
  /** Goes up when all is forgotten: a walk in progress has lost what it found before. */
  #forgettings = 0
  /** Roles whose keys were there when it was walked last. */
  #roles = ''
  #opened = 0
  #closed = false

  constructor(parts: LocalEntriesParts) {
    this.#parts = parts
  }

  async current(deadline: Deadline): Promise<Known> {
    const { local, desk } = this.#parts
    if (desk.parts.keys.fleetSecret === null)
      throw new SlurpError('SEALED', 'This peer is blind: it knows no addresses, and can list nothing.', {
        hint: 'Ask the door of a peer that holds roles; `slurp status` at a door shows which it holds.',
      })
    // What could not be opened may be open now: nothing that was found with other keys counts.
    const roles = desk.parts.keys.heldRoles.join()
    if (roles !== this.#roles) this.forget()
    this.#roles = roles
    const walk = this.#isUpToDate() ? null : this.#walkAfresh()
    if (walk !== null) await this.#withinTime(walk.done, deadline)
    const here = local.partitions().length
    if (this.#isStale) {
      this.#isStale = false
      const met = [...this.#met.values()].flatMap(partition => [...partition.values()])
      this.#snapshot = new Snapshot(met.flatMap(({ entry }) => entry ?? []))
      this.#unlisted = met.flatMap(({ unlisted }) => (unlisted === null ? [] : [unlisted]))
    }
    return {
      snapshot: this.#snapshot,
      partitions: walk === null ? here : walk.progress.partitions,
      partitionsHere: here,
      partitionsTotal: local.partitionsTotal(),
      unlisted: this.#unlisted,
    }
  }

  /** What was opened is in memory no more. */
  forget(): void {
    for (const partition of [...this.#met.keys()]) this.#drop(partition)
    this.#snapshot = new Snapshot([])
    this.#unlisted = []
    this.#walkedTo = null
    this.#forgettings += 1
  }

  /** No walk goes on. */
  close(): void {
    this.#closed = true
  }

  #state(): State {
    const { changes, local } = this.#parts
    return { sequence: changes.last, partitions: local.partitions().join() }
  }

  #isUpToDate(): boolean {
    const { sequence, partitions } = this.#state()
    return this.#walkedTo?.sequence === sequence && this.#walkedTo.partitions === partitions
  }

  /** A walk that begins after this call; those who come meanwhile share the next one. */
  #walkAfresh(): Walk {
    if (this.#walking === null) return this.#begin(Promise.resolve())
    // Who asked for the one in progress is told of its failure.
    this.#next ??= this.#begin(this.#walking.done.catch(() => undefined))
    return this.#next
  }

  /** One walk at a time: the next one is the one in progress from the moment that this one ends. */
  #begin(before: Promise<void>): Walk {
    const progress = { partitions: 0 }
    const done = before
      .then(() => this.#walk(progress))
      .finally(() => {
        this.#walking = this.#next
        this.#next = null
      })
    const walk: Walk = { progress, done }
    this.#walking ??= walk
    return walk
  }

  async #walk(progress: Walk['progress']): Promise<void> {
    const [before, state, forgettings] = [this.#walkedTo, this.#state(), this.#forgettings]
    this.#walkedTo = null
    const touched = before?.partitions === state.partitions ? await this.#touchedSince(before, state) : null
    const isWhole =
      touched === null ? await this.#walkAll(progress) : await this.#walkTouched(touched, progress)
    if (isWhole && forgettings === this.#forgettings) this.#walkedTo = state
  }

  /** Keys that were touched from one state to another; null: too many, or nobody can tell. */
  async #touchedSince(from: State, to: State): Promise<Set<ContextKey> | null> {
    const keys = new Set<ContextKey>()
    for (let after = from.sequence; after < to.sequence; ) {
      const found = await this.#parts.changes.read(after, stepsAtOnce).catch(unlessDisk)
      if (found === null || found.through <= after || keys.size > touchedMax) return null
      for (const key of found.keys) keys.add(key)
      after = found.through
    }
    return keys
  }

  /** @returns false where something could not be read. */
  async #walkTouched(keys: Iterable<ContextKey>, progress: Walk['progress']): Promise<boolean> {
    const { local } = this.#parts
    const mine = new Set(local.partitions())
    const unread = new Set<PartitionId>()
    for (const key of keys) {
      const partition = partitionOf(key, local.partitionsTotal())
      if (mine.has(partition) && !(await this.#takeOne(partition, key))) unread.add(partition)
      if (this.#closed) return false
    }
    progress.partitions = mine.size - unread.size
    return unread.size === 0
  }

  async #takeOne(partition: PartitionId, key: ContextKey): Promise<boolean> {
    const met = this.#met.get(partition) ?? new Map<ContextKey, Met>()
    this.#met.set(partition, met)
    let value: Value | null
    try {
      value = this.#standing(this.#parts.local.head(key))
    } catch (thrown) {
      return unlessDisk(thrown) !== null
    }
    if (value === null) this.#forget(met, key)
    return value === null || (await this.#takeNewer(met, key, value))
  }

  /** @returns false where something of it could not be read. */
  async #takeNewer(met: Map<ContextKey, Met>, key: ContextKey, value: Value): Promise<boolean> {
    if (met.get(key)?.version === value.version) return true
    this.#opened += 1
    if (this.#opened % opensAtOnce === 0) await pauseFor(this.#parts.desk.parts.clock, 0)
    return !this.#closed && (await this.#meet(met, key, value))
  }

  async #walkAll(progress: Walk['progress']): Promise<boolean> {
    const { local } = this.#parts
    const mine = local.partitions()
    for (const partition of this.#met.keys()) if (!mine.includes(partition)) this.#drop(partition)
    let isWhole = true
    for (const run of runsOf(mine)) {
      const heads = await this.#scan(run)
      for (const partition of run) {
        if (this.#closed) return false
        if (heads !== null && (await this.#take(partition, heads.get(partition) ?? [])))
          progress.partitions += 1
        else isWhole = false
      }
    }
    return isWhole
  }

  /** What stands in a run of partitions; null where that cannot be read. */
  async #scan(run: readonly PartitionId[]): Promise<Map<PartitionId, Standing[]> | null> {
    const { local } = this.#parts
    const standing = new Map(run.map(partition => [partition, [] as Standing[]]))
    let after: ContextKey | null = null
    try {
      for (;;) {
        if (this.#closed) return null
        const { entries, isLast } = await local.heads(run[0]!, after, headsAtOnce, run.at(-1)!)
        for (const head of entries) {
          const value = this.#standing(head.value)
          if (value !== null)
            standing.get(partitionOf(head.key, local.partitionsTotal()))?.push([head.key, value])
          after = head.key
        }
        if (isLast) return standing
      }
    } catch (thrown) {
      return unlessDisk(thrown)
    }
  }

  /** @returns false where something of it could not be read. */
  async #take(partition: PartitionId, heads: readonly Standing[]): Promise<boolean> {
    const before = this.#met.get(partition) ?? new Map<ContextKey, Met>()
    this.#met.set(partition, before)
    const there = new Set<ContextKey>()
    let isWhole = true
    for (const [key, value] of heads) {
      there.add(key)
      if (!(await this.#takeNewer(before, key, value))) isWhole = false
      if (this.#closed) return false
    }
    for (const key of before.keys()) if (!there.has(key)) this.#forget(before, key)
    return isWhole
  }

  #standing(value: Value | null): Value | null {
    return value === null || isGone(value, this.#parts.desk.wallMs) ? null : value
  }

  /** @returns false where it stands and cannot be read here. */
  async #meet(partition: Map<ContextKey, Met>, key: ContextKey, value: Value): Promise<boolean> {
    const { desk, local } = this.#parts
    this.#forget(partition, key)
    const { version } = value
    try {
      const record = local.version(key, version)
      if (record === null) return false
      const header = desk.opener.prove(key, record)
      const { roles } = header
      const { author, ...shown } = shownOf(header)
      const { place, json } = await desk.opener.textOf(key, record)
      const names = roles.map(({ name }) => name)
      const context = contextFrom(json)
      const signer = desk.parts.nameOf?.(author as PeerId) ?? author
      const entry =
        place === null
          ? null
          : entryOf(
              {
                address: formatAddress(parseAddress(place)),
                ...shown,
                writtenAt: writtenAtOf(shown.version),
                author: authorOf(context, signer),
                roles: roles.map(({ name, keyVersion }) => ({ name, keyVersion })),
                context,
              },
              value.expiresAtMs,
            )
      const fits = entry !== null && this.#bytes + bytesOf(entry) <= (this.#parts.bytesMax ?? bytesMaxDefault)
      if (fits) this.#bytes += bytesOf(entry)
      partition.set(key, { version, entry: fits ? entry : null, unlisted: fits ? null : names })
      this.#isStale = true
      return true
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) return unlessDisk(thrown) !== null
      if (thrown.code !== 'ROLE_DENIED') return false
      partition.set(key, { version, entry: null, unlisted: null })
      return true
    }
  }

  #forget(partition: Map<ContextKey, Met>, key: ContextKey): void {
    const entry = partition.get(key)?.entry
    if (entry) this.#bytes -= bytesOf(entry)
    if (partition.delete(key)) this.#isStale = true
  }

  #drop(partition: PartitionId): void {
    const met = this.#met.get(partition)
    for (const key of met?.keys() ?? []) this.#forget(met!, key)
    this.#met.delete(partition)
  }

  async #withinTime(walk: Promise<void>, deadline: Deadline): Promise<void> {
    const { clock } = this.#parts.desk.parts
    await new Promise<void>((resolve, reject) => {
      const cancel = clock.at(deadline.atMs, () => resolve())
      walk.then(resolve, reject).finally(cancel)
    })
  }
}

/** Neighbours together, at most so many. @param partitions - ascending. */
function runsOf(partitions: readonly PartitionId[]): PartitionId[][] {
  const runs: PartitionId[][] = []
  for (const partition of partitions) {
    const run = runs.at(-1)
    if (run !== undefined && run.length < runMax && run.at(-1)! + 1 === partition) run.push(partition)
    else runs.push([partition])
  }
  return runs
}

/** The disk failed, and whoever runs this peer knows it already; what cannot be read is not covered. */
function unlessDisk(thrown: unknown): null {
  if (thrown instanceof Error && thrown.name === 'DiskFailure') return null
  throw thrown
}
