import { LRUCache } from 'lru-cache'
import { hlcMs } from '../../base/hlc.ts'
import { type ContextKey, type Digest, isControlKey, type PeerId, type RoleName } from '../../base/ids.ts'
import type { EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import {
  type Denial,
  decide,
  type GrantRequest,
  type Verdict,
  withinLimits,
} from '../../crypto/grants/decide.ts'
import type { GrantChain } from '../../crypto/grants/grant-chain.ts'
import type { AdminOperation } from '../../crypto/grants/operations.ts'
import { revokedBy } from '../../crypto/grants/revocations.ts'
import type { GrantBook } from './grant-book.ts'
import type { RevocationBook } from './revocation-book.ts'

/** The time of the fleet; as long as too few members were heard to know it, that of this machine. */
export type FleetTime = { readonly isKnown: boolean; wallMs(): number }

/**
 * Why somebody is not linked, for the log of the peer that says no. Beyond the rules of grants: it showed none; one that the authority
 * of this fleet did not sign, or that says itself that it is of another fleet; more grants are known here than one peer keeps.
 */
export type LinkRule = Denial | 'missing' | 'unproven' | 'otherFleet' | 'tooMany'

type InForce = { readonly fromMs: number; readonly untilMs: number; readonly generation: number }

const verdictsMax = 8_192
/** So far ahead of the time of the fleet a version may be: twice what its coordinator let through, as clocks differ. */
const aheadMsMax = 20_000
const timeRules: ReadonlySet<string> = new Set(['clock', 'expired', 'notYet', 'hours'])

/** Decides over links and envelopes by the grants that are known. A signature is checked when a grant is learnt, never here. */
export class Judge {
  readonly #grants: GrantBook
  readonly #revocations: RevocationBook
  readonly #time: () => FleetTime
  readonly #verdicts = new LRUCache<Digest, InForce>({ max: verdictsMax })

  constructor(grants: GrantBook, revocations: RevocationBook, time: () => FleetTime) {
    this.#grants = grants
    this.#revocations = revocations
    this.#time = time
  }

  get nowMs(): number {
    return Math.max(0, Math.floor(this.#time().wallMs()))
  }

  /** @param atMs - now, or the time of a version. */
  decide(chain: GrantChain, request: GrantRequest, atMs: number): Verdict {
    return decide(chain, this.#revocations.known, request, atMs)
  }

  /**
   * As `decide`, without the reason. What a request is about is looked at each time; that the grant is in force, which
   * costs lists and calendars, is looked up as long as nothing about it changes.
   */
  allows(chain: GrantChain, request: GrantRequest, atMs: number): boolean {
    return withinLimits(chain, request) && this.#isInForce(chain, atMs)
  }

  #isInForce(chain: GrantChain, atMs: number): boolean {
    const { generation } = this.#revocations
    const before = this.#verdicts.get(chain.grantHash)
    if (before?.generation === generation && atMs >= before.fromMs && atMs < before.untilMs) return true
    const { subject } = chain.grant
    const request = { subject, address: 'notAsked', operation: 'link', target: 'fleet' } as const
    const verdict = this.decide(chain, request, atMs)
    if (!verdict.allowed) return false
    // A list that counts from later on is not in the answer: what it will end is asked anew each time.
    if (!this.#isRevokedBy(chain, verdict.untilMs)) {
      this.#verdicts.set(chain.grantHash, { fromMs: atMs, untilMs: verdict.untilMs, generation })
    }
    return true
  }

  /**
   * Whether the peer that proved to be `subject` may be linked by this chain. As long as the time of the fleet is not
   * known nobody is refused for being late or early: it is known only once members are heard, and they are judged anew
   * then.
   */
  mayLink(chain: GrantChain, subject: PeerId, address: string | null): boolean {
    return this.#mayInFleet(chain, subject, address, 'link')
  }

  /** By which rule a chain does not link its own subject; null where it does. */
  ruleAgainst(chain: GrantChain, address: string | null): Denial | null {
    const { subject, subjectKind } = chain.grant
    const verdict = this.decide(chain, { subject, address, operation: 'link', target: 'fleet' }, this.nowMs)
    if (!verdict.allowed) return verdict.rule
    return subjectKind === 'peer' ? null : 'subjectKind'
  }

  #mayInFleet(
    chain: GrantChain,
    subject: PeerId,
    address: string | null,
    operation: 'link' | AdminOperation,
  ): boolean {
    if (chain.grant.subjectKind !== 'peer') return false
    const request = { subject, address, operation, target: 'fleet' } as const
    if (this.allows(chain, request, this.nowMs)) return true
    if (this.#time().isKnown) return false
    const verdict = this.decide(chain, request, this.nowMs)
    return verdict.allowed || timeRules.has(verdict.rule)
  }

  /** Whether a grant of a peer, in force now, is for a role; null: for any at all. */
  mayHold(subject: PeerId, role: RoleName | null): boolean {
    return this.#grants.of(subject).some(chain => {
      if (!this.mayLink(chain, subject, 'notAsked')) return false
      const lists = [chain.delegate.limits.roles, chain.grant.limits.roles]
      return role === null || lists.every(roles => roles === 'any' || roles.includes(role))
    })
  }

  /**
   * Whether a peer may be given the key that signs grants: it has a grant in force that lets it sign. Where the whole
   * fleet was down for longer than grants last nobody has one, and nobody could renew the first; then a grant that ended
   * and was not revoked is enough.
   *
   * @param members - of the fleet, as it stands.
   */
  maySign(subject: PeerId, members: Iterable<PeerId>): boolean {
    const chains = this.#grants.of(subject)
    if (chains.some(chain => this.#mayInFleet(chain, subject, 'notAsked', 'admin:grants'))) return true
    for (const member of members) if (this.stays(member, 'notAsked')) return false
    return chains.some(chain => {
      const request = { subject, address: 'notAsked', operation: 'admin:grants', target: 'fleet' } as const
      const hasEnded = this.nowMs >= chain.grant.expiresMs && this.nowMs < chain.delegate.expiresMs
      return hasEnded && this.allows(chain, request, chain.grant.expiresMs - 1) && !this.isRevoked(chain)
    })
  }

  /** Whether one of the grants of a peer lets it be linked. */
  stays(subject: PeerId, address: string | null): boolean {
    return this.#grants.of(subject).some(chain => this.mayLink(chain, subject, address))
  }

  /** Whether something is known that was revoked of a peer, and nothing that it may still show. */
  isBarred(subject: PeerId): boolean {
    const chains = this.#grants.of(subject).filter(chain => chain.grant.subjectKind === 'peer')
    return chains.length > 0 && chains.every(chain => this.isRevoked(chain))
  }

  #isRevokedBy({ delegate, grant }: GrantChain, atMs: number): boolean {
    return revokedBy(this.#revocations.known, delegate, grant, atMs) !== null
  }

  isRevoked(chain: GrantChain): boolean {
    return this.#isRevokedBy(chain, this.nowMs)
  }

  /**
   * Whether the grant that an envelope names allows what it is, at the time of its version: what was written while it
   * was allowed stays, however late it comes. Whoever writes now must be allowed now as well. A grant that is not known
   * here is noted as missing, and allows nothing. What was written before the fleet had grants stays too; nobody writes
   * such a version now. Of what is yet to come nobody can have written anything.
   */
  isGranted(header: EnvelopeHeader, isFresh: boolean): boolean {
    if (header.grant === null) {
      const isFormer = hlcMs(header.version) < this.#grants.grantlessBeforeMs
      return header.format === 1 && isFormer && !isFresh
    }
    const known = this.#grants.get(header.grant)
    if (known === null) {
      this.#grants.miss(header.grant)
      return false
    }
    const { chain } = known
    if (chain.grant.subject !== header.author) return false
    const request = requestOf(header)
    const atMs = hlcMs(header.version)
    if (this.#time().isKnown && atMs > this.nowMs + aheadMsMax) return false
    if (!this.allows(chain, request, atMs)) return false
    return !isFresh || this.allows(chain, request, this.nowMs)
  }
}

function requestOf(header: EnvelopeHeader): GrantRequest {
  const who = { subject: header.author, address: 'notAsked' }
  if (isControlKey(header.key)) return { ...who, operation: changeOf(header.key), target: 'fleet' }
  const roles = header.roles.map(({ name }) => name)
  const operation = header.kind === 'live' ? 'write' : 'delete'
  return { ...who, operation, target: { sight: 'blind', roles, claimedProject: header.scope } }
}

/** What the control registers are about, by their number (node/control, node/grants). */
const changes: Readonly<Record<number, AdminOperation>> = {
  1: 'admin:members',
  2: 'admin:ring',
  3: 'admin:retention',
  5: 'admin:members',
  9: 'admin:grants',
}

/** @param key - of a control register; one that is not listed holds keys. */
const changeOf = (key: ContextKey): AdminOperation =>
  changes[Number.parseInt(key.slice(-4), 16)] ?? 'admin:keys'
