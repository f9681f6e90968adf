import type { ContextKey, PeerId, Version } from '../../base/ids.ts'
import { partitionOf } from '../../dht/keyspace.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import { type CopiedHead, copyLimits, type WantedVersions } from '../agents/copy-wire.ts'
import { versionsKeptMax } from '../fleet-search/kept-versions.ts'
import type { Clock } from '../ports/ports.ts'
import { isGone } from '../store/version-opener.ts'
import type { CopySource, GivenVersion, Run } from './copy-source.ts'
import type { CopiedContext, PrivateCopy } from './private-copy.ts'

export type CopierParts = {
  readonly source: CopySource
  readonly copy: PrivateCopy
  readonly clock: Clock
}

/** Keys that are looked at in the copy at once. */
const heldAtOnce = 256
/** Of versions that are in memory on their way to the copy. */
const gatheredBytesMax = 32 * 2 ** 20
/** Contexts that a quorum is asked for at once. */
const readsAtOnce = 16

type Wanted = WantedVersions & { readonly keptFrom: Version | null }
type Chain = { next: Version | null; readonly records: VersionRecord[] }

/**
 * Brings a copy to what a member has of a partition, or of single contexts. What a member has never replaces anything newer,
 * and what it lacks goes only once a quorum says that it is gone.
 */
export class Copier {
  readonly #parts: CopierParts

  constructor(parts: CopierParts) {
    this.#parts = parts
  }

  /**
   * Goes through neighbouring partitions.
   *
   * @returns false where the member did not say all of it, or nobody could tell what became of something.
   * @throws DiskFailure.
   */
  async compare(peer: PeerId, run: Run, goesOn: () => boolean): Promise<boolean> {
    let isClear = true
    for (let after: ContextKey | null = null; ; ) {
      const page = await this.#parts.source.heads(peer, run, after)
      if (page === null || !goesOn()) return false
      const { through, heads } = page
      if (!this.#isOf(run, after, page)) return false
      const there = new Set(heads.map(({ key }) => key))
      const lacking = (await this.#heldIn(run, after, through)).filter(key => !there.has(key))
      if (!(await this.take(peer, heads)) || !(await this.#doubt(peer, lacking))) isClear = false
      if (through === null) return isClear
      after = through
    }
  }

  /** Brings contexts to what a member says of them. @returns as `compare`. @throws DiskFailure. */
  async take(peer: PeerId, heads: readonly CopiedHead[]): Promise<boolean> {
    const wanted: Wanted[] = []
    const doubtful: ContextKey[] = []
    for (const { key, version, keptFrom } of heads) {
      const held = this.#parts.copy.local.head(key)
      if (version === null || (held !== null && held.version > version)) {
        if (held !== null) doubtful.push(key)
      } else if (held === null || held.version < version) {
        wanted.push({ key, from: version, until: held?.version ?? null, keptFrom })
      } else if (keptFrom !== null && keptFrom > (held.keptFrom ?? '')) {
        await this.#parts.copy.trim(key, keptFrom)
      }
    }
    let isWhole = true
    for (let at = 0; at < wanted.length; at += copyLimits.wantedMax)
      if (!(await this.#fetch(peer, wanted.slice(at, at + copyLimits.wantedMax)))) isWhole = false
    return (await this.#doubt(peer, doubtful)) && isWhole
  }

  /** A page that says what it was asked for, and goes on. */
  #isOf(
    { first, last }: Run,
    after: ContextKey | null,
    { through, heads }: { through: ContextKey | null; heads: readonly CopiedHead[] },
  ): boolean {
    const total = this.#parts.copy.local.partitionsTotal()
    const isIn = (key: ContextKey) => {
      const partition = partitionOf(key, total)
      return partition >= first && partition <= last && (after === null || key > after)
    }
    return (through === null || isIn(through)) && heads.every(({ key }) => isIn(key))
  }

  async #heldIn(
    { first, last }: Run,
    after: ContextKey | null,
    through: ContextKey | null,
  ): Promise<ContextKey[]> {
    const { local } = this.#parts.copy
    const held: ContextKey[] = []
    for (let from = after; ; ) {
      const start = from === null ? first : partitionOf(from, local.partitionsTotal())
      const { entries, isLast } = await local.heads(start, from, heldAtOnce, last)
      for (const { key } of entries) {
        if (through !== null && key > through) return held
        held.push(key)
        from = key
      }
      if (isLast) return held
    }
  }

  async #fetch(peer: PeerId, wanted: readonly Wanted[]): Promise<boolean> {
    for (let left = wanted; ; ) {
      const gathered = await this.#gather(peer, left)
      if (gathered === null) return false
      const { chains, isCut } = gathered
      await this.#parts.copy.take(left.map(each => contextOf(each, chains.get(each.key)!)))
      const lacking = left.filter(({ key }) => chains.get(key)!.records.length === 0)
      // Replaced or gone in between, or the member did not give what its author sealed.
      if (!isCut || lacking.length === left.length) {
        return await this.#doubt(
          peer,
          lacking.map(({ key }) => key),
        )
      }
      left = lacking
    }
  }

  /** Asks for versions, as many as memory may hold. Null: no answer. */
  async #gather(
    peer: PeerId,
    wanted: readonly Wanted[],
  ): Promise<{ readonly chains: ReadonlyMap<ContextKey, Chain>; readonly isCut: boolean } | null> {
    const chains = new Map<ContextKey, Chain>(
      wanted.map(({ key, from }) => [key, { next: from, records: [] }]),
    )
    let bytes = 0
    for (let left = wanted; left.length > 0; ) {
      const asked = left.map(({ key, until }) => ({ key, from: chains.get(key)!.next!, until }))
      const page = await this.#parts.source.versions(peer, asked)
      if (page === null) return null
      const last = this.#link(chains, page.versions, left)
      // Without a step forward it would go round for ever.
      if (!page.more || last === null) break
      bytes += page.versions.reduce((sum, { record }) => sum + (record.data?.length ?? 0), 0)
      if (bytes > gatheredBytesMax) return { chains, isCut: true }
      left = left
        .slice(left.findIndex(({ key }) => key === last))
        .filter(({ key }) => isOpen(chains.get(key)!))
    }
    return { chains, isCut: false }
  }

  /** Puts versions where they belong; others than were asked for are none. @returns the key of the last one. */
  #link(
    chains: ReadonlyMap<ContextKey, Chain>,
    versions: readonly GivenVersion[],
    wanted: readonly Wanted[],
  ): ContextKey | null {
    const untilOf = new Map(wanted.map(({ key, until }) => [key, until]))
    let last: ContextKey | null = null
    for (const { key, record } of versions) {
      const chain = chains.get(key)
      if (chain === undefined || chain.next !== record.version || record.kind !== 'live') continue
      chain.records.push(record)
      chain.next = record.parent === untilOf.get(key) ? null : record.parent
      last = key
    }
    return last
  }

  /** What a member does not have any more, or has in an older version: a quorum says what is so. */
  async #doubt(peer: PeerId, keys: readonly ContextKey[]): Promise<boolean> {
    let isClear = true
    for (let at = 0; at < keys.length; at += readsAtOnce) {
      const some = keys.slice(at, at + readsAtOnce)
      const clear = await Promise.all(some.map(key => this.#ask(peer, key)))
      if (clear.includes(false)) isClear = false
    }
    return isClear
  }

  async #ask(peer: PeerId, key: ContextKey): Promise<boolean> {
    const { copy, source, clock } = this.#parts
    const held = copy.local.head(key)
    if (held !== null && isGone(held, clock.wallMs())) {
      await copy.drop([key])
      return true
    }
    const standing = await source.standing(key)
    if (standing.kind === 'unclear') return false
    if (standing.kind !== 'found') {
      if (held !== null) await copy.drop([key])
    } else if (held === null || standing.value.version > held.version) {
      const { keptFrom = null, ...record } = standing.value
      const until = held?.version ?? null
      const before = record.parent === until ? [] : await this.#before(peer, key, record.parent, until)
      const records = [record, ...before]
      await copy.take([contextOf({ key, from: record.version, until, keptFrom }, { next: null, records })])
    }
    return true
  }

  /** What came before a version, as far as a member has it. */
  async #before(
    peer: PeerId,
    key: ContextKey,
    from: Version | null,
    until: Version | null,
  ): Promise<readonly VersionRecord[]> {
    if (from === null) return []
    const gathered = await this.#gather(peer, [{ key, from, until, keptFrom: null }])
    return gathered?.chains.get(key)?.records ?? []
  }
}

const isOpen = ({ next, records }: Chain): boolean => next !== null && records.length < versionsKeptMax

function contextOf({ key, until, keptFrom }: Wanted, { records }: Readonly<Chain>): CopiedContext {
  const kept = records.slice(0, versionsKeptMax)
  return { key, records: kept, isConnected: until !== null && kept.at(-1)?.parent === until, keptFrom }
}
