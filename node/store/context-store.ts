import { SlurpError } from '../../base/errors.ts'
import { type Clock, mergeHlc } from '../../base/hlc.ts'
import { type ContextKey, type FleetId, isVersion, type PeerId, type Version } from '../../base/ids.ts'
import { contextKeyOf } from '../../crypto/context-key.ts'
import { sealEnvelope, sealTombstone } from '../../crypto/envelope.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import type { Expected, VersionRecord } from '../../replication/messages.ts'
import { type Address, canonicalOf, formatAddress, parseAddress } from './address.ts'
import type {
  ContextStore,
  DeletedContext,
  DeleteOptions,
  HistoryEntry,
  HistoryOptions,
  HistoryPage,
  RetrievedContext,
  RetrieveOptions,
  StoredContext,
  StoreOptions,
  Submitter,
} from './api.ts'
import { type CachedVersion, ContextCache } from './context-cache.ts'
import { Deadline, type StoreClock } from './deadline.ts'
import { nothingThere, writeUnreached } from './failures.ts'
import { decodeCursor, encodeCursor } from './history-cursor.ts'
import {
  defaultStoreLimits,
  historyLimitDefault,
  historyLimitMax,
  type StoreLimits,
  timeoutMaxMs,
  ttlMaxSeconds,
  wholeNumber,
} from './limits.ts'
import { ReplicaReader } from './replica-reader.ts'
import { RoleAccess, type StoreKeys } from './role-access.ts'
import { checkContext } from './schema.ts'
import { findVersion } from './temporal-reader.ts'
import { authorOf, contextFrom, isGone, VersionOpener, writtenAtOf } from './version-opener.ts'
import { Writer } from './writer.ts'

export type StoreParts = {
  readonly submitter: Submitter
  readonly fleet: {
    readonly id: FleetId
    /** Every key version of every role of the fleet. */
    readonly roles: readonly RoleRecipient[]
  }
  readonly keys: StoreKeys
  /** Signs what is written here. Its clock tag is that of `hlc`. */
  readonly author: Identity
  readonly clock: StoreClock
  /** The clock of this process, shared with its peer: ids of operations and ballots come from one row. */
  readonly hlc: Clock
  readonly limits?: Partial<StoreLimits>
  /** Short name of a peer, shown as the author of contexts that name none. */
  readonly nameOf?: (peerId: PeerId) => string | null
  /** Whether a peer may write in this fleet. Left out where every envelope passes a checker on receive. */
  readonly isAuthor?: (peerId: PeerId) => boolean
}

/** A store that can be closed and counted. */
export type RunningContextStore = ContextStore & {
  /** Refuses new calls with SHUTTING_DOWN; resolves when those that run have ended. */
  close(): Promise<void>
  /** Monotonic counts since start, and the size of the cache, by name. */
  counters(): Record<string, number>
}

/** The use cases over one way to reach the owners. See {@link ContextStore} for what each does and throws. */
export function newContextStore(parts: StoreParts): RunningContextStore {
  return new SealingStore(parts)
}

type Place = { readonly address: Address; readonly key: ContextKey }

class SealingStore implements RunningContextStore {
  readonly #parts: StoreParts
  readonly #limits: StoreLimits
  readonly #access: RoleAccess
  readonly #reader: ReplicaReader
  readonly #opener: VersionOpener
  readonly #writer: Writer
  readonly #cache: ContextCache
  readonly #counters = { stores: 0, deletes: 0, reads: 0, cacheHits: 0, opensSaved: 0 }
  #running = 0
  #closing: PromiseWithResolvers<void> | null = null

  constructor(parts: StoreParts) {
    const { submitter, clock, hlc, fleet, keys } = parts
    const limits = { ...defaultStoreLimits, ...parts.limits }
    this.#parts = parts
    this.#limits = limits
    this.#access = new RoleAccess(keys, fleet.roles)
    this.#reader = new ReplicaReader(submitter, version => {
      mergeHlc(hlc, version, clock.wallMs(), limits.clockDriftMaxMs)
    })
    this.#opener = new VersionOpener(fleet.id, this.#access, parts.isAuthor)
    this.#writer = new Writer({ submitter, reader: this.#reader, clock, hlc, limits })
    this.#cache = new ContextCache(limits.cacheBytesMax, limits.cacheTtlMs)
  }

  storeContext(address: string, context: unknown, options: StoreOptions = {}): Promise<StoredContext> {
    return this.#run(async () => {
      const place = this.#placeToWrite(address)
      const checked = checkContext(context, this.#limits.contextBytesMax)
      const readers = this.#access.readersOf(options.roles)
      const expect = expectedFrom(options.ifVersion)
      const deadline = this.#deadline(options.timeoutMs)
      const expiresAtMs = this.#expiryOf(options.ttlSeconds)
      const plaintext = Buffer.from(checked.json)
      const { key } = place
      const { version, parent, sealed, acks, replicas } = await this.#write(key, {
        kind: 'live',
        key,
        expect,
        expiresAtMs,
        deadline,
        seal: (version, parent) =>
          sealEnvelope({ ...this.#plan(key, version, parent, expiresAtMs), roles: readers, plaintext }),
      })
      const roles = readers.map(({ name, keyVersion }) => ({ name, keyVersion }))
      const signer = this.#parts.author.peerId
      const { hash } = sealed
      this.#note(key, { version, parent, hash, expiresAtMs, roles, signer, json: checked.json })
      this.#counters.stores += 1
      return { address: formatAddress(place.address), version, parent, acks, replicas, roles }
    })
  }

  retrieveContext(address: string, options: RetrieveOptions = {}): Promise<RetrievedContext> {
    return this.#run(async () => {
      const place = this.#placeOf(address)
      this.#access.checkReader(options.role)
      const consistency = options.consistency ?? 'linearizable'
      if (consistency !== 'linearizable' && consistency !== 'cached')
        throw new SlurpError('USAGE', 'The consistency of a read is "linearizable" or "cached".')
      const deadline = this.#deadline(options.timeoutMs)
      this.#counters.reads += 1
      const latest = place.address.temporal.kind === 'latest'
      if (latest && consistency === 'cached') {
        const seen = this.#cache.fresh(place.key, this.#parts.clock.monotonicMs())
        if (seen !== null) return this.#answerFromMemory(place, seen, options.role)
      }
      const opened = latest
        ? await this.#readLatest(place.key, options.role, deadline)
        : await this.#readPast(place, options.role, deadline)
      return this.#answer(place.address, opened)
    })
  }

  deleteContext(address: string, options: DeleteOptions = {}): Promise<DeletedContext> {
    return this.#run(async () => {
      const place = this.#placeToWrite(address)
      const { key } = place
      const wanted = expectedFrom(options.ifVersion)
      if (wanted === 'none') throw new SlurpError('USAGE', 'A deletion cannot ask for nothing to be there.')
      const deadline = this.#deadline(options.timeoutMs)
      const version =
        wanted === 'any'
          ? await this.#deleteWhatStands(key, deadline)
          : await this.#bury(key, wanted, deadline)
      this.#counters.deletes += 1
      return { address: formatAddress(place.address), version }
    })
  }

  contextHistory(address: string, options: HistoryOptions = {}): Promise<HistoryPage> {
    return this.#run(async () => {
      const place = this.#placeOf(address)
      const { key } = place
      if (place.address.temporal.kind !== 'latest')
        throw new SlurpError(
          'ADDRESS_INVALID',
          'A history is that of all versions: the temporal segment must be *^.',
        )
      const limit = wholeNumber(options.limit ?? historyLimitDefault, 'limit', 1, historyLimitMax)
      const from = options.cursor === undefined ? null : decodeCursor(key, options.cursor)
      const deadline = this.#deadline(options.timeoutMs)
      const versions: HistoryEntry[] = []
      let next: Version | null = from
      do {
        const page = await this.#reader.page(key, next, limit - versions.length, deadline)
        for (const record of page.records) versions.push(await this.#describe(key, record))
        if (page.records.length === 0 && versions.length === 0) throw nothingThere()
        next = page.next
        if (page.records.length === 0) break
      } while (next !== null && versions.length < limit)
      const cursor = next === null ? null : encodeCursor(key, next)
      return { address: formatAddress(place.address), versions, cursor }
    })
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>()
    if (this.#running === 0) this.#closing.resolve()
    return this.#closing.promise
  }

  counters(): Record<string, number> {
    return { ...this.#counters, ...this.#writer.counters, cacheBytes: this.#cache.bytes }
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== null) throw new SlurpError('SHUTTING_DOWN', 'This peer is shutting down.')
    this.#running += 1
    try {
      return await work()
    } finally {
      this.#running -= 1
      if (this.#running === 0) (this.#closing as PromiseWithResolvers<void> | null)?.resolve()
    }
  }

  #placeOf(text: string): Place {
    const address = parseAddress(text)
    const { fleetSecret } = this.#parts.keys
    if (fleetSecret === null)
      throw new SlurpError(
        'SEALED',
        'This peer is blind: it keeps sealed contexts for others and can open none.',
      )
    return { address, key: contextKeyOf(fleetSecret, canonicalOf(address)) }
  }

  #placeToWrite(text: string): Place {
    const place = this.#placeOf(text)
    if (place.address.temporal.kind !== 'latest')
      throw new SlurpError(
        'ADDRESS_INVALID',
        'Only the latest version is written: the temporal segment must be *^.',
      )
    return place
  }

  #deadline(timeoutMs: number = this.#limits.timeoutMs): Deadline {
    return new Deadline(this.#parts.clock, wholeNumber(timeoutMs, 'timeoutMs', 1, timeoutMaxMs))
  }

  #expiryOf(ttlSeconds: number | undefined): number {
    if (ttlSeconds === undefined) return 0
    return Math.floor(this.#parts.clock.wallMs()) + wholeNumber(ttlSeconds, 'ttl', 1, ttlMaxSeconds) * 1000
  }

  #plan(key: ContextKey, version: Version, parent: Version | null, expiresAtMs: number) {
    const { fleet, author } = this.#parts
    return { fleet: fleet.id, key, version, parent, author, expiresAtMs }
  }

  /** A write that failed may have been carried out, or met what nobody here knew: memory of its key is worthless. */
  async #write(key: ContextKey, ask: Parameters<Writer['write']>[0]): ReturnType<Writer['write']> {
    try {
      return await this.#writer.write(ask)
    } catch (thrown) {
      this.#cache.forget(key)
      throw thrown
    }
  }

  /** Deletes exactly `expect`. */
  async #bury(key: ContextKey, expect: Version, deadline: Deadline): Promise<Version> {
    const { version, parent, sealed } = await this.#write(key, {
      kind: 'tombstone',
      key,
      expect,
      expiresAtMs: 0,
      deadline,
      seal: (version, parent) => sealTombstone(this.#plan(key, version, parent, 0)),
    })
    const signer = this.#parts.author.peerId
    this.#note(key, { version, parent, hash: sealed.hash, expiresAtMs: 0, roles: [], signer, json: null })
    return version
  }

  /** Whatever stands is deleted, and it is an error when nothing does; so each try names a version. */
  async #deleteWhatStands(key: ContextKey, deadline: Deadline): Promise<Version> {
    let standing: Version | null | undefined = this.#writer.guess(key)
    for (let tries = 0; tries < this.#limits.sealsMax; tries++) {
      if (standing === undefined || standing === null) {
        const head = await this.#reader.head(key, deadline, writeUnreached)
        if (head === null || isGone(head, this.#parts.clock.wallMs())) throw nothingThere()
        standing = head.version
      }
      try {
        return await this.#bury(key, standing, deadline)
      } catch (thrown) {
        if (!(thrown instanceof SlurpError) || thrown.code !== 'VERSION_CONFLICT') throw thrown
        if (thrown.currentVersion === null || !isVersion(thrown.currentVersion ?? '')) throw nothingThere()
        standing = thrown.currentVersion as Version
      }
    }
    throw new SlurpError('TOO_MANY', 'Other writers of this address always came first; nothing was deleted.')
  }

  async #readLatest(key: ContextKey, role: string | undefined, deadline: Deadline): Promise<CachedVersion> {
    const head = await this.#reader.head(key, deadline)
    this.#writer.saw(key, head?.version ?? null)
    if (head === null) {
      this.#cache.forget(key)
      throw nothingThere()
    }
    if (isGone(head, this.#parts.clock.wallMs())) {
      this.#opener.prove(key, head)
      const { version, parent, hash, expiresAtMs } = head
      this.#note(key, { version, parent, hash, expiresAtMs, roles: [], signer: '', json: null })
      throw nothingThere()
    }
    // The quorum has just named this version, and these bytes of it were opened before.
    const known = this.#cache.opened(key, head.version, head.hash)
    if (known !== null && known.json !== null) {
      this.#access.identitiesFor(known.roles, role)
      this.#counters.opensSaved += 1
      this.#note(key, known)
      return known
    }
    const opened = await this.#opener.open(key, head, role)
    this.#note(key, opened)
    return opened
  }

  async #readPast(place: Place, role: string | undefined, deadline: Deadline): Promise<CachedVersion> {
    const { key, address } = place
    const { versionsWalkedMax } = this.#limits
    const wallMs = this.#parts.clock.wallMs()
    const ask = { reader: this.#reader, key, deadline, wallMs, versionsWalkedMax }
    return this.#opener.open(key, await findVersion(ask, address.temporal), role)
  }

  #answerFromMemory(place: Place, seen: CachedVersion, role: string | undefined): RetrievedContext {
    this.#counters.cacheHits += 1
    if (
      seen.json === null ||
      isGone({ kind: 'live', expiresAtMs: seen.expiresAtMs }, this.#parts.clock.wallMs())
    )
      throw nothingThere()
    this.#access.identitiesFor(seen.roles, role)
    return this.#answer(place.address, seen)
  }

  #answer(address: Address, opened: CachedVersion): RetrievedContext {
    const context = contextFrom(opened.json ?? '')
    const { version, parent } = opened
    return {
      address: formatAddress(address),
      version,
      parent,
      writtenAt: writtenAtOf(version),
      author: authorOf(context, this.#nameOf(opened.signer)),
      roles: opened.roles.map(({ name, keyVersion }) => ({ name, keyVersion })),
      context,
    }
  }

  /** A version that cannot be read, because it is gone or for others, shows who signed it and no decision. */
  async #describe(key: ContextKey, record: VersionRecord): Promise<HistoryEntry> {
    const { version } = record
    const header = this.#opener.prove(key, record)
    const deleted = isGone(record, this.#parts.clock.wallMs())
    const roles = header.roles.map(({ name, keyVersion }) => ({ name, keyVersion }))
    const entry = { version, writtenAt: writtenAtOf(version), roles, deleted }
    const hidden: HistoryEntry = { ...entry, author: this.#nameOf(header.author), decision: null }
    if (deleted) return hidden
    try {
      const opened = await this.#opener.open(key, record, undefined)
      const context = contextFrom(opened.json ?? '')
      return { ...entry, author: authorOf(context, hidden.author), decision: context.decision ?? null }
    } catch (thrown) {
      if (thrown instanceof SlurpError && thrown.code === 'ROLE_DENIED') return hidden
      throw thrown
    }
  }

  #nameOf(signer: string): string {
    return this.#parts.nameOf?.(signer as PeerId) ?? signer
  }

  #note(key: ContextKey, seen: CachedVersion): void {
    this.#cache.note(key, seen, this.#parts.clock.monotonicMs())
  }
}

function expectedFrom(ifVersion: string | undefined): Expected {
  if (ifVersion === undefined) return 'any'
  if (ifVersion === 'none' || isVersion(ifVersion)) return ifVersion
  throw new SlurpError(
    'USAGE',
    'ifVersion is "none" or a version: 24 digits 0-9 a-f, as `slurp get` shows it.',
  )
}
