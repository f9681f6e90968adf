import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId, RoleName } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import type { Identity } from '../../crypto/identity.ts'
import { registryFile, sharesFolder } from '../../crypto/registry/genesis.ts'
import {
  entitledTo,
  isRole,
  type Registry,
  recipientsOf,
  withEntitlement,
} from '../../crypto/registry/registry.ts'
import { encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { entitle } from '../../crypto/registry/statements.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import { readShares } from '../../crypto/shares/share-directory.ts'
import type { View } from '../../dht/view.ts'
import type {
  ContextsOfKeys,
  KeptHistory,
  KeyControl,
  KeyShares,
  KeyStatus,
  Reshared,
  RoleList,
  RotatedRole,
} from '../key-control.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { ReadinessCheck } from '../status.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import { catchUpOf } from './catch-up.ts'
import { Collector } from './collector.ts'
import { Dealer } from './dealer.ts'
import { HeldKeys } from './held-keys.ts'
import { progressOf, rolesOf, sharesOf, withContexts } from './key-report.ts'
import { RegistryBook } from './registry-book.ts'
import { entitlementRule } from './release-rule.ts'
import { Resharing } from './resharing.ts'
import { Rotation } from './rotation.ts'
import { ShareHolder } from './share-holder.ts'
import { type Answered, decodeQuestion, encodeAnswers, encodeQuestion, type KeyQuestion } from './wire.ts'

/** How often the register is read where nobody said that it changed. */
const lookEveryMs = 30_000
const lookAgainMs = 1_000
const tellMs = 2_000
const unsealMs = 8_000

export type KeyServiceParts = {
  readonly dir: string
  readonly self: Identity
  readonly fleet: FleetId
  readonly view: () => View
  readonly exchange: Exchange
  readonly register: SharedRegister
  readonly clock: Clock
  readonly log: Log
  /** Keys that were open are gone: nothing that they opened may stay. */
  readonly sealed: () => void
  /** Whether a grant in force lets a peer hold a role, null: any; left out, what the registry entitles to is enough. */
  readonly isGranted?: (peer: PeerId, role: RoleName | null) => boolean
  /** Learns what a member is granted, where nothing of it is known yet: it may ask as soon as it is connected. */
  readonly meet?: (peer: PeerId) => Promise<void>
  readonly meter: CryptoTimer
  /** What is sealed to which key version, and how far sealing anew is; left out where nobody counts. */
  readonly contexts?: () => ContextsOfKeys
}

/** The keys of one process: its shares, what it collected, and its part in what the fleet agrees on about them. */
export class KeyService implements KeyControl {
  readonly held: HeldKeys
  readonly #parts: KeyServiceParts
  readonly #book: RegistryBook
  readonly #holder: ShareHolder
  readonly #collector: Collector
  readonly #dealer: Dealer
  readonly #resharing: Resharing
  readonly #rotation: Rotation
  readonly #waiting = new Set<() => void>()
  #isSealedByWish = false
  #recipients: readonly RoleRecipient[]
  #cancel: () => void = () => undefined
  #isStopped = false

  /**
   * Serves its shares from now on, and collects its own keys as soon as it meets others.
   *
   * @throws SlurpError DATA_MISSING, INTEGRITY_FAILED, FORMAT_UNKNOWN, CONFIG_INVALID.
   */
  static async start(parts: KeyServiceParts): Promise<KeyService> {
    const { dir, log } = parts
    const { shares, damaged } = await readShares(join(dir, sharesFolder))
    if (damaged.length > 0) log.error({ damaged }, 'shares of keys are damaged: deal them anew')
    return new KeyService(parts, shares)
  }

  private constructor(parts: KeyServiceParts, shares: Awaited<ReturnType<typeof readShares>>['shares']) {
    const { dir, self, exchange, log } = parts
    this.#parts = parts
    this.#book = new RegistryBook({ ...parts, path: join(dir, registryFile) })
    const registry = () => this.#book.registry
    const rule = entitlementRule(registry, peer => this.#isMember(peer), parts.isGranted ?? (() => true))
    this.#holder = new ShareHolder({
      dir: join(dir, sharesFolder),
      self,
      registry,
      rule,
      shares,
      log,
      meter: parts.meter,
    })
    this.#collector = new Collector({
      ...parts,
      ownShare: request => this.#holder.release(self.peerId, request),
      changed: () => this.#changed(),
    })
    this.held = new HeldKeys(
      self.peerId,
      registry,
      this.#collector,
      () => this.status().reason ?? 'Not now.',
      catchUpOf({
        ...parts,
        refresh: () => this.#book.refresh(),
        collector: this.#collector,
        changed: () => this.#nextChange(),
      }),
    )
    this.#recipients = recipientsOf(registry())
    const nameOf = (peer: PeerId) => this.#nameOf(peer)
    this.#dealer = new Dealer({
      ...parts,
      book: this.#book,
      collector: this.#collector,
      holder: this.#holder,
      nameOf,
    })
    const own = { ...parts, book: this.#book, collector: this.#collector, dealer: this.#dealer }
    this.#resharing = new Resharing({
      ...own,
      isMember: peer => this.#isMember(peer),
      nameOf,
      tell: () => this.#tell(),
    })
    this.#rotation = new Rotation({
      ...own,
      ready: roles => this.held.ready(roles),
    })
    this.#book.onChange(() => this.#registryChanged())
    exchange.serve((from, question) => this.#answer(from, question))
    exchange.listen(peer => this.#collector.reachable(peer))
    // A share may have been put back from a backup.
    void this.#holder.dropOld()
    this.#collect()
  }

  /** Public halves of all role keys; another list once they have changed. */
  get recipients(): readonly RoleRecipient[] {
    return this.#recipients
  }

  /** Reads the register now and from time to time: to be called once the fleet can be asked. */
  follow(): void {
    if (this.#isStopped) return
    this.#cancel()
    const { clock, log } = this.#parts
    const again = (afterMs: number) => {
      this.#cancel()
      if (!this.#isStopped) this.#cancel = clock.at(clock.monotonicMs() + afterMs, () => this.follow())
    }
    this.#book.refresh().then(
      () => again(lookEveryMs),
      (failure: unknown) => {
        if (!(failure instanceof SlurpError)) throw failure
        const level = failure.code === 'QUORUM_UNREACHED' ? 'info' : 'error'
        log[level]({ failure: failure.message }, 'the registry of keys could not be read now')
        again(lookAgainMs)
      },
    )
  }

  /** Resolves once all keys are open, or there is none to open. */
  async opened(): Promise<void> {
    while (this.held.sealedWhy !== null && !this.#isStopped) await this.#nextChange()
  }

  status(): KeyStatus {
    const { exchange, self } = this.#parts
    const isReachable = (peer: PeerId) => peer === self.peerId || exchange.isConnected(peer)
    const all = this.#collector.list().map(slot => progressOf(slot, isReachable, peer => this.#nameOf(peer)))
    const missing = [...new Set(all.flatMap(each => each.missing))].sort()
    const keys = all.map(({ missing: _, ...key }) => key)
    const short = Math.max(0, ...keys.map(key => (key.state === 'open' ? 0 : key.needed - key.reachable)))
    if (this.#isSealedByWish)
      return {
        state: 'sealed',
        reason: 'The keys were given up when somebody asked for it.',
        short,
        missing,
        keys,
      }
    if (this.held.entitled.length === 0) return { state: 'blind', reason: null, short: 0, missing, keys }
    if (keys.length > 0 && keys.every(({ state }) => state === 'open'))
      return { state: 'open', reason: null, short: 0, missing, keys }
    if (short === 0)
      return { state: 'collecting', reason: 'The keys are being collected.', short, missing, keys }
    const reason = `${short} more holders of shares are needed; ${missing.join(', ') || 'nobody'} cannot be reached.`
    return { state: 'sealed', reason, short, missing, keys }
  }

  check(): ReadinessCheck {
    const why = this.held.sealedWhy
    const detail = why === null ? (this.held.entitled.length === 0 ? 'blind' : 'open') : `sealed: ${why}`
    return { name: 'keys', ok: why === null, detail }
  }

  shares(): KeyShares {
    return sharesOf(this.#book.registry, this.#holder.held, this.#dealer.holdersWanted(), peer =>
      this.#nameOf(peer),
    )
  }

  counters(): Record<string, number> {
    return { ...this.#holder.counters }
  }

  seal(): KeyStatus {
    this.#isSealedByWish = true
    this.#collector.drop()
    this.#parts.sealed()
    this.#parts.log.warn({}, 'the keys of this process were wiped, as somebody asked for it')
    return this.status()
  }

  async unseal(): Promise<KeyStatus> {
    const { clock } = this.#parts
    this.#isSealedByWish = false
    this.#collect()
    const late = Promise.withResolvers<void>()
    const cancel = clock.at(clock.monotonicMs() + unsealMs, late.resolve)
    await Promise.race([this.opened(), late.promise])
    cancel()
    const why = this.held.sealedWhy
    if (why === null) return this.status()
    throw new SlurpError('SEALED', why, { hint: '`slurp key status` shows who is missing; start them.' })
  }

  reshare(force: boolean): Promise<Reshared> {
    return this.#resharing.reshare(force)
  }

  roles(): RoleList {
    const known = rolesOf(
      this.#book.registry,
      entry => this.#collector.identityOf(entry) !== null,
      peer => this.#nameOf(peer),
    )
    return withContexts(known, this.#parts.contexts?.() ?? null)
  }

  async rotate(role: string, history?: KeptHistory): Promise<RotatedRole> {
    const rotated = await this.#parts.meter.timed('rotate', () => this.#rotation.rotate(role, history))
    this.#tell()
    return rotated
  }

  async destroy(role: string): Promise<RoleList> {
    await this.#rotation.destroy(role)
    this.#tell()
    return this.roles()
  }

  async retire(role: string): Promise<RoleList> {
    await this.#rotation.retire(role)
    this.#tell()
    return this.roles()
  }

  get registry(): Registry {
    return this.#book.registry
  }

  /** Changes what the fleet agrees on about its keys. @throws SlurpError QUORUM_UNREACHED, TOO_LARGE. */
  async changeRegistry(change: (registry: Registry) => Registry): Promise<void> {
    await this.#book.change(change)
    this.#tell()
  }

  /** Whether somebody holds no share who should, or the other way round. */
  get isOutdated(): boolean {
    return this.#resharing.isOutdated
  }

  /** Whether this peer is entitled to anything that it could pass on. */
  get canEntitle(): boolean {
    return this.held.entitled.some(isRole)
  }

  /** Secrets that a member may have: names of roles, and of what is no role's. */
  entitlementsOf(peer: PeerId): readonly string[] {
    return this.#isMember(peer) ? entitledTo(this.#book.registry, peer) : []
  }

  /**
   * What a new peer needs to collect keys: the registry, in which it is entitled to what this peer is. It is put into the
   * register too, by this peer now or by the new one at its start.
   *
   * @param isBlind - it is entitled to nothing, and may hold shares all the same.
   */
  ticketFor(peer: PeerId, isBlind: boolean): Uint8Array {
    const { self, fleet, log } = this.#parts
    if (isBlind) return this.#book.bytes
    const entitlement = entitle(fleet, peer, this.held.entitled, self)
    this.#book
      .change(registry => withEntitlement(registry, entitlement))
      .then(
        () => this.#tell(),
        (failure: unknown) => {
          if (!(failure instanceof SlurpError)) throw failure
          log.warn({ peer, failure: failure.message }, 'an entitlement is left to the new peer to register')
        },
      )
    return encodeRegistry(withEntitlement(this.#book.registry, entitlement))
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
    this.#collector.close()
  }

  #registryChanged(): void {
    this.#recipients = recipientsOf(this.#book.registry)
    void this.#holder.dropOld()
    this.#collect()
  }

  #collect(): void {
    if (this.#isSealedByWish || this.#isStopped) return
    const names = new Set(this.held.entitled)
    this.#collector.want(
      this.#book.registry.secrets.filter(({ name, state }) => names.has(name) && state !== 'destroyed'),
    )
    this.#changed()
  }

  #nextChange(): Promise<void> {
    return new Promise(resolve => this.#waiting.add(resolve))
  }

  #changed(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  async #answer(from: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const question = decodeQuestion(bytes)
    return encodeAnswers(question === null ? [] : await this.#answersTo(from, question))
  }

  async #answersTo(from: PeerId, question: KeyQuestion): Promise<readonly Answered[]> {
    const answers: Answered[] = []
    switch (question.kind) {
      case 'release':
        await this.#parts.meet?.(from)
        for (const request of question.requests) answers.push(await this.#holder.release(from, request))
        return answers
      case 'keep':
        for (const share of question.shares) answers.push(await this.#holder.keep(from, share))
        return answers
      case 'recipient':
        return [this.#parts.self.ageRecipient.text]
      case 'changed':
        this.follow()
        return []
      case 'reshare':
        return [await this.#resharing.reshareFor()]
    }
  }

  /** Whoever does not hear of it looks by itself after a while. */
  #tell(): void {
    const { exchange, self, view } = this.#parts
    for (const { id } of view().members)
      if (id !== self.peerId) void exchange.ask(id, encodeQuestion({ kind: 'changed' }), tellMs)
  }

  #isMember(peer: PeerId): boolean {
    return this.#parts.view().members.some(({ id }) => id === peer)
  }

  #nameOf(peer: PeerId): string {
    return this.#parts.view().members.find(({ id }) => id === peer)?.name ?? peer
  }
}
