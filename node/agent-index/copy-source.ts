import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, PartitionId, PeerId } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { verifiedHeader } from '../../crypto/verified-envelopes.ts'
import type { Value, VersionRecord } from '../../replication/messages.ts'
import {
  type Changes,
  type CopyQuestion,
  decodeChanges,
  decodeHeads,
  decodeVersions,
  type HeadsPage,
  type WantedVersions,
} from '../agents/copy-wire.ts'
import type { FleetLinks } from '../agents/fleet-links.ts'
import type { Provenance } from '../agents/provenance.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { Submitter } from '../store/api.ts'
import { pauseFor } from '../store/pause.ts'

export type CopySourceParts = {
  readonly links: Pick<FleetLinks, 'ask'>
  readonly provenance: Provenance
  /** Asks a quorum, through a member. */
  readonly submitter: Submitter
  readonly clock: Clock
  readonly log: Log
}

/** A version that is what its author sealed. */
export type GivenVersion = { readonly key: ContextKey; readonly record: VersionRecord }
export type GivenVersions = { readonly more: boolean; readonly versions: readonly GivenVersion[] }

/** Neighbouring partitions, both included; at most `copyLimits.runMax`. */
export type Run = { readonly first: PartitionId; readonly last: PartitionId }

/** `unclear`: nobody could tell. `closed`: not for the roles of this agent. */
export type Standing =
  | { readonly kind: 'found'; readonly value: Value }
  | { readonly kind: 'gone' | 'closed' | 'unclear' }

const askMs = 4_000
const readMs = 4_000
/** Envelopes proved in one go; in between whatever else waits has its turn. */
const provedAtOnce = 8

/** What an agent asks of single members about what there is. Null: no answer, or none that can be used. */
export class CopySource {
  readonly counters = { copyQuestions: 0, copyRefused: 0 }
  readonly #parts: CopySourceParts

  constructor(parts: CopySourceParts) {
    this.#parts = parts
  }

  changes(peer: PeerId, after: number | null): Promise<Changes | null> {
    return this.#ask(peer, { kind: 'changes', after }, decodeChanges)
  }

  heads(peer: PeerId, { first, last }: Run, after: ContextKey | null): Promise<HeadsPage | null> {
    return this.#ask(peer, { kind: 'heads', first, last, after }, decodeHeads)
  }

  /** What is not genuine is left out and counted. */
  async versions(peer: PeerId, wanted: readonly WantedVersions[]): Promise<GivenVersions | null> {
    const page = await this.#ask(peer, { kind: 'versions', wanted }, decodeVersions)
    if (page === null) return null
    const versions: GivenVersion[] = []
    for (const [at, data] of page.envelopes.entries()) {
      if (at % provedAtOnce === provedAtOnce - 1) await pauseFor(this.#parts.clock, 0)
      const given = recordOf(data)
      if (given !== null && (await this.#parts.provenance.isGenuine(peer, given.key, [given.record])))
        versions.push(given)
      else this.#refuse(peer)
    }
    return { more: page.more, versions }
  }

  /** What stands at a key by a quorum. */
  async standing(key: ContextKey): Promise<Standing> {
    try {
      const outcome = await this.#parts.submitter.submit({ kind: 'read', key }, readMs)
      if (outcome.kind === 'absent') return { kind: 'gone' }
      if (outcome.kind !== 'found') return { kind: 'unclear' }
      return outcome.value.kind === 'tombstone' ? { kind: 'gone' } : { kind: 'found', value: outcome.value }
    } catch (failure) {
      if (failure instanceof SlurpError && failure.code === 'GRANT_DENIED') return { kind: 'closed' }
      throw failure
    }
  }

  async #ask<T>(
    peer: PeerId,
    asked: CopyQuestion,
    decode: (bytes: Uint8Array) => T | null,
  ): Promise<T | null> {
    const { links, clock } = this.#parts
    const untilMs = clock.monotonicMs() + askMs
    for (;;) {
      this.counters.copyQuestions += 1
      const answer = await links.ask(peer, asked, askMs)
      if (answer?.kind === 'done') {
        const told = decode(answer.body)
        if (told === null) this.#refuse(peer)
        return told
      }
      if (answer?.kind !== 'busy' || clock.monotonicMs() + answer.afterMs > untilMs) return null
      await pauseFor(this.#parts.clock, Math.max(1, answer.afterMs))
    }
  }

  #refuse(peer: PeerId): void {
    this.counters.copyRefused += 1
    this.#parts.log.warn({ peer }, 'a member gave what is no genuine context, and it was left out')
  }
}

/** What an envelope says that it is, once it is signed by whom it names; null for what nobody signed. */
function recordOf(data: Uint8Array): GivenVersion | null {
  const hash = sha256Hex(data)
  try {
    const { key, version, parent, kind, expiresAtMs } = verifiedHeader(data, hash)
    return { key, record: { version, parent, kind, hash, expiresAtMs, data } }
  } catch (failure) {
    if (failure instanceof SlurpError) return null
    throw failure
  }
}
