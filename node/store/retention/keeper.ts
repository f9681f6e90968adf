import { LRUCache } from 'lru-cache'
import { SlurpError } from '../../../base/errors.ts'
import type { ContextKey, PartitionId, Version } from '../../../base/ids.ts'
import type { ScanEntry } from '../../../replication/messages.ts'
import { keptFromOf } from '../../../replication/register.ts'
import { keepFrom, keepsAll, keepsBehind, type Retention as Limits } from '../../../replication/retention.ts'
import { parseAddress } from '../address.ts'
import { Fold } from '../folding.ts'
import { pauseFor } from '../pause.ts'
import type { StoreDesk } from '../store-desk.ts'
import { isGone } from '../version-opener.ts'
import type { LocalHistories } from './ports.ts'
import type { RetentionRules } from './rules.ts'

/** Where a walk through the histories of this peer goes on: behind this key of this partition. */
export type WalkPlace = { readonly partition: PartitionId; readonly after: ContextKey | null }

/** What a walk came to. Counts are of contexts, but for `versions`. */
export type WalkTally = {
  looked: number
  trimmed: number
  /** Versions that went, as far as the copy here had them. */
  versions: number
  /** Nobody here can say whose rule it has. */
  untold: number
  /** No quorum answered, or what is stored could not be read: found again in the next walk. */
  failed: number
}

export const newTally = (): WalkTally => ({ looked: 0, trimmed: 0, versions: 0, untold: 0, failed: 0 })

type Overlong = { readonly project: string; readonly limits: Limits; readonly gone: number }

const headsAtOnce = 64
/** Between two pages, so that a walk never takes all of a peer. */
const pauseMs = 20
/** Versions of one context that are listed; of a longer history the oldest are enough to see that it is too long. */
const versionsListedMax = 1_024
const pageVersions = 64
const projectsRememberedMax = 20_000

/** Finds histories that are longer than the rule of their project, among those that this peer has and can open. */
export class HistoryKeeper {
  readonly #desk: StoreDesk
  readonly #local: LocalHistories
  /** Null where it cannot be told. A key has one address for ever, so an entry never goes out of date. */
  readonly #projects = new LRUCache<ContextKey, { readonly project: string }>({ max: projectsRememberedMax })

  constructor(desk: StoreDesk, local: LocalHistories) {
    this.#desk = desk
    this.#local = local
  }

  /**
   * Trims what is too long, from `from` on (null: from the start), until all was looked at or `goesOn` says no.
   *
   * Most contexts cost the look at a head; one with a history also the list of its versions here. Only what is too long
   * by some rule is opened, and only what is too long by its own is asked for at a quorum and trimmed.
   *
   * @returns where to go on; null at the end.
   * @throws DiskFailure.
   */
  async trim(
    rules: RetentionRules,
    from: WalkPlace | null,
    tally: WalkTally,
    goesOn: () => boolean,
  ): Promise<WalkPlace | null> {
    return await this.#walk(from, pauseMs, goesOn, async entry => {
      const overlong = await this.#look(entry, rules, tally)
      if (overlong !== null) await this.#cut(entry.key, overlong, tally)
    })
  }

  /** Counts what `trim` would do to the contexts of some projects. @returns as `trim`. @throws DiskFailure. */
  async count(
    rules: RetentionRules,
    isMeant: (project: string) => boolean,
    tally: WalkTally,
    goesOn: () => boolean,
  ): Promise<WalkPlace | null> {
    return await this.#walk(null, 0, goesOn, async entry => {
      const overlong = await this.#look(entry, rules, tally)
      if (overlong === null || !isMeant(overlong.project)) return
      tally.trimmed += 1
      tally.versions += overlong.gone
    })
  }

  async #walk(
    from: WalkPlace | null,
    restMs: number,
    goesOn: () => boolean,
    see: (entry: ScanEntry) => Promise<void>,
  ): Promise<WalkPlace | null> {
    for (const partition of this.#local.partitions()) {
      if (from !== null && partition < from.partition) continue
      let after = from?.partition === partition ? from.after : null
      for (;;) {
        const { entries, isLast } = await this.#local.heads(partition, after, headsAtOnce)
        for (const entry of entries) {
          if (!goesOn()) return { partition, after }
          await see(entry)
          after = entry.key
        }
        if (isLast) break
        await pauseFor(this.#desk.parts.clock, restMs)
      }
    }
    return null
  }

  /** Null: nothing of it is to go, or nobody here can tell. */
  async #look({ key, value }: ScanEntry, rules: RetentionRules, tally: WalkTally): Promise<Overlong | null> {
    tally.looked += 1
    const { wallMs } = this.#desk
    // What is dead is collected with its history; and where nothing came before there is nothing to trim.
    if (value === null || value.parent === null || isGone(value, wallMs)) return null
    if (keptFromOf(value) >= value.version) return null
    const listed = await this.#local.versions(key, keptFromOf(value), versionsListedMax)
    const kept = [value.version, ...listed.filter(version => version < value.version).toReversed()]
    const isTooLong = (versions: readonly Version[]) => (limits: Limits) =>
      keepFrom(versions, true, limits, wallMs) !== null
    if (!rules.limits.some(isTooLong(kept))) return null
    const chain = this.#entriesOf(key, kept)
    if (!rules.limits.some(isTooLong(chain))) return null
    const project = await this.#projectOf(key, value.version, tally)
    if (project === null) return null
    const limits = rules.of(project)
    const from = keepFrom(chain, true, limits, wallMs)
    return from === null ? null : { project, limits, gone: chain.filter(version => version < from).length }
  }

  /** What is shown of versions, newest first: a reseal is no version of its own. */
  #entriesOf(key: ContextKey, versions: readonly Version[]): Version[] {
    const fold = new Fold()
    return versions.flatMap(version => {
      const record = this.#local.version(key, version)
      // Where the bytes are missing here a quorum is asked in the end.
      if (record === null) return [version]
      return fold.next(record)?.shown.version ?? []
    })
  }

  async #projectOf(key: ContextKey, version: Version, tally: WalkTally): Promise<string | null> {
    const known = this.#projects.get(key)
    if (known !== undefined) return known.project
    try {
      const record = this.#local.version(key, version)
      const place = record === null ? null : await this.#desk.opener.placeOf(key, record)
      if (place !== null) {
        const { project } = parseAddress(place)
        this.#projects.set(key, { project })
        return project
      }
      tally.untold += 1
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) throw thrown
      if (thrown.code === 'ROLE_DENIED') tally.untold += 1
      else tally.failed += 1
    }
    return null
  }

  /** The copy here may be behind, so a quorum says what the history is. */
  async #cut(key: ContextKey, { limits, gone }: Overlong, tally: WalkTally): Promise<void> {
    try {
      const from = await this.#cutOf(key, limits)
      if (from === null) return
      const { submitter } = this.#desk.parts
      const outcome = await submitter.submit(
        { kind: 'trim', key, keepFrom: from },
        this.#desk.limits.timeoutMs,
      )
      if (outcome.kind === 'trimmed') {
        tally.trimmed += 1
        tally.versions += gone
      } else if (outcome.kind !== 'absent') tally.failed += 1
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) throw thrown
      tally.failed += 1
    }
  }

  /** The version behind the oldest that the rule keeps is where it ends; null: all of it is kept. */
  async #cutOf(key: ContextKey, limits: Limits): Promise<Version | null> {
    if (keepsAll(limits)) return null
    const { wallMs } = this.#desk
    const deadline = this.#desk.deadline()
    const fold = new Fold()
    let newer: Version | null = null
    let at = 0
    let next: Version | null = null
    do {
      const page = await this.#desk.reader.page(key, next, wantedOf(limits, at), deadline)
      for (const record of page.records) {
        const version = fold.next(record)?.shown.version
        if (version === undefined) continue
        if (newer !== null && !keepsBehind(limits, at, newer, wallMs)) return newer
        newer = version
        at += 1
      }
      next = page.records.length === 0 ? null : page.next
    } while (next !== null && at < this.#desk.limits.versionsWalkedMax)
    return null
  }
}

/** One version more than the rule keeps is enough to see where it ends. */
const wantedOf = ({ versions, ageMs }: Limits, at: number): number =>
  versions === null || ageMs !== null ? pageVersions : Math.min(pageVersions, Math.max(1, versions + 1 - at))
