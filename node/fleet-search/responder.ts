import type { PartitionId, PeerId } from '../../base/ids.ts'
import type { Candidate, Hit, RankRequest } from '../search/api.ts'
import { asMade, type IndexConfiguration, mainIndex } from '../search/engine/configuration.ts'
import type { Absence } from './api.ts'
import type { FeedState } from './index-feed.ts'
import type { IndexKeeper } from './index-keeper.ts'
import { decodeAsked, encodeAnswered, type SearchAnswered, type SearchAsked, wrongness } from './wire.ts'

/** The index of this process, as far as answers need it. */
export type OwnIndex = Pick<IndexKeeper, 'phase' | 'roles' | 'host'> & {
  readonly feed: { covers(partition: PartitionId): boolean; state(): FeedState } | null
}

export type ResponderParts = {
  readonly keeper: OwnIndex
  /** Roles that a member may read, by the registry of keys. */
  readonly entitledTo: (peer: PeerId) => readonly string[]
  /** Partitions that this peer answers for: those that it owns whole. */
  readonly answersFor: () => ReadonlySet<PartitionId>
  readonly indexes: readonly IndexConfiguration[]
}

/** Of one answer, so that a hit more may still fit into the frame. */
const hitsBytesMax = 256 * 1024

/** Answers what other peers ask of the index of this one. */
export class SearchResponder {
  readonly #parts: ResponderParts

  constructor(parts: ResponderParts) {
    this.#parts = parts
  }

  /** Never rejects for what was asked. */
  async answer(from: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const asked = decodeAsked(bytes)
    if (asked === null) return encodeAnswered({ kind: 'absent', why: 'refused' })
    const entitled = this.#parts.entitledTo(from)
    // Who asks learns nothing that its own keys would not open.
    if (!asked.request.roles.every(role => entitled.includes(role)))
      return encodeAnswered({ kind: 'absent', why: 'refused' })
    return encodeAnswered(await this.answered(asked))
  }

  /** What this peer itself has to say. Never rejects for what was asked. */
  async answered(asked: SearchAsked): Promise<SearchAnswered> {
    const { keeper } = this.#parts
    const why = this.absence(asked.request.roles) ?? this.#otherwise(asked)
    if (why !== null) return { kind: 'absent', why }
    try {
      if (asked.kind === 'present') return await this.#present(asked)
      const covered = this.covered(asked.request.partitions ?? [])
      if (covered.length === 0) return { kind: 'absent', why: 'filling' }
      const ranking = await keeper.host.rank({ ...asked.request, partitions: covered })
      return this.isWhole(ranking.complete)
        ? { kind: 'ranked', covered, ranking }
        : { kind: 'absent', why: isMain(asked.request) ? 'damaged' : 'filling' }
    } catch (thrown) {
      return wrongness(thrown)
    }
  }

  /** Nobody's results can be weighed beside those of an index that is made in another way. */
  #otherwise({ request, madeAs }: SearchAsked): Absence | null {
    if (isMain(request)) return null
    const own = this.#parts.indexes.find(({ name }) => name === request.index)
    return own !== undefined && asMade(own) === madeAs ? null : 'otherIndex'
  }

  /** Why this peer itself has no part for a partition that it owns. */
  absenceOf(partition: PartitionId): Absence {
    const covers = this.#parts.keeper.feed?.covers(partition) === true
    return this.absence() ?? (covers ? 'damaged' : 'filling')
  }

  /** Why the index cannot answer for some roles; null when it can. */
  absence(roles: readonly string[] = []): Absence | null {
    const { phase, roles: held } = this.#parts.keeper
    if (phase !== 'following' && phase !== 'filling') return phase
    return roles.every(role => (held as readonly string[]).includes(role)) ? null : 'blind'
  }

  /** @param complete - what an answer says: while the index is filled partition by partition it says no all the time. */
  isWhole(complete: boolean): boolean {
    return complete || this.#parts.keeper.phase === 'filling'
  }

  /** Of some partitions those that the index is whole in. */
  covered(partitions: readonly number[]): PartitionId[] {
    const owned = this.#parts.answersFor()
    const { feed } = this.#parts.keeper
    return (partitions as PartitionId[]).filter(each => owned.has(each) && feed?.covers(each) === true)
  }

  /** Whether the index is whole in all partitions that there are: asked for every question. */
  coversAll(partitions: number): boolean {
    const { feed } = this.#parts.keeper
    // They are filled in their order.
    return (
      this.#parts.answersFor().size === partitions && feed?.covers((partitions - 1) as PartitionId) === true
    )
  }

  async #present({ request, candidates }: SearchAsked & { kind: 'present' }): Promise<SearchAnswered> {
    const found = await this.#parts.keeper.host.present(candidates, request)
    const hits: Hit[] = []
    let bytes = 0
    for (const hit of found) {
      bytes += Buffer.byteLength(JSON.stringify(hit))
      if (bytes > hitsBytesMax && hits.length > 0)
        return { kind: 'presented', hits, looked: lookedAt(candidates, hit) }
      hits.push(hit)
    }
    return { kind: 'presented', hits, looked: candidates.length }
  }
}

const isMain = ({ index = mainIndex.name }: RankRequest): boolean => index === mainIndex.name

/** How many candidates come before the one that a hit is for; some may have none, as they are gone. */
const lookedAt = (candidates: readonly Candidate[], { key, version }: Hit): number =>
  candidates.findIndex(candidate => candidate.key === key && candidate.version === version)
