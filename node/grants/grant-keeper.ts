import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { Digest, FleetId, PeerId } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { decodeGrantFile, encodeGrantFile, joinChain, splitChain } from '../../crypto/grants/chain-text.ts'
import { grantFile } from '../../crypto/grants/first-grants.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import { decodeStatement, type Limits } from '../../crypto/grants/grant-shape.ts'
import { type ProjectScope, projectScopeOf } from '../../crypto/grants/project-scope.ts'
import { unverifiedPayload } from '../../crypto/grants/token.ts'
import type { Identity } from '../../crypto/identity.ts'
import { writePrivately } from '../peer-settings.ts'
import type { Log } from '../running-peer.ts'
import { AgentRights } from './agent-rights.ts'
import { GrantBook, grantsFile, ignoreInvalid } from './grant-book.ts'
import { GrantSigner, type SigningKeyPort } from './grant-signer.ts'
import { GrantSync, type SyncLink } from './grant-sync.ts'
import { dropInheritance, type Inheritance, isInherited, readInheritance } from './hand-on.ts'
import { type FleetTime, Judge, type LinkRule } from './judge.ts'
import { RevocationBook } from './revocation-book.ts'

export type KeeperParts = {
  readonly dir: string
  readonly identity: Identity
  readonly fleet: FleetId
  /** 32 bytes. */
  readonly authorityPublicKey: Uint8Array
  /** Name of a member; null for who is none. */
  readonly nameOf: (peer: PeerId) => string | null
  readonly key: SigningKeyPort
  readonly time: () => FleetTime
  readonly log: Log
}

/** Only for what the peer itself writes down: what a text says that proves nothing. */
function saysOtherFleet(shown: string, fleet: FleetId): boolean {
  try {
    const said = decodeStatement('delegate', unverifiedPayload('delegate', splitChain(shown).delegate))
    return said.fleet !== fleet
  } catch (thrown) {
    if (thrown instanceof SlurpError) return false
    throw thrown
  }
}

/** Of the life of a grant this part is left when it is renewed. */
const renewedWithLeft = 1 / 3
const spreadMs = 3_000

/** The grants of one peer: its own, which it shows and renews, and those of the others, by which it judges them. */
export class GrantKeeper {
  readonly grants: GrantBook
  readonly revocations: RevocationBook
  readonly judge: Judge
  readonly signer: GrantSigner
  readonly sync: GrantSync
  /** What those may do who are no members. */
  readonly agents: AgentRights
  readonly #parts: KeeperParts
  #own: GrantChain | null = null
  #ownText = ''
  #inheritance: Inheritance | null = null
  #renewing: Promise<void> | null = null

  private constructor(parts: KeeperParts, grants: GrantBook, revocations: RevocationBook) {
    this.#parts = parts
    this.grants = grants
    this.revocations = revocations
    this.judge = new Judge(grants, revocations, parts.time)
    this.agents = new AgentRights(this)
    this.signer = new GrantSigner({ ...parts, grants, revocations, judge: this.judge })
    this.sync = new GrantSync({
      grants,
      revocations,
      log: parts.log,
      renewFor: (peer, shown) => this.#renewFor(peer, shown),
      inheritFor: (peer, shown) => this.#inheritFor(peer, shown),
    })
  }

  /** @throws SlurpError GRANT_INVALID when `grant.json` is not of this fleet's authority. */
  static async open(parts: KeeperParts): Promise<GrantKeeper> {
    const at = (name: string) => join(parts.dir, name)
    const keeper = new GrantKeeper(
      parts,
      await GrantBook.open(at(grantsFile), parts.authorityPublicKey),
      await RevocationBook.open(at('revocations.ndjson'), parts.authorityPublicKey),
    )
    if (existsSync(at(grantFile))) await keeper.#take(joinChain(decodeGrantFile(readFileSync(at(grantFile)))))
    if (keeper.#own === null) keeper.#inheritance = readInheritance(parts.dir)
    else dropInheritance(parts.dir)
    return keeper
  }

  /** What this peer shows to the others; empty when it has nothing to show. */
  get shown(): string {
    return this.#ownText
  }

  /** This peer's own grant; null for a new peer that was not given one yet. */
  get own(): GrantChain | null {
    return this.#own
  }

  /**
   * What an envelope of this peer names. The project only where the grant is held to projects: without need nobody learns
   * which contexts share one.
   *
   * @throws SlurpError GRANT_DENIED when this peer has no grant.
   */
  namedIn(project: string, fleetSecret: Uint8Array | null): { grant: Digest; scope: ProjectScope | null } {
    if (this.#own === null) throw new SlurpError('GRANT_DENIED', 'This peer was not granted anything yet.')
    const { grant, delegate, grantHash } = this.#own
    const isHeld = grant.limits.projects !== 'any' || delegate.limits.projects !== 'any'
    return {
      grant: grantHash,
      scope: isHeld && fleetSecret !== null ? projectScopeOf(fleetSecret, project) : null,
    }
  }

  /** By which rule who shows this may not be linked; null where it may. */
  async refusalOf(peer: PeerId, shown: string, address: string | null): Promise<LinkRule | null> {
    if (shown === '') return 'missing'
    try {
      const chain = await this.grants.prove(shown)
      if (chain.grant.subject !== peer) return 'subject'
      await this.grants.learn(shown)
      return this.judge.stays(peer, address) ? null : this.judge.ruleAgainst(chain, address)
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) throw thrown
      if (thrown.code === 'TOO_MANY') return 'tooMany'
      return saysOtherFleet(shown, this.#parts.fleet) ? 'otherFleet' : 'unproven'
    }
  }

  /** By which rule who is no member, or no more, is kept out; null where no grant of it is known that could say. */
  strangerRule(peer: PeerId, address: string | null): LinkRule | null {
    const [newest] = this.grants.of(peer)
    return newest === undefined ? null : this.judge.ruleAgainst(newest, address)
  }

  /** Makes sure that something is known of a member that is connected and was not linked yet. Never rejects. */
  async meet(peer: PeerId): Promise<void> {
    if (this.grants.of(peer).length === 0) await this.sync.compareWith(peer)
  }

  connect(link: SyncLink): void {
    this.sync.connect(link)
  }

  /** Over everything that is known: two peers with the same know the same. */
  digest(): Digest {
    return sha256Hex([...this.grants.hashes().sort(), '', ...this.revocations.digests().sort()].join('\n'))
  }

  /** Renews this peer's own grant when its end is near; called now and then. Never rejects for what can be tried again. */
  async upkeep(): Promise<void> {
    if (!this.#isDue()) return
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null
    })
    await this.#renewing
  }

  #isDue(): boolean {
    if (this.#own === null) return true
    const { issuedAtMs, expiresMs } = this.#own.grant
    const { nowMs } = this.judge
    // The clock of this machine may be wrong by any amount: it says only that nothing is left to lose.
    if (!this.#parts.time().isKnown) return nowMs >= expiresMs
    return nowMs < issuedAtMs || nowMs >= expiresMs - (expiresMs - issuedAtMs) * renewedWithLeft
  }

  async #renew(): Promise<void> {
    const { identity, log } = this.#parts
    const self = identity.peerId
    if (this.judge.isBarred(self)) return
    try {
      const text =
        this.#inheritance !== null
          ? await this.sync.askForInheritance(self, this.#inheritance)
          : ((await this.#renewFor(self, this.#ownText)) ??
            (await this.sync.askForRenewal(self, this.#ownText)))
      if (text === null) return
      await this.grants.learn(text)
      // Whoever gets what is written under it shall know it before.
      await Promise.race([this.sync.give([text], []), new Promise(end => setTimeout(end, spreadMs).unref())])
      await this.#adopt(text)
      log.info(
        { until: new Date(this.#own!.grant.expiresMs).toISOString() },
        'the grant of this peer was renewed',
      )
    } catch (thrown) {
      if (!(thrown instanceof SlurpError)) throw thrown
      log.warn({ failure: thrown.message }, 'the grant of this peer could not be renewed now')
    }
  }

  /** Signs the same again for a member, from now on. @returns null when this peer cannot, or will not. */
  async #renewFor(peer: PeerId, shown: string): Promise<string | null> {
    const name = this.#parts.nameOf(peer)
    if (name === null || !(await this.signer.isAble())) return null
    if (shown !== '') await this.grants.learn(shown).catch(ignoreInvalid)
    if (this.judge.isBarred(peer)) return null
    const before = this.grants.of(peer).find(chain => chain.grant.subjectKind === 'peer') ?? null
    return await this.signer.signMember(peer, name, before)
  }

  /**
   * Signs a member what it was granted as another peer, which says under its key that it goes on as this one. Who has a
   * grant already is renewed and no more.
   */
  async #inheritFor(peer: PeerId, shown: Inheritance): Promise<string | null> {
    const { fleet, nameOf } = this.#parts
    const name = nameOf(peer)
    if (name === null || !(await this.signer.isAble())) return null
    if (this.grants.of(peer).length > 0) return await this.#renewFor(peer, '')
    const { grant } = await this.grants.prove(shown.chain)
    if (grant.subjectKind !== 'peer' || !isInherited(fleet, grant.subject, peer, shown)) return null
    await this.grants.learn(shown.chain)
    if (this.judge.isBarred(grant.subject)) return null
    const had = this.grants
      .of(grant.subject)
      .find(chain => chain.grant.subjectKind === 'peer' && !this.judge.isRevoked(chain))
    return had === undefined ? null : await this.signer.signMember(peer, name, null, had.grant.limits)
  }

  /** What a new member is given. @throws SlurpError SEALED when this peer cannot sign. */
  async grantMember(peer: PeerId, name: string, limits: Limits): Promise<string> {
    const text = await this.signer.signMember(peer, name, null, limits)
    await this.grants.learn(text)
    await this.sync.give([text], [])
    return text
  }

  /** Signs this peer's own grant anew under another certificate of the same key: by it the others learn of the certificate. */
  async continueWith(certificate: string): Promise<void> {
    const self = this.#parts.identity.peerId
    const name = this.#parts.nameOf(self) ?? self
    const text = await this.signer.signMember(self, name, this.#own, undefined, certificate)
    await this.grants.learn(text)
    await this.sync.give([text], [])
    await this.#adopt(text)
  }

  async #adopt(text: string): Promise<void> {
    await this.#take(text)
    writePrivately(join(this.#parts.dir, grantFile), encodeGrantFile(splitChain(text)))
    if (this.#inheritance !== null) dropInheritance(this.#parts.dir)
    this.#inheritance = null
  }

  async #take(text: string): Promise<void> {
    const chain = await this.grants.prove(text)
    if (chain.grant.subject !== this.#parts.identity.peerId) return
    await this.grants.learn(text)
    this.#own = chain
    this.#ownText = text
  }
}
