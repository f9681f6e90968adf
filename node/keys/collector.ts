import { randomBytes } from 'node:crypto'
import { sameBytes } from '../../base/bytes.ts'
import type { PeerId } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { SecretEntry } from '../../crypto/registry/registry.ts'
import { isSecretOf } from '../../crypto/registry/statements.ts'
import type { CollectedKey } from '../../crypto/shares/collected-key.ts'
import { combine, type Released } from '../../crypto/shares/combine.ts'
import {
  answerMs,
  type CollectionEffect,
  type CollectionInput,
  collectionDueMs,
  type KeyCollection,
  newKeyCollection,
  stepCollection,
} from '../../crypto/shares/key-collection.ts'
import { askForShares } from '../../crypto/shares/release.ts'
import { nonceBytes } from '../../crypto/shares/share-set.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { ShareAudit } from './share-audit.ts'
import { type Answered, decodeAnswers, encodeQuestion, itemsMax } from './wire.ts'

export type CollectorParts = {
  readonly self: Identity
  readonly exchange: Exchange
  readonly clock: Clock
  /** The own share, which takes no message. */
  readonly ownShare: (request: Uint8Array) => Promise<Answered>
  /** What a holder has to be told before it is asked: one encoded question; null where it knows all. */
  readonly toTellFirst: () => Uint8Array | null
  /** What a key opens, or opens no more, has changed. */
  readonly changed: () => void
  readonly audit: ShareAudit
  readonly log: Log
  readonly meter: CryptoTimer
}

type Slot = {
  entry: SecretEntry
  /** When it was wanted, on the monotonic clock. */
  readonly wantedMs: number
  collection: KeyCollection
  /** The requests of each holder that may be answered yet: of a slow one any will do, and one counts. */
  asked: Map<PeerId, Set<Uint8Array>>
  releases: Released[]
  key: CollectedKey | null
  identity: X25519Identity | null
  /** The dealer committed to shares that give no secret. */
  isMisdealt: boolean
}

/** Puts the keys of this process together in memory: one `KeyCollection` for each, driven over the network. */
export class Collector {
  readonly #parts: CollectorParts
  readonly #slots = new Map<string, Slot>()
  /** What is to be asked of a holder at the end of this tick, or as soon as it can be reached. */
  readonly #toAsk = new Map<PeerId, Set<Slot>>()
  #revision = 0
  #isFlushing = false
  #isClosed = false
  #cancel: () => void = () => undefined

  constructor(parts: CollectorParts) {
    this.#parts = parts
  }

  /** Collects these and no others. What is open already stays so. */
  want(entries: readonly SecretEntry[]): void {
    const wanted = new Map(entries.map(entry => [slotName(entry), entry]))
    for (const [name, slot] of this.#slots) {
      const entry = wanted.get(name)
      if (entry !== undefined && sameBytes(entry.verifier, slot.entry.verifier)) continue
      this.#forget(slot)
      this.#slots.delete(name)
    }
    const nowMs = this.#nowMs()
    for (const [name, entry] of wanted) {
      const slot = this.#slots.get(name) ?? this.#newSlot(entry)
      this.#slots.set(name, slot)
      if (entry.set.set.setVersion > slot.entry.set.set.setVersion) {
        Object.assign(slot, { asked: new Map(), releases: [], isMisdealt: false })
        slot.entry = entry
        this.#take(slot, { kind: 'setReplaced', set: entry.set.set, nowMs })
      } else slot.entry = entry
      if (!slot.isMisdealt) this.#take(slot, { kind: 'keyWanted', nowMs })
    }
  }

  /** A holder can be reached now. */
  reachable(holder: PeerId): void {
    for (const slot of this.#slots.values())
      this.#take(slot, { kind: 'holderReachable', holder, nowMs: this.#nowMs() })
    if (this.#toAsk.has(holder)) this.#flushSoon()
  }

  /** Forgets every key, and what was collected for them. */
  drop(): void {
    for (const slot of this.#slots.values()) this.#forget(slot)
    this.#slots.clear()
    this.#toAsk.clear()
    this.#cancel()
    this.#parts.changed()
  }

  close(): void {
    this.#isClosed = true
    this.drop()
  }

  /** Another number once other keys are open than before. */
  get revision(): number {
    return this.#revision
  }

  /** A secret in memory; null while it is not collected. */
  keyOf({ name, keyVersion }: Pick<SecretEntry, 'name' | 'keyVersion'>): CollectedKey | null {
    return this.#slots.get(slotName({ name, keyVersion }))?.key ?? null
  }

  identityOf(entry: Pick<SecretEntry, 'name' | 'keyVersion'>): X25519Identity | null {
    return this.#slots.get(slotName(entry))?.identity ?? null
  }

  /** How far each is. */
  list(): readonly Pick<Slot, 'entry' | 'collection' | 'isMisdealt'>[] {
    return [...this.#slots.values()]
  }

  #newSlot(entry: SecretEntry): Slot {
    const order = [this.#parts.self.peerId, ...this.#shuffled(entry)]
    return {
      entry,
      wantedMs: this.#nowMs(),
      collection: newKeyCollection(entry.set.set, order),
      asked: new Map(),
      releases: [],
      key: null,
      identity: null,
      isMisdealt: false,
    }
  }

  /** Those who are connected first, and not everybody asks the same. */
  #shuffled({ set, verifier }: SecretEntry): PeerId[] {
    const { exchange, self } = this.#parts
    const start = (self.publicKey[0]! + verifier[0]!) % set.set.holders.length
    const peers = set.set.holders.map(({ peer }) => peer)
    const turned = [...peers.slice(start), ...peers.slice(0, start)]
    return turned.sort((a, b) => Number(exchange.isConnected(b)) - Number(exchange.isConnected(a)))
  }

  #take(slot: Slot, input: CollectionInput): void {
    if (this.#isClosed) return
    const { collection, effects } = stepCollection(slot.collection, input)
    slot.collection = collection
    for (const effect of effects) this.#perform(slot, effect)
    this.#arm()
  }

  #perform(slot: Slot, effect: CollectionEffect): void {
    if (effect.kind === 'combine') return void this.#combine(slot)
    const waiting = this.#toAsk.get(effect.holder) ?? new Set()
    this.#toAsk.set(effect.holder, waiting.add(slot))
    this.#flushSoon()
  }

  /** All that is asked of one holder in one tick goes in one question. */
  #flushSoon(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#parts.clock.soon(() => {
      this.#isFlushing = false
      for (const [holder, slots] of [...this.#toAsk]) {
        const isSelf = holder === this.#parts.self.peerId
        if (!isSelf && !this.#parts.exchange.isConnected(holder)) continue
        this.#toAsk.delete(holder)
        const all = [...slots].filter(slot => slot.collection.phase === 'collecting')
        for (let at = 0; at < all.length; at += itemsMax) void this.#ask(holder, all.slice(at, at + itemsMax))
      }
    })
  }

  async #ask(holder: PeerId, slots: readonly Slot[]): Promise<void> {
    const { self, exchange, ownShare } = this.#parts
    const asked = slots.map(slot => {
      const request = askForShares(slot.entry.set, self, Uint8Array.from(randomBytes(nonceBytes)))
      slot.asked.set(holder, (slot.asked.get(holder) ?? new Set()).add(request))
      return { slot, request }
    })
    const requests = asked.map(({ request }) => request)
    const first = holder === self.peerId ? null : this.#parts.toTellFirst()
    if (first !== null) await exchange.ask(holder, first, answerMs)
    const answers =
      holder === self.peerId
        ? await Promise.all(requests.map(ownShare))
        : decodeAnswers(
            await exchange.ask(holder, encodeQuestion({ kind: 'release', requests }), answerMs),
            requests.length,
          )
    for (const [place, { slot, request }] of asked.entries()) {
      if (!slot.asked.get(holder)?.delete(request) || answers === null) continue
      slot.asked.delete(holder)
      const answer = answers[place]!
      const nowMs = this.#nowMs()
      if (typeof answer === 'string')
        this.#take(slot, { kind: 'shareRefused', from: holder, why: answer, nowMs })
      else {
        slot.releases.push({ from: holder, request, bytes: answer })
        this.#take(slot, { kind: 'shareReleased', from: holder, nowMs })
      }
    }
  }

  async #combine(slot: Slot): Promise<void> {
    const { self, log, audit } = this.#parts
    const { entry, releases } = slot
    const result = await combine(entry.set, self, releases)
    // Meanwhile it was given up, or another dealing came.
    const isLate = slot.entry.set !== entry.set || slot.releases !== releases || this.#isClosed
    if (isLate) return result.kind === 'open' ? result.key.wipe() : undefined
    const { bad } = result
    for (const { peer, why } of bad) {
      log.warn({ holder: peer, why, secret: entry.name }, 'a holder sent a share that does not count')
      audit.shareRefused(peer, 'deliver', 'INTEGRITY_FAILED')
    }
    if (result.kind === 'short') {
      const named = new Set(bad.map(({ peer }) => peer))
      slot.releases = releases.filter(({ from }) => !named.has(from))
      return this.#take(slot, { kind: 'foundBad', bad, nowMs: this.#nowMs() })
    }
    slot.releases = []
    slot.asked.clear()
    if (result.kind === 'misdealt' || !isSecretOf(entry, result.key.secret)) {
      if (result.kind === 'open') result.key.wipe()
      slot.isMisdealt = true
      this.#parts.meter.observe('collect', 'failed', this.#nowMs() - slot.wantedMs)
      log.error({ dealer: entry.set.set.dealer, secret: entry.name }, 'a dealing does not give its secret')
      return this.#take(slot, { kind: 'keyDropped' })
    }
    slot.key = result.key
    slot.identity = entry.recipient === null ? null : new X25519Identity(result.key.secret)
    this.#revision += 1
    this.#take(slot, { kind: 'keyOpened' })
    this.#parts.meter.observe('collect', 'done', this.#nowMs() - slot.wantedMs)
    log.info({ secret: entry.name, keyVersion: entry.keyVersion }, 'a key is open')
    this.#parts.changed()
  }

  #forget(slot: Slot): void {
    this.#revision += 1
    slot.key?.wipe()
    slot.identity?.wipe()
    slot.key = null
    slot.identity = null
    // Whoever still combines them finds another list than the one it began with.
    slot.releases = []
    slot.asked.clear()
  }

  #arm(): void {
    this.#cancel()
    const due = [...this.#slots.values()].flatMap(({ collection }) => collectionDueMs(collection) ?? [])
    if (due.length === 0) return
    this.#cancel = this.#parts.clock.at(Math.min(...due), () => {
      for (const slot of this.#slots.values()) this.#take(slot, { kind: 'timePassed', nowMs: this.#nowMs() })
    })
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs()
  }
}

const slotName = ({ name, keyVersion }: Pick<SecretEntry, 'name' | 'keyVersion'>): string =>
  `${name}/${keyVersion}`
