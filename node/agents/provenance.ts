import type { ContextKey, PeerId } from '../../base/ids.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { EnvelopeChecker } from '../ports/ports.ts'

/** Checks bytes that members hand on: signed by their author, for their key, under a grant that allowed it. */
export class Provenance {
  readonly #checker: EnvelopeChecker
  readonly #fetchGrants: (from: PeerId) => Promise<void>
  /** One fetch after the other: what one is about to bring the next does not ask for. */
  #fetched: Promise<void> = Promise.resolve()

  /** @param fetchGrants - learns from a member the grants that envelopes name and that are not known here. Never rejects. */
  constructor(checker: EnvelopeChecker, fetchGrants: (from: PeerId) => Promise<void>) {
    this.#checker = checker
    this.#fetchGrants = fetchGrants
  }

  /** Whether all of them are. @param from - who gave them. */
  async isGenuine(from: PeerId, key: ContextKey, records: readonly VersionRecord[]): Promise<boolean> {
    if (this.#acceptsAll(key, records)) return true
    this.#fetched = this.#fetched.then(() => this.#fetchGrants(from))
    await this.#fetched
    return this.#acceptsAll(key, records)
  }

  #acceptsAll(key: ContextKey, records: readonly VersionRecord[]): boolean {
    return records.every(
      record => record.data !== null && this.#checker.accepts({ ...record, key, data: record.data }),
    )
  }
}
