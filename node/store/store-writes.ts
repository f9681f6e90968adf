import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, isVersion, type Version } from '../../base/ids.ts'
import { sealEnvelope, sealTombstone } from '../../crypto/envelope.ts'
import type { Expected } from '../../replication/messages.ts'
import { canonicalOf, formatAddress } from './address.ts'
import type { DeletedContext, DeleteOptions, StoredContext, StoreOptions } from './api.ts'
import type { Deadline } from './deadline.ts'
import { nothingThere } from './failures.ts'
import { ttlMaxSeconds, wholeNumber } from './limits.ts'
import { checkContext } from './schema.ts'
import { sealedText } from './sealed-text.ts'
import type { Place, StoreDesk } from './store-desk.ts'
import { findTwin, StoredBefore, type TwinAsk } from './twin-finder.ts'
import type { WriteAsk, Written } from './writer.ts'

const latestOnly = 'Only the latest version is written'

/** The use cases that write. */
export class StoreWrites {
  readonly counters = { stores: 0, deletes: 0 }
  readonly #desk: StoreDesk

  constructor(desk: StoreDesk) {
    this.#desk = desk
  }

  async store(address: string, context: unknown, options: StoreOptions): Promise<StoredContext> {
    const place = this.#desk.placeOfLatest(address, latestOnly)
    const checked = checkContext(context, this.#desk.limits.contextBytesMax)
    const readers = this.#desk.access.readersOf(options.roles)
    const expect = expectedFrom(options.ifVersion)
    const deadline = this.#desk.deadline(options.timeoutMs)
    const expiresAtMs = this.#expiryOf(options.ttlSeconds)
    const plaintext = Buffer.from(sealedText(canonicalOf(place.address), checked.json))
    const { key } = place
    const after = floorFrom(options.unlessStoredAfter)
    const roles = readers.map(({ name, keyVersion }) => ({ name, keyVersion }))
    let written: Written
    try {
      written = await this.#write(key, {
        kind: 'live',
        key,
        expect,
        expiresAtMs,
        deadline,
        seal: async (version, parent) => {
          if (after !== null) await this.#refuseTwin({ key, after, json: checked.json, readers }, deadline)
          return this.#desk.meter.timed('seal', () =>
            sealEnvelope({ ...this.#plan(place, version, parent, expiresAtMs), roles: readers, plaintext }),
          )
        },
      })
    } catch (thrown) {
      if (!(thrown instanceof StoredBefore)) throw thrown
      const { version, parent } = thrown.shown
      return { address: formatAddress(place.address), version, parent, ...this.#desk.writer.quorum, roles }
    }
    const { version, shownParent, sealed, acks, replicas } = written
    const parent = shownParent
    const signer = this.#desk.parts.author.peerId
    const { hash } = sealed
    const shown = { version, parent }
    this.#desk.note(
      key,
      { version, parent, shown, hash, expiresAtMs, roles, signer, json: checked.json },
      deadline,
    )
    this.counters.stores += 1
    return { address: formatAddress(place.address), version, parent, acks, replicas, roles }
  }

  async delete(address: string, options: DeleteOptions): Promise<DeletedContext> {
    const place = this.#desk.placeOfLatest(address, latestOnly)
    const wanted = expectedFrom(options.ifVersion)
    if (wanted === 'none') throw new SlurpError('USAGE', 'A deletion cannot ask for nothing to be there.')
    const deadline = this.#desk.deadline(options.timeoutMs)
    const version =
      wanted === 'any'
        ? await this.#deleteWhatStands(place, deadline)
        : await this.#bury(place, wanted, deadline)
    this.counters.deletes += 1
    return { address: formatAddress(place.address), version }
  }

  /** Looks anew at every seal: what came between may be the first try. */
  async #refuseTwin(ask: TwinAsk, deadline: Deadline): Promise<void> {
    const twin = await findTwin(this.#desk.reader, this.#desk.opener, ask, deadline)
    if (twin !== null) throw new StoredBefore(twin)
  }

  #expiryOf(ttlSeconds: number | undefined): number {
    if (ttlSeconds === undefined) return 0
    return Math.floor(this.#desk.wallMs) + wholeNumber(ttlSeconds, 'ttl', 1, ttlMaxSeconds) * 1000
  }

  #plan({ address, key }: Place, version: Version, parent: Version | null, expiresAtMs: number) {
    const { fleet, author, grantFor } = this.#desk.parts
    return { fleet: fleet.id, key, version, parent, author, expiresAtMs, ...grantFor?.(address.project) }
  }

  /** A write that failed may have been carried out, or met what nobody here knew: memory of its key is worthless. */
  async #write(key: ContextKey, ask: WriteAsk): Promise<Written> {
    try {
      return await this.#desk.writer.write(ask)
    } catch (thrown) {
      this.#desk.cache.forget(key)
      throw thrown
    }
  }

  /** Deletes exactly `expect`, or with `any` whatever stands. */
  async #bury(place: Place, expect: Version | 'any', deadline: Deadline): Promise<Version> {
    const { key } = place
    const { version, parent, sealed } = await this.#write(key, {
      kind: 'tombstone',
      key,
      expect,
      overStanding: expect === 'any',
      expiresAtMs: 0,
      deadline,
      seal: (version, parent) => sealTombstone(this.#plan(place, version, parent, 0)),
    })
    const signer = this.#desk.parts.author.peerId
    this.#desk.note(
      key,
      {
        version,
        parent,
        shown: { version, parent },
        hash: sealed.hash,
        expiresAtMs: 0,
        roles: [],
        signer,
        json: null,
      },
      deadline,
    )
    return version
  }

  /**
   * Whatever stands is deleted, and it is an error when nothing does. What this process saw last is tried first, which takes one
   * round trip; where others wrote since, the deletion waits for its turn as they do.
   */
  async #deleteWhatStands(place: Place, deadline: Deadline): Promise<Version> {
    const guess = this.#desk.writer.guess(place.key) ?? null
    if (guess !== null) {
      try {
        return await this.#bury(place, guess, deadline)
      } catch (thrown) {
        if (!(thrown instanceof SlurpError) || thrown.code !== 'VERSION_CONFLICT') throw thrown
        if (thrown.currentVersion === null) throw nothingThere()
      }
    }
    return await this.#bury(place, 'any', deadline)
  }
}

function floorFrom(unlessStoredAfter: string | undefined): Version | null {
  if (unlessStoredAfter === undefined) return null
  if (isVersion(unlessStoredAfter)) return unlessStoredAfter
  throw new SlurpError('USAGE', 'unlessStoredAfter is 24 digits 0-9 a-f, as a version has.')
}

function expectedFrom(ifVersion: string | undefined): Expected {
  if (ifVersion === undefined) return 'any'
  if (ifVersion === 'none' || isVersion(ifVersion)) return ifVersion
  throw new SlurpError(
    'USAGE',
    'ifVersion is "none" or a version: 24 digits 0-9 a-f, as `slurp get` shows it.',
  )
}
