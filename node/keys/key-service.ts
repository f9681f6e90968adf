import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId, RoleName } from '../../base/ids.ts'
import type { CryptoTimer } from '../../crypto/crypto-timer.ts'
import type { Identity } from '../../crypto/identity.ts'
import { registryFile, sharesFolder } from '../../crypto/registry/genesis.ts'
import { isRole, recipientsOf, type SecretEntry, withEntitlement } from '../../crypto/registry/registry.ts'
import { encodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { entitle } from '../../crypto/registry/statements.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import { readShares } from '../../crypto/shares/share-directory.ts'
import type { View } from '../../dht/view.ts'
import type { KeyControl, KeyShares, KeyStatus, Reshared, RoleList, RotatedRole } from '../key-control.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { ReadinessCheck } from '../status.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import { catchUpOf } from './catch-up.ts'
import { Collector } from './collector.ts'
import { Dealer } from './dealer.ts'
import { HeldKeys } from './held-keys.ts'
import { progressOf, rolesOf, sharesOf } from './key-report.ts'
import { RegistryBook } from './registry-book.ts'
import { entitlementRule } from './release-rule.ts'
import { Rotation } from './rotation.ts'
import { ShareHolder } from './share-holder.ts'
import { type Answered, decodeAnswers, decodeQuestion, encodeAnswers, encodeQuestion } from './wire.ts'

/** How often the register is read where nobody said that it changed. */
const lookEveryMs = 30_000
const lookAgainMs = 1_000
const tellMs = 2_000
const unsealMs = 8_000
const delegateMs = 20_000

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
}

/** The keys of one process: its shares, what it collected, and its part in what the fleet agrees on about them. */
export class KeyService implements KeyControl {
  readonly held: HeldKeys
  readonly #parts: KeyServiceParts
  readonly #book: RegistryBook
  readonly #holder: ShareHolder
  readonly #collector: Collector
  readonly #dealer: Dealer
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
    this.#rotation = new Rotation({
      ...parts,
      book: this.#book,
      collector: this.#collector,
      dealer: this.#dealer,
      ready: roles => this.held.ready(roles),
    })
    this.#book.onChange(() => this.#registryChanged())
    exchange.serve((from, question) => this.#answer(from, question))
    exchange.listen(peer => this.#collector.reachable(peer))
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

  async reshare(force: boolean): Promise<Reshared> {
    await this.#book.agree()
    const all = force ? this.#book.registry.secrets : this.#dealer.outdated()
    const mine = all.filter(entry => this.#collector.keyOf(entry) !== null)
    const dealt = (await this.#dealer.deal(mine)).map(textOf)
    const holders = dealt.length > 0 ? [this.#nameOf(this.#parts.self.peerId)] : []
    if (dealt.length > 0) this.#tell()
    if (mine.length === all.length) return { dealt, holders }
    const other = force ? null : await this.#delegate()
    if (other !== null) return { dealt: all.map(textOf), holders: [...holders, other] }
    throw new SlurpError(
      'SEALED',
      'This peer cannot open all of the keys, and only who can open one can deal it.',
      {
        hint: 'Ask the door of a peer that holds the roles; `slurp key shares` shows who is entitled.',
      },
    )
  }

  roles(): RoleList {
    return rolesOf(
      this.#book.registry,
      entry => this.#collector.identityOf(entry) !== null,
      peer => this.#nameOf(peer),
    )
  }

  async rotate(role: string): Promise<RotatedRole> {
    const rotated = await this.#parts.meter.timed('rotate', () => this.#rotation.rotate(role))
    this.#tell()
    return rotated
  }

  async retire(role: string): Promise<RoleList> {
    await this.#rotation.retire(role)
    this.#tell()
    return this.roles()
  }

  /** Whether somebody holds no share who should, or the other way round. */
  get isOutdated(): boolean {
    return this.#dealer.outdated().length > 0
  }

  /** Whether this peer is entitled to anything that it could pass on. */
  get canEntitle(): boolean {
    return this.held.entitled.some(isRole)
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
    this.#collector.want(this.#book.registry.secrets.filter(({ name }) => names.has(name)))
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

  async #answersTo(
    from: PeerId,
    question: NonNullable<ReturnType<typeof decodeQuestion>>,
  ): Promise<readonly Answered[]> {
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
        return [await this.#reshareFor()]
    }
  }

  /** @returns why nothing was dealt; bytes when it was. */
  async #reshareFor(): Promise<Answered> {
    try {
      await this.#book.agree()
      const dealt = await this.#dealer.deal(this.#dealer.outdated())
      if (dealt.length > 0) this.#tell()
      return new Uint8Array(0)
    } catch (failure) {
      if (failure instanceof SlurpError) return failure.message
      throw failure
    }
  }

  /** Asks those who are entitled to more, one after the other, until nothing is left to be dealt. */
  async #delegate(): Promise<string | null> {
    const { exchange, self, log } = this.#parts
    const entitled = new Set(this.#book.registry.entitlements.map(({ peer }) => peer))
    for (const peer of entitled) {
      if (peer === self.peerId || !this.#isMember(peer) || !exchange.isConnected(peer)) continue
      const answer = await exchange.ask(peer, encodeQuestion({ kind: 'reshare' }), delegateMs)
      const [failure] = decodeAnswers(answer, 1) ?? ['It did not answer.']
      if (typeof failure === 'string') log.info({ peer, failure }, 'a peer did not deal keys anew')
      await this.#book.refresh()
      if (!this.isOutdated) return this.#nameOf(peer)
    }
    return null
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

const textOf = ({ name, keyVersion }: SecretEntry): string => `${name}/${keyVersion}`
