import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId, RoleName } from '../../base/ids.ts'
import { registryFile, sharesFolder } from '../../crypto/registry/genesis.ts'
import { entitledTo, type Registry, recipientsOf } from '../../crypto/registry/registry.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import type { SecretName } from '../../crypto/shares/secret-name.ts'
import { readShares } from '../../crypto/shares/share-directory.ts'
import type {
  CreatedRole,
  KeptHistory,
  KeyControl,
  KeyShares,
  KeyStatus,
  Reshared,
  RoleList,
  RoleOrder,
  RotatedRole,
} from '../key-control.ts'
import type { ReadinessCheck } from '../status.ts'
import { catchUpOf } from './catch-up.ts'
import { Collector } from './collector.ts'
import { Dealer } from './dealer.ts'
import { HeldKeys } from './held-keys.ts'
import { answersTo, entitledBy, type KeyAnswersParts } from './key-answers.ts'
import { rolesOf, sharesOf, statusOf, withContexts } from './key-report.ts'
import type { KeyServiceParts } from './key-service-parts.ts'
import { RegistryBook } from './registry-book.ts'
import { entitlementRule } from './release-rule.ts'
import { Resharing } from './resharing.ts'
import { createRole, type RoleCreationParts } from './role-creation.ts'
import { Rotation, type RotationWish } from './rotation.ts'
import { RotationDesk } from './rotation-desk.ts'
import { noShareAudit } from './share-audit.ts'
import { ShareHolder } from './share-holder.ts'
import { ticketFor } from './ticket.ts'
import { decodeQuestion, encodeAnswers, encodeQuestion } from './wire.ts'

/** How often the register is read where nobody said that it changed. */
const lookEveryMs = 30_000
const lookAgainMs = 1_000
const tellMs = 2_000
const unsealMs = 8_000

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
  readonly #creating: RoleCreationParts
  readonly #answering: KeyAnswersParts
  /** When roles get new keys. */
  readonly rotations: RotationDesk
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
    const { dir, self, exchange, log, audit = noShareAudit } = parts
    this.#parts = parts
    this.#book = new RegistryBook({ ...parts, path: join(dir, registryFile) })
    const registry = () => this.#book.registry
    const isMember = (peer: PeerId) => this.#isMember(peer)
    const isGranted = parts.isGranted ?? (() => true)
    const rule = entitlementRule(registry, isMember, isGranted, parts.isAgentGranted)
    this.#holder = new ShareHolder({
      dir: join(dir, sharesFolder),
      self,
      registry,
      rule,
      shares,
      audit,
      log,
      meter: parts.meter,
    })
    this.#collector = new Collector({
      ...parts,
      audit,
      ownShare: request => this.#holder.release(self.peerId, request),
      toTellFirst: () => entitledBy(this.#book, self.peerId),
      changed: () => this.#changed(),
    })
    let entitled: { of: Registry; names: SecretName[] } | null = null
    this.held = new HeldKeys(
      () => {
        const of = registry()
        if (entitled?.of !== of) entitled = { of, names: entitledTo(of, self.peerId) }
        return entitled.names
      },
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
      isBarred: parts.isBarred ?? (() => false),
      nameOf,
    })
    const own = { ...parts, book: this.#book, collector: this.#collector, dealer: this.#dealer }
    this.#resharing = new Resharing({
      ...own,
      isMember,
      nameOf,
      tell: () => void this.#tell(),
    })
    this.#rotation = new Rotation({
      ...own,
      ready: roles => this.held.ready(roles),
    })
    this.#creating = { ...own, isGranted }
    this.rotations = new RotationDesk({
      ...own,
      register: parts.planRegister,
      rotation: { rotate: (role, wish = {}) => this.#rotate(role, wish) },
      isMember,
      tell: () => void this.#tell(),
    })
    const [holder, dealer] = [this.#holder, this.#dealer]
    this.#answering = {
      isMember,
      mayChange: parts.mayAgentChange ?? (() => false),
      replacing: { self, book: this.#book, rule, holder, dealer, log, tell: () => void this.#tell() },
      dealer,
      recipient: self.ageRecipient.text,
      book: this.#book,
      holder: this.#holder,
      resharing: this.#resharing,
      rotations: this.rotations,
      meet: parts.meet ?? (() => Promise.resolve()),
      look: () => this.follow(),
    }
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

  /** Reads the registers now and from time to time: to be called once the fleet can be asked. Never rejects. */
  async follow(): Promise<void> {
    if (this.#isStopped) return
    this.#cancel()
    const { clock, log } = this.#parts
    const again = (afterMs: number) => {
      this.#cancel()
      if (!this.#isStopped) this.#cancel = clock.at(clock.monotonicMs() + afterMs, () => this.follow())
    }
    try {
      await this.#book.refresh()
      await this.rotations.refresh()
      again(lookEveryMs)
    } catch (failure) {
      if (!(failure instanceof SlurpError)) throw failure
      const level = failure.code === 'QUORUM_UNREACHED' ? 'info' : 'error'
      log[level]({ failure: failure.message }, 'the registry of keys could not be read now')
      again(lookAgainMs)
    }
  }

  /** Resolves once all keys are open, or there is none to open. */
  async opened(): Promise<void> {
    while (!this.held.isComplete && !this.#isStopped) await this.#nextChange()
  }

  status(): KeyStatus {
    const { exchange, self } = this.#parts
    return statusOf(
      this.#collector.list(),
      { isSealedByWish: this.#isSealedByWish, isBlind: this.held.isBlind },
      peer => peer === self.peerId || exchange.isConnected(peer),
      peer => this.#nameOf(peer),
    )
  }

  check(): ReadinessCheck {
    const why = this.held.sealedWhy
    const detail = why === null ? (this.held.isBlind ? 'blind' : 'open') : `sealed: ${why}`
    return { name: 'keys', ok: why === null, detail }
  }

  /** As the fleet agreed on it, in its one encoding: it proves itself. */
  get registryBytes(): Uint8Array {
    return this.#book.bytes
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
    this.held.noteDropped()
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
      this.rotations,
      entry => this.#collector.identityOf(entry) !== null,
      peer => this.#nameOf(peer),
    )
    return withContexts(known, this.#parts.contexts?.() ?? null)
  }

  /** Every peer that can be reached has heard of it when this returns. */
  async createRole(order: RoleOrder): Promise<CreatedRole> {
    const made = await createRole(this.#creating, order)
    if (order.dryRun) return made
    await this.#tell()
    await this.held.ready([{ name: made.name as RoleName, keyVersion: made.keyVersion }])
    return made
  }

  async scheduleRotation(role: string | null, days: number | null): Promise<RoleList> {
    await this.rotations.schedule(role as RoleName | null, days)
    return this.roles()
  }

  async rotate(role: string, history: KeptHistory = 'keep'): Promise<RotatedRole> {
    const rotated = await this.#rotate(role, { history })
    void this.#tell()
    return rotated
  }

  #rotate(role: string, wish: RotationWish): Promise<RotatedRole> {
    return this.#parts.meter.timed('rotate', () => this.#rotation.rotate(role, wish))
  }

  async destroy(role: string): Promise<RoleList> {
    await this.#rotation.destroy(role)
    void this.#tell()
    return this.roles()
  }

  async retire(role: string): Promise<RoleList> {
    await this.#rotation.retire(role)
    void this.#tell()
    return this.roles()
  }

  get registry(): Registry {
    return this.#book.registry
  }

  /** Changes what the fleet agrees on about its keys. @throws SlurpError QUORUM_UNREACHED, TOO_LARGE. */
  async changeRegistry(change: (registry: Registry) => Registry): Promise<void> {
    await this.#book.change(change)
    void this.#tell()
  }

  /** Whether somebody holds no share who should, or the other way round. */
  get isOutdated(): boolean {
    return this.#resharing.isOutdated
  }

  /** Secrets that a member may have: names of roles, and of what is no role's. */
  entitlementsOf(peer: PeerId): readonly string[] {
    return this.#isMember(peer) ? entitledTo(this.#book.registry, peer) : []
  }

  /** What a new peer needs to collect keys (`node/keys/ticket.ts`). @param isBlind - it is entitled to no role. */
  ticketFor(peer: PeerId, isBlind: boolean): Uint8Array {
    const parts = { ...this.#parts, book: this.#book, held: this.held, tell: () => void this.#tell() }
    return ticketFor(parts, peer, isBlind)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
    this.#collector.close()
  }

  #registryChanged(): void {
    this.#recipients = recipientsOf(this.#book.registry, this.#recipients)
    void this.#holder.dropOld()
    this.#collect()
    this.#parts.changed?.()
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
    this.held.noteOpened()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  async #answer(from: PeerId, bytes: Uint8Array): Promise<Uint8Array> {
    const question = decodeQuestion(bytes)
    if (question === null) this.#parts.audit?.shareRefused(from, 'deliver', 'malformed')
    return encodeAnswers(question === null ? [] : await answersTo(this.#answering, from, question))
  }

  /** Whoever does not hear of it looks by itself after a while. */
  async #tell(): Promise<void> {
    const { exchange, self, view } = this.#parts
    const others = view().members.filter(({ id }) => id !== self.peerId)
    await Promise.all(others.map(({ id }) => exchange.ask(id, encodeQuestion({ kind: 'changed' }), tellMs)))
  }

  #isMember(peer: PeerId): boolean {
    return this.#parts.view().members.some(({ id }) => id === peer)
  }

  #nameOf(peer: PeerId): string {
    return this.#parts.view().members.find(({ id }) => id === peer)?.name ?? peer
  }
}
