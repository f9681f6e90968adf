import { SlurpError } from '../../base/errors.ts'
import type { PartitionId, PeerId } from '../../base/ids.ts'
import type { View } from '../../dht/view.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Candidate as Found, Hit, Ranking, RankRequest, SearchRequest } from '../search/api.ts'
import { asMade, bm25Of, type IndexConfiguration, mainIndex } from '../search/engine/configuration.ts'
import { searchLimits } from '../search/limits.ts'
import type { Deadline } from '../store/deadline.ts'
import type { Absence, MissingPart } from './api.ts'
import { type Candidate, cover, type Pick } from './cover.ts'
import { type MergedRanking, mergeRankings } from './merge.ts'
import type { SearchResponder } from './responder.ts'
import { decodeAnswered, encodeAsked, type SearchAnswered, type SearchAsked } from './wire.ts'

export type FanOutParts = {
  readonly self: PeerId
  readonly view: () => View
  readonly exchange: Exchange
  readonly responder: SearchResponder
  readonly monotonicMs: () => number
}

type Asked = { readonly request: SearchRequest; readonly configuration: IndexConfiguration }
type Answer = { readonly source: PeerId; readonly ranking: Ranking }

export type FanOutResult = {
  readonly merged: MergedRanking<PeerId>
  readonly hits: readonly Hit[]
  readonly coverage: number
  readonly missing: readonly MissingPart[]
  readonly peers: number
}

/** Of what is left of the time, for one round of questions: so that others can be asked for those that say nothing. */
const roundShare = 0.4
/** Another question may be answered by the same peer. */
const ofTheQuestion: ReadonlySet<Absence> = new Set(['blind', 'refused', 'filling', 'otherIndex'])
/** Somebody who cannot answer anything is not asked again for so long. */
const absentMs = 3_000
const candidatesMin = 30

/**
 * Asks the fewest peers that together have all partitions, each for its own; what somebody does not answer, others are
 * asked for, while there is time.
 */
export class FanOut {
  readonly #parts: FanOutParts
  readonly #absent = new Map<PeerId, { readonly why: Absence; readonly untilMs: number }>()

  constructor(parts: FanOutParts) {
    this.#parts = parts
  }

  /** @throws SlurpError what the question is refused for. */
  async ask(
    request: SearchRequest,
    configuration: IndexConfiguration,
    deadline: Deadline,
  ): Promise<FanOutResult> {
    const asked: Asked = { request, configuration }
    const failed = new Map<PeerId, Absence>()
    for (;;) {
      const { answers, left } = await this.#rankAll(asked, failed, deadline)
      const merged = mergeRankings(answers, request, bm25Of(configuration))
      const hits = await this.#presentAll(merged, asked, failed, deadline)
      if (hits === null) continue
      const total = this.#parts.view().partitions.length
      return {
        merged,
        hits,
        coverage: (total - left.size) / total,
        missing: this.#missing(left, failed),
        peers: new Set(answers.map(({ source }) => source)).size,
      }
    }
  }

  async #rankAll(
    asked: Asked,
    failed: Map<PeerId, Absence>,
    deadline: Deadline,
  ): Promise<{ answers: Answer[]; left: ReadonlySet<PartitionId> }> {
    const { partitions } = this.#parts.view()
    const left = new Set(partitions.keys() as Iterable<PartitionId>)
    const answers: Answer[] = []
    while (left.size > 0 && deadline.leftMs > 0) {
      const picks = cover(left, this.#candidates(failed))
      if (picks.length === 0) break
      const roundMs = Math.ceil(deadline.leftMs * roundShare)
      const told = await Promise.all(picks.map(pick => this.#rank(pick, asked, roundMs)))
      for (const [at, answer] of told.entries()) {
        const { peer, partitions } = picks[at]!
        const covered = answer.kind === 'ranked' ? (answer.covered as PartitionId[]) : []
        const wanted = new Set(partitions)
        if (covered.length === 0 || covered.some(partition => !wanted.has(partition))) {
          this.#note(peer, absenceIn(answer), failed)
          continue
        }
        if (answer.kind === 'ranked') answers.push({ source: peer, ranking: answer.ranking })
        for (const partition of covered) left.delete(partition)
        if (covered.length < partitions.length) failed.set(peer, 'filling')
      }
    }
    return { answers, left }
  }

  /** Who may have what, this peer first: of equals nobody else is asked. */
  #candidates(failed: ReadonlyMap<PeerId, Absence>): Candidate[] {
    const { self, view, exchange, responder, monotonicMs } = this.#parts
    const { members, partitions } = view()
    const owned = new Map<PeerId, Set<PartitionId>>([[self, new Set()]])
    for (const [number, { owners }] of partitions.entries())
      for (const peer of owners) owned.set(peer, (owned.get(peer) ?? new Set()).add(number as PartitionId))
    owned.set(self, new Set(responder.covered([...owned.get(self)!])))
    for (const { id } of members) {
      const absent = this.#absent.get(id)
      const isAbsent = absent !== undefined && absent.untilMs > monotonicMs()
      if (failed.has(id) || isAbsent || (id !== self && !exchange.isConnected(id))) owned.delete(id)
    }
    return [...owned].map(([peer, partitions]) => ({ peer, partitions }))
  }

  #rank(
    { peer, partitions }: Pick,
    { request, configuration }: Asked,
    timeoutMs: number,
  ): Promise<SearchAnswered> {
    const limit = request.limit ?? searchLimits.limitDefault
    const { maxTokens: _, fields: _f, highlights: _h, ...rest } = request
    const candidates = Math.min(searchLimits.candidatesMax, Math.max(candidatesMin, limit * 3))
    const asked: RankRequest = { ...rest, partitions, candidates }
    return this.#tell(peer, { kind: 'rank', request: asked, ...madeAs(configuration) }, timeoutMs)
  }

  /** @returns null when somebody who had ranked is gone: then all is asked again without them. */
  async #presentAll(
    { best }: MergedRanking<PeerId>,
    { request, configuration }: Asked,
    failed: Map<PeerId, Absence>,
    deadline: Deadline,
  ): Promise<Hit[] | null> {
    const bySource = Map.groupBy(best, ({ source }) => source)
    const { maxTokens: _, ...rest } = request
    const presented = await Promise.all(
      [...bySource].map(async ([peer, some]) => {
        const hits: Hit[] = []
        let candidates: readonly Found[] = some.map(({ candidate }) => candidate)
        while (candidates.length > 0) {
          const shown = { ...rest, partitions: [] }
          const asked = { kind: 'present' as const, request: shown, candidates, ...madeAs(configuration) }
          const answer = await this.#tell(peer, asked, Math.max(1, deadline.leftMs))
          if (answer.kind !== 'presented' || answer.looked === 0) {
            this.#note(peer, absenceIn(answer), failed)
            return null
          }
          hits.push(...answer.hits)
          candidates = candidates.slice(answer.looked)
        }
        return hits
      }),
    )
    if (presented.includes(null)) return null
    const byName = new Map(presented.flatMap(hits => hits ?? []).map(hit => [hit.key + hit.version, hit]))
    return best.flatMap(({ candidate }) => byName.get(candidate.key + candidate.version) ?? [])
  }

  /** @throws SlurpError what the question is refused for, by whomever. */
  async #tell(peer: PeerId, asked: SearchAsked, timeoutMs: number): Promise<SearchAnswered> {
    const { self, exchange, responder } = this.#parts
    const answer =
      peer === self
        ? await responder.answered(asked)
        : await exchange.ask(peer, encodeAsked(asked), timeoutMs)
    const known = answer instanceof Uint8Array ? decodeAnswered(answer) : answer
    if (known?.kind === 'wrong') {
      const { code, message, hint } = known
      throw new SlurpError(code, message, { hint })
    }
    if (known !== null) return known
    const why = answer !== null ? 'failed' : exchange.isConnected(peer) ? 'late' : 'unreachable'
    return { kind: 'absent', why }
  }

  #note(peer: PeerId, why: Absence, failed: Map<PeerId, Absence>): void {
    failed.set(peer, why)
    if (peer !== this.#parts.self && !ofTheQuestion.has(why))
      this.#absent.set(peer, { why, untilMs: this.#parts.monotonicMs() + absentMs })
  }

  #missing(left: ReadonlySet<PartitionId>, failed: ReadonlyMap<PeerId, Absence>): MissingPart[] {
    const { self, view, responder, exchange, monotonicMs } = this.#parts
    const { members, partitions } = view()
    const nameOf = (peer: PeerId) => members.find(({ id }) => id === peer)?.name ?? peer
    const whyOf = (peer: PeerId, partition: PartitionId): Absence => {
      if (peer === self) return failed.get(peer) ?? responder.absenceOf(partition)
      if (!exchange.isConnected(peer)) return 'unreachable'
      const absent = this.#absent.get(peer)
      return failed.get(peer) ?? (absent && absent.untilMs > monotonicMs() ? absent.why : 'late')
    }
    const parts = new Map<string, MissingPart>()
    for (const partition of left) {
      const peers = partitions[partition]!.owners.map(peer => ({
        name: nameOf(peer),
        why: whyOf(peer, partition),
      }))
      peers.sort((a, b) => (a.name < b.name ? -1 : 1))
      const name = JSON.stringify(peers)
      parts.set(name, { partitions: (parts.get(name)?.partitions ?? 0) + 1, peers })
    }
    return [...parts.values()].sort((a, b) => b.partitions - a.partitions)
  }
}

/** The main index is the same everywhere. */
const madeAs = (configuration: IndexConfiguration): { madeAs?: string } =>
  configuration.name === mainIndex.name ? {} : { madeAs: asMade(configuration) }

const absenceIn = (answer: SearchAnswered): Absence => (answer.kind === 'absent' ? answer.why : 'failed')
