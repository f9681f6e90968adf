import { unreachable } from '../../base/assert.ts'
import type { SlurpError } from '../../base/errors.ts'
import type { ContextKey, Version } from '../../base/ids.ts'
import type { Outcome, Value, VersionRecord } from '../../replication/messages.ts'
import type { Submitter } from './api.ts'
import type { Deadline } from './deadline.ts'
import { gaveUp, readUnreached } from './failures.ts'
import { Fold, type FoldedRecord } from './folding.ts'

export type VersionPage = { readonly records: readonly VersionRecord[]; readonly next: Version | null }

/** Versions asked for at once by a walk; the owners send fewer when they are large. */
const pageVersions = 64

/** Reads from the owners of a key, always through a quorum. */
export class ReplicaReader {
  readonly #submitter: Submitter
  /** Told of every version that was met, so that what is written next is above it (rule 13). */
  readonly #met: (version: Version) => void

  constructor(submitter: Submitter, met: (version: Version) => void) {
    this.#submitter = submitter
    this.#met = met
  }

  /**
   * What stands now, a tombstone too; null over an absent key.
   *
   * @param unreached - what to say when no quorum answers: the first half of a deletion is part of a write.
   * @throws SlurpError QUORUM_UNREACHED, TOO_MANY, SHUTTING_DOWN
   */
  async head(key: ContextKey, deadline: Deadline, unreached = readUnreached): Promise<Value | null> {
    const outcome = await this.#submitter.submit({ kind: 'read', key }, Math.max(1, deadline.leftMs))
    switch (outcome.kind) {
      case 'found':
        this.#met(outcome.value.version)
        return outcome.value
      case 'absent':
        return null
      default:
        throw this.#failure(outcome, unreached(deadline.timeoutMs))
    }
  }

  /**
   * One page of the history, newest first.
   *
   * @param from - version that it starts with; null for what stands now.
   * @throws SlurpError QUORUM_UNREACHED, TOO_MANY, SHUTTING_DOWN
   */
  async page(key: ContextKey, from: Version | null, limit: number, deadline: Deadline): Promise<VersionPage> {
    const operation = { kind: 'history', key, from, limit } as const
    const outcome = await this.#submitter.submit(operation, Math.max(1, deadline.leftMs))
    switch (outcome.kind) {
      case 'versions': {
        const newest = outcome.records[0]?.version
        if (newest !== undefined) this.#met(newest)
        return outcome
      }
      case 'absent':
        return { records: [], next: null }
      default:
        throw this.#failure(outcome, readUnreached(deadline.timeoutMs))
    }
  }

  /** The whole history, newest first, page by page as it is asked for. @throws SlurpError as {@link page} */
  async *walk(key: ContextKey, from: Version | null, deadline: Deadline): AsyncGenerator<VersionRecord> {
    let start = from
    do {
      const { records, next } = await this.page(key, start, pageVersions, deadline)
      yield* records
      // A page without progress means that nobody has the next version at the moment.
      if (next !== null && records.length === 0) throw readUnreached(deadline.timeoutMs)
      start = next
    } while (start !== null)
  }

  /** As {@link walk}; a reseal and what it stands for are one entry. @throws SlurpError as {@link page}, INTEGRITY_FAILED */
  async *entries(key: ContextKey, deadline: Deadline): AsyncGenerator<FoldedRecord> {
    const fold = new Fold()
    for await (const record of this.walk(key, null, deadline)) {
      const entry = fold.next(record)
      if (entry !== null) yield entry
    }
  }

  #failure(outcome: Outcome, unreached: SlurpError): SlurpError {
    switch (outcome.kind) {
      case 'elsewhere':
        return gaveUp(outcome, unreached)
      case 'unreached':
      case 'unknown':
        return unreached
      case 'found':
      case 'absent':
      case 'versions':
      case 'written':
      case 'conflict':
      case 'moved':
      case 'trimmed':
        // An answer to another kind of question: the owner does not speak our protocol.
        return unreached
      default:
        return unreachable(outcome)
    }
  }
}
