import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import type { Identity } from '../../crypto/identity.ts'
import { entryOf, type Registry } from '../../crypto/registry/registry.ts'
import { decodeEntry } from '../../crypto/registry/registry-codec.ts'
import { isGenuine } from '../../crypto/registry/statements.ts'
import { rolesMax } from '../../crypto/roles.ts'
import { openShare, release } from '../../crypto/shares/release.ts'
import { decodeReleaseRequest } from '../../crypto/shares/sealed-share-codec.ts'
import { signingKeyName } from '../../crypto/shares/secret-name.ts'
import { wipe } from '../../crypto/shares/share.ts'
import { dropShare, type KeptShare, keepShare } from '../../crypto/shares/share-directory.ts'
import { type ShareSet, supersedes } from '../../crypto/shares/share-set.ts'
import type { Log } from '../running-peer.ts'
import type { ReleaseRule } from './release-rule.ts'
import { ReplayGuard } from './replay-guard.ts'
import type { ShareAudit } from './share-audit.ts'
import type { Answered, KeepAsked } from './wire.ts'

/** Dealings of one key version that are not in force yet and kept all the same, at most. */
const pendingMax = 4

/** Why a share is not given, in one word for the audit log and one sentence for who asked. */
type Denied = { readonly code: string; readonly why: string }

export type ShareHolderParts = {
  readonly dir: string
  readonly self: Identity
  readonly registry: () => Registry
  readonly rule: ReleaseRule
  readonly shares: readonly KeptShare[]
  readonly audit: ShareAudit
  readonly log: Log
  readonly meter: CryptoTimer
}

/** What this peer does as a holder of shares: keeps its own, gives them to whoever may have them, drops old ones. */
export class ShareHolder {
  readonly counters = { sharesReleased: 0, sharesDenied: 0, sharesKept: 0, sharesDropped: 0 }
  readonly #parts: ShareHolderParts
  readonly #replays = new ReplayGuard()
  #shares: readonly KeptShare[]

  constructor(parts: ShareHolderParts) {
    this.#parts = parts
    this.#shares = parts.shares
  }

  get held(): readonly ShareSet[] {
    return this.#shares.map(({ record }) => record.set)
  }

  /** One share for who asks, or one sentence why not. */
  async release(from: PeerId, request: Uint8Array): Promise<Answered> {
    const startMs = performance.now()
    const answer = await this.#releasedOr(from, request)
    const isGiven = answer instanceof Uint8Array
    if (isGiven) this.counters.sharesReleased += 1
    else this.#deny(from, answer)
    this.#parts.meter.observe('release', isGiven ? 'done' : 'refused', performance.now() - startMs)
    return isGiven ? answer : answer.why
  }

  /** Takes a share that a peer with the secret dealt to this one. @returns nothing but bytes when it is on the disk. */
  async keep(from: PeerId, asked: KeepAsked): Promise<Answered> {
    try {
      const why = await this.#keep(from, asked)
      if (why !== null) this.#parts.audit.shareRefused(from, 'deal', 'dealingRefused')
      return why ?? new Uint8Array(0)
    } catch (failure) {
      if (!(failure instanceof SlurpError)) throw failure
      this.#parts.audit.shareRefused(from, 'deal', failure.code)
      return failure.message
    }
  }

  /** Drops what another dealing took the place of, and what is of a key that is destroyed. It is in force at a majority of the control group by now. */
  async dropOld(): Promise<void> {
    const registry = this.#parts.registry()
    const isOld = ({ record }: KeptShare) => {
      const entry = entryOf(registry, record.set)
      if (entry === undefined) return false
      if (entry.state === 'destroyed') return true
      const inForce = entry.set
      const isSame = sameBytes(inForce.hash, record.hash)
      return !isSame && !supersedes(record.set, inForce.set)
    }
    const old = this.#shares.filter(isOld)
    this.#shares = this.#shares.filter(share => !old.includes(share))
    for (const { record } of old) await dropShare(this.#parts.dir, record)
    this.counters.sharesDropped += old.length
    if (old.length > 0)
      this.#parts.log.info(
        { shares: old.length },
        'shares of former dealings and of destroyed keys were deleted',
      )
  }

  async #releasedOr(from: PeerId, request: Uint8Array): Promise<Uint8Array | Denied> {
    try {
      return await this.#released(from, request)
    } catch (failure) {
      if (!(failure instanceof SlurpError)) throw failure
      return { code: failure.code, why: failure.message }
    }
  }

  async #released(from: PeerId, request: Uint8Array): Promise<Uint8Array | Denied> {
    const { self, rule, registry, audit } = this.#parts
    const { requester, recordHash, nonce } = decodeReleaseRequest(request)
    if (requester !== from)
      return { code: 'notRequester', why: 'The request is of another peer than the connection.' }
    const share = this.#shares.find(({ record }) => sameBytes(record.hash, recordHash))
    if (share === undefined) return { code: 'dealingUnknown', why: 'No share of that dealing is here.' }
    const { set } = share.record
    const entry = entryOf(registry(), set)
    if (entry?.state === 'destroyed') return { code: 'keyDestroyed', why: 'That key version is destroyed.' }
    const inForce = entry?.set.set
    if (inForce !== undefined && supersedes(inForce, set))
      return { code: 'dealingFormer', why: 'Another dealing took the place of that one.' }
    const decision = rule.mayRelease(from, set.secret)
    if (decision.kind === 'denied') return { code: 'GRANT_DENIED', why: decision.reason }
    if (!this.#replays.admit(requester, nonce))
      return { code: 'replayed', why: 'That request was answered before.' }
    const released = await release(share.record, share.sealed, request, self)
    // What this process takes from itself goes nowhere.
    if (from !== self.peerId) await audit.shareReleased(from, set)
    return released
  }

  async #keep(from: PeerId, { entry, sealed }: KeepAsked): Promise<string | null> {
    const { self, dir, registry, rule } = this.#parts
    const offered = decodeEntry(entry)
    const { set } = offered.set
    if (set.dealer !== from) return 'Who deals is not who signed.'
    const now = registry()
    // To a role that is only being made nobody is entitled: it comes from who may have the key that vouches for it.
    const isNew = !now.secrets.some(({ name }) => name === set.secret)
    const decision = rule.mayRelease(from, isNew ? signingKeyName : set.secret)
    if (decision.kind === 'denied') return decision.reason
    if (!isGenuine(now, offered)) return 'Who deals has not shown that it has the secret.'
    const inForce = entryOf(now, set)
    if (inForce !== undefined && !sameBytes(inForce.verifier, offered.verifier))
      return 'It is another secret.'
    if (inForce?.state === 'destroyed') return 'That key version is destroyed.'
    if (inForce !== undefined && !supersedes(set, inForce.set.set)) return 'A dealing in force is not older.'
    const { blind, points } = await openShare(offered.set, sealed, self)
    wipe(blind, points)
    const share = { record: offered.set, sealed }
    await keepShare(dir, share)
    const others = this.#shares.filter(({ record }) => !sameBytes(record.hash, share.record.hash))
    this.#shares = await this.#withoutSurplus([...others, share], share)
    this.counters.sharesKept += 1
    return null
  }

  /** Dealings that never came into force give way to later ones; roles that never came to be, too. */
  async #withoutSurplus(shares: readonly KeptShare[], { record }: KeptShare): Promise<readonly KeptShare[]> {
    const { secret, keyVersion } = record.set
    const pending = shares.filter(
      ({ record: { hash, set } }) =>
        set.secret === secret &&
        set.keyVersion === keyVersion &&
        !sameBytes(hash, entryOf(this.#parts.registry(), set)?.set.hash ?? new Uint8Array(0)),
    )
    const named = new Set<string>(this.#parts.registry().secrets.map(({ name }) => name))
    const unnamed = shares.filter(each => !named.has(each.record.set.secret))
    const surplus = [...pending.slice(0, -pendingMax), ...unnamed.slice(0, -rolesMax)]
    for (const share of surplus) await dropShare(this.#parts.dir, share.record)
    return shares.filter(share => !surplus.includes(share))
  }

  #deny(from: PeerId, { code, why }: Denied): void {
    this.counters.sharesDenied += 1
    this.#parts.audit.shareRefused(from, 'release', code)
    this.#parts.log.warn({ from, why }, 'a share was not released')
  }
}
