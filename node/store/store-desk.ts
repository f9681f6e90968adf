import { SlurpError } from '../../base/errors.ts'
import { type Clock, mergeHlc } from '../../base/hlc.ts'
import type { ContextKey, FleetId, PeerId } from '../../base/ids.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import { type Address, canonicalOf, parseAddress } from './address.ts'
import type { Submitter } from './api.ts'
import { type CachedVersion, ContextCache } from './context-cache.ts'
import { Deadline, type StoreClock } from './deadline.ts'
import { defaultStoreLimits, type StoreLimits, timeoutMaxMs, wholeNumber } from './limits.ts'
import { ReplicaReader } from './replica-reader.ts'
import { RoleAccess, type StoreKeys } from './role-access.ts'
import { VersionOpener } from './version-opener.ts'
import { Writer } from './writer.ts'

export type StoreParts = {
  readonly submitter: Submitter
  readonly fleet: {
    readonly id: FleetId
    /** Every key version of every role of the fleet; another list once they have changed. */
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

/** An address and where it lies in the key space. */
export type Place = { readonly address: Address; readonly key: ContextKey }

/** What the use cases of one store share. */
export class StoreDesk {
  readonly parts: StoreParts
  readonly limits: StoreLimits
  readonly access: RoleAccess
  readonly reader: ReplicaReader
  readonly writer: Writer
  readonly cache: ContextCache
  readonly opener: VersionOpener

  constructor(parts: StoreParts) {
    const { submitter, clock, hlc, fleet, keys } = parts
    this.parts = parts
    this.limits = { ...defaultStoreLimits, ...parts.limits }
    this.access = new RoleAccess(keys, fleet)
    this.opener = new VersionOpener(fleet.id, this.access, parts.isAuthor)
    this.reader = new ReplicaReader(submitter, version => {
      mergeHlc(hlc, version, clock.wallMs(), this.limits.clockDriftMaxMs)
    })
    this.writer = new Writer({ submitter, reader: this.reader, clock, hlc, limits: this.limits })
    this.cache = new ContextCache(this.limits.cacheBytesMax, this.limits.cacheTtlMs)
  }

  /** @throws SlurpError ADDRESS_INVALID, SEALED on a blind peer. */
  placeOf(text: string): Place {
    const address = parseAddress(text)
    const key = this.access.keyOf(canonicalOf(address))
    if (key === null)
      throw new SlurpError(
        'SEALED',
        'This peer is blind: it keeps sealed contexts for others and can open none.',
      )
    return { address, key }
  }

  /** As {@link placeOf}, for what only the latest version has. @param why - the start of the refusal. */
  placeOfLatest(text: string, why: string): Place {
    const place = this.placeOf(text)
    if (place.address.temporal.kind !== 'latest')
      throw new SlurpError('ADDRESS_INVALID', `${why}: the temporal segment must be *^.`)
    return place
  }

  /** @throws SlurpError USAGE */
  deadline(timeoutMs: number = this.limits.timeoutMs): Deadline {
    return new Deadline(this.parts.clock, wholeNumber(timeoutMs, 'timeoutMs', 1, timeoutMaxMs))
  }

  get wallMs(): number {
    return this.parts.clock.wallMs()
  }

  /** Takes note of what stood at a key at some moment of an operation; its age counts from the first of them. */
  note(key: ContextKey, seen: CachedVersion, { beganMs }: Deadline): void {
    this.cache.note(key, seen, beganMs)
  }
}
