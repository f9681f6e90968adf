import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, PeerId, Version } from '../../base/ids.ts'
import { shownOf } from '../../crypto/reseal.ts'
import { type Address, formatAddress } from './address.ts'
import type { HistoryEntry, HistoryOptions, HistoryPage, RetrievedContext, RetrieveOptions } from './api.ts'
import type { CompareOptions, Comparison } from './compare/api.ts'
import { compareFields } from './compare/compare.ts'
import { parseSides, type Side } from './compare/side.ts'
import type { CachedVersion } from './context-cache.ts'
import type { Deadline } from './deadline.ts'
import { nothingThere } from './failures.ts'
import { Fold, type FoldedRecord, type Shown, shownBy } from './folding.ts'
import { decodeCursor, encodeCursor } from './history-cursor.ts'
import { historyLimitDefault, historyLimitMax, wholeNumber } from './limits.ts'
import type { ReadGate } from './read-gate.ts'
import type { Place, StoreDesk } from './store-desk.ts'
import { findNamed, findVersion } from './temporal-reader.ts'
import { authorOf, contextFrom, isGone, writtenAtOf } from './version-opener.ts'

/** The use cases that read. */
export class StoreReads {
  readonly counters = { reads: 0, cacheHits: 0, opensSaved: 0 }
  readonly #desk: StoreDesk

  constructor(desk: StoreDesk) {
    this.#desk = desk
  }

  async retrieve(address: string, options: RetrieveOptions): Promise<RetrievedContext> {
    const place = this.#desk.placeOf(address)
    this.#desk.access.checkReader(options.role)
    const consistency = options.consistency ?? 'linearizable'
    if (consistency !== 'linearizable' && consistency !== 'cached')
      throw new SlurpError('USAGE', 'The consistency of a read is "linearizable" or "cached".')
    const deadline = this.#desk.deadline(options.timeoutMs)
    this.counters.reads += 1
    const latest = place.address.temporal.kind === 'latest'
    if (latest && consistency === 'cached') {
      const seen = this.#desk.cache.fresh(place.key, this.#desk.parts.clock.monotonicMs())
      if (seen !== null) return this.#answerFromMemory(place, seen, options.role)
    }
    const opened = latest
      ? await this.#readLatest(place.key, options.role, deadline)
      : await this.#readPast(place, options.role, deadline)
    return this.#answer(place.address, opened)
  }

  async history(address: string, options: HistoryOptions): Promise<HistoryPage> {
    const place = this.#desk.placeOfLatest(address, 'A history is that of all versions')
    const { key } = place
    const limit = wholeNumber(options.limit ?? historyLimitDefault, 'limit', 1, historyLimitMax)
    const from = options.cursor === undefined ? null : decodeCursor(key, options.cursor)
    const deadline = this.#desk.deadline(options.timeoutMs)
    const versions: HistoryEntry[] = []
    const fold = new Fold()
    let next: Version | null = from
    let oldest: Shown | undefined
    do {
      const page = await this.#desk.reader.page(key, next, Math.max(1, limit - versions.length), deadline)
      for (const record of page.records) {
        const entry = fold.next(record)
        if (entry === null) continue
        versions.push(await this.#describe(key, entry))
        oldest = entry.shown
      }
      if (page.records.length === 0 && versions.length === 0) throw nothingThere()
      next = page.next
      if (page.records.length === 0) break
    } while (next !== null && (versions.length < limit || fold.goesOn(next)))
    const cursor = next === null ? null : encodeCursor(key, next)
    // A version that replaced another one, and nothing is behind it any more.
    const keptFrom = cursor === null && oldest?.parent ? oldest.version : null
    return { address: formatAddress(place.address), versions, cursor, keptFrom }
  }

  async compare(
    from: string,
    to: string | undefined,
    options: CompareOptions,
    gate: ReadGate,
  ): Promise<Comparison> {
    const sides = parseSides(from, to)
    for (const { address } of [sides.from, sides.to]) gate(address, null)
    this.#desk.access.checkReader(options.role)
    const deadline = this.#desk.deadline(options.timeoutMs)
    const [before, after] = await Promise.all(
      [sides.from, sides.to].map(side => this.#readSide(side, options.role, deadline, gate)),
    )
    const { context: old, ...shownFrom } = before!
    const { context: now, ...shownTo } = after!
    return { from: shownFrom, to: shownTo, changes: compareFields(old, now) }
  }

  async #readSide(side: Side, role: string | undefined, deadline: Deadline, gate: ReadGate) {
    this.counters.reads += 1
    const place = this.#desk.placeOf(formatAddress(side.address))
    const { roles, address, version, writtenAt, author, context } = this.#answer(
      place.address,
      side.version === null && place.address.temporal.kind === 'latest'
        ? await this.#readLatest(place.key, role, deadline)
        : await this.#readPast(place, role, deadline, side.version),
    )
    gate(side.address, roles)
    const named = side.version === null ? address : `${address}#${side.version}`
    return { address: named, version, writtenAt, author, context }
  }

  async #readLatest(key: ContextKey, role: string | undefined, deadline: Deadline): Promise<CachedVersion> {
    const head = await this.#desk.reader.head(key, deadline)
    this.#desk.writer.saw(key, head?.version ?? null, head === null ? null : shownBy(head).version)
    if (head === null) {
      this.#desk.cache.forget(key)
      throw nothingThere()
    }
    if (isGone(head, this.#desk.wallMs)) {
      this.#desk.opener.prove(key, head)
      const { version, parent, hash, expiresAtMs } = head
      this.#desk.note(
        key,
        { version, parent, shown: { version, parent }, hash, expiresAtMs, roles: [], signer: '', json: null },
        deadline,
      )
      throw nothingThere()
    }
    // The quorum has just named this version, and these bytes of it were opened before.
    const known = this.#desk.cache.opened(key, head.version, head.hash)
    if (known !== null && known.json !== null) {
      this.#desk.access.identitiesFor(known.roles, role)
      this.counters.opensSaved += 1
      this.#desk.note(key, known, deadline)
      return known
    }
    const opened = await this.#desk.opener.open(key, head, role)
    this.#desk.note(key, opened, deadline)
    return opened
  }

  /** @param version - just this one, whatever the address says of time. */
  async #readPast(
    place: Place,
    role: string | undefined,
    deadline: Deadline,
    version: Version | null = null,
  ): Promise<CachedVersion> {
    const { key, address } = place
    const { versionsWalkedMax } = this.#desk.limits
    const wallMs = this.#desk.wallMs
    const ask = { reader: this.#desk.reader, key, deadline, wallMs, versionsWalkedMax }
    const record = version === null ? findVersion(ask, address.temporal) : findNamed(ask, version)
    return this.#desk.opener.open(key, await record, role)
  }

  #answerFromMemory(place: Place, seen: CachedVersion, role: string | undefined): RetrievedContext {
    this.counters.cacheHits += 1
    if (seen.json === null || isGone({ kind: 'live', expiresAtMs: seen.expiresAtMs }, this.#desk.wallMs))
      throw nothingThere()
    this.#desk.access.identitiesFor(seen.roles, role)
    return this.#answer(place.address, seen)
  }

  #answer(address: Address, opened: CachedVersion): RetrievedContext {
    const context = contextFrom(opened.json ?? '')
    const { version, parent } = opened.shown
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
  async #describe(key: ContextKey, { record, shown }: FoldedRecord): Promise<HistoryEntry> {
    const { version } = shown
    const header = this.#desk.opener.prove(key, record)
    const deleted = isGone(record, this.#desk.wallMs)
    const roles = header.roles.map(({ name, keyVersion }) => ({ name, keyVersion }))
    const entry = { version, writtenAt: writtenAtOf(version), roles, deleted }
    const hidden: HistoryEntry = { ...entry, author: this.#nameOf(shownOf(header).author), decision: null }
    if (deleted) return hidden
    try {
      const opened = await this.#desk.opener.open(key, record, undefined)
      const context = contextFrom(opened.json ?? '')
      return { ...entry, author: authorOf(context, hidden.author), decision: context.decision ?? null }
    } catch (thrown) {
      if (thrown instanceof SlurpError && thrown.code === 'ROLE_DENIED') return hidden
      throw thrown
    }
  }

  #nameOf(signer: string): string {
    return this.#desk.parts.nameOf?.(signer as PeerId) ?? signer
  }
}
