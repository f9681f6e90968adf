import { randomBytes } from 'node:crypto'
import { SlurpError } from '../../base/errors.ts'
import { isRoleName, type PeerId, type RoleName } from '../../base/ids.ts'
import { splitChain } from '../../crypto/grants/chain-text.ts'
import type { GrantRequest } from '../../crypto/grants/decide.ts'
import { newDelegateKey } from '../../crypto/grants/delegate-key.ts'
import { type GrantChain, newGrantId, openDelegate } from '../../crypto/grants/grant-chain.ts'
import { type Delegate, isHolderName, type Limits } from '../../crypto/grants/grant-shape.ts'
import { wider } from '../../crypto/grants/limits-within.ts'
import { peerKeyFrom, peerKeyOf } from '../../crypto/peer-keys.ts'
import { parseAddress } from '../store/address.ts'
import type {
  Caller,
  DelegateText,
  Explained,
  ExplainOrder,
  GrantAdmin,
  GrantCreated,
  GrantOrder,
  GrantText,
  LimitsOrder,
  RevokedGrant,
  RevokeOrder,
} from './api.ts'
import { sentenceOf } from './denials.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import { bearerOf, type RightsDesk } from './rights-desk.ts'

export type GrantDeskParts = {
  readonly keeper: GrantKeeper
  readonly rights: RightsDesk
  /** Id of a member by its name or id. */
  readonly memberNamed: (name: string) => PeerId | null
  readonly authorityPublicKey: Uint8Array
  /** Gives roles new keys. */
  readonly rotations: {
    affected(roles: 'any' | readonly string[], member: PeerId | null): readonly string[]
    ask(roles: readonly string[], cause: string): Promise<void>
  }
}

const secretBytes = 32

/** Makes, lists, revokes and explains grants for whoever asks at a door. */
export class GrantDesk implements GrantAdmin {
  readonly #parts: GrantDeskParts

  constructor(parts: GrantDeskParts) {
    this.#parts = parts
  }

  /** Of each grant the newest renewal, those that end first in front. */
  list(): readonly GrantText[] {
    const newest = new Map<string, GrantChain>()
    for (const { chain } of this.#parts.keeper.grants.all()) {
      const before = newest.get(chain.grant.id)
      if (before === undefined || before.grant.expiresMs < chain.grant.expiresMs)
        newest.set(chain.grant.id, chain)
    }
    const chains = [...newest.values()].sort((a, b) => a.grant.expiresMs - b.grant.expiresMs)
    return chains.map(chain => this.#text(chain))
  }

  show(name: string): GrantText {
    return this.#text(this.#named(name))
  }

  async create(caller: Caller, order: GrantOrder): Promise<GrantCreated> {
    const { keeper } = this.#parts
    const limits = this.limitsWithin(caller, order)
    const { subject, name } = await this.#holder(order)
    const secret = order.bearer ? randomBytes(secretBytes).toString('base64url') : null
    const text = await keeper.signer.sign({
      id: newGrantId(),
      subjectKind: order.kind,
      subject,
      name,
      bearer: secret === null ? null : bearerOf(secret),
      limits,
      ttlMs: order.ttlSeconds * 1000,
    })
    const grant = this.#text(await keeper.grants.prove(text))
    if (order.dryRun) return { grant, chain: null, token: null }
    await keeper.grants.learn(text)
    await keeper.sync.give([text], [])
    return { grant, chain: splitChain(text), token: secret }
  }

  async revoke(name: string, { sinceMs, rotate, dryRun }: RevokeOrder): Promise<RevokedGrant> {
    const { keeper, rotations } = this.#parts
    const chain = this.#named(name)
    const list = await keeper.signer.revoke(chain, sinceMs ?? keeper.judge.nowMs)
    const rotates = rotate ? this.#rolesOf(chain) : []
    if (dryRun) return { ...this.#text(chain), rotates }
    // Whom it is about is told as well, which is no member to ask or tell any more once this peer goes by it.
    const told = keeper.sync.give([], [list])
    await keeper.revocations.learn(list)
    await told
    if (rotates.length > 0)
      await rotations.ask(rotates, chain.grant.id).catch(failure => this.#unasked(failure))
    return { ...this.#text(chain), rotates }
  }

  /** Roles whose keys the holder of a grant may have had. Who has a door token only is given what was opened, and no key. */
  #rolesOf({ grant, delegate }: GrantChain): readonly string[] {
    if (grant.bearer !== null) return []
    const lists = [delegate.limits.roles, grant.limits.roles].filter(roles => roles !== 'any')
    const roles =
      lists.length === 0 ? 'any' : lists.reduce((one, other) => one.filter(role => other.includes(role)))
    return this.#parts.rotations.affected(roles, grant.subjectKind === 'peer' ? grant.subject : null)
  }

  #unasked(failure: unknown): never {
    if (!(failure instanceof SlurpError)) throw failure
    throw new SlurpError('QUORUM_UNREACHED', 'It is revoked; that its roles get new keys is not on record.', {
      cause: failure,
      hint: 'Revoke it once more, which asks for that again, or use `slurp role rotate NAME`.',
    })
  }

  explain(order: ExplainOrder): Explained {
    const { keeper } = this.#parts
    const chain = this.#named(order.grant)
    const request = this.#requestOf(chain, order)
    const verdict = keeper.judge.decide(chain, request, order.atMs ?? keeper.judge.nowMs)
    const asked = { grant: this.#text(chain), operation: order.operation }
    if (verdict.allowed) {
      const until = new Date(verdict.untilMs).toISOString()
      const sentence = `It is allowed until ${until}, should it not be revoked.`
      const { allowed, rule, leftToCheck } = verdict
      return { ...asked, allowed, rule, link: null, opensAt: null, until, leftToCheck, sentence }
    }
    const { allowed, rule, link, opensAtMs } = verdict
    const opensAt = opensAtMs === undefined ? null : new Date(opensAtMs).toISOString()
    const sentence = `${sentenceOf(rule)}${opensAt === null ? '' : ` It opens at ${opensAt}.`}`
    return { ...asked, allowed, rule, link, opensAt, until: null, leftToCheck: [], sentence }
  }

  async delegate(): Promise<DelegateText> {
    const { text, delegate } = await this.#parts.keeper.signer.certificate()
    return delegateText(delegate, text)
  }

  async continueDelegate(certificate: string): Promise<DelegateText> {
    const { keeper, authorityPublicKey } = this.#parts
    const { delegate: before } = await keeper.signer.certificate()
    const next = await openDelegate(certificate, authorityPublicKey)
    if (next.id !== before.id || next.publicKey !== before.publicKey || next.expiresMs <= before.expiresMs) {
      throw new SlurpError('GRANT_INVALID', 'This certificate does not continue the one in use.')
    }
    await keeper.continueWith(certificate)
    return await this.delegate()
  }

  /**
   * What an order allows, in the words of grants.
   *
   * @throws SlurpError GRANT_DENIED where that is more than whoever asks may do itself; ROLE_UNKNOWN, SEALED.
   */
  limitsWithin(caller: Caller, order: LimitsOrder): Limits {
    const limits = this.#limitsOf(order)
    const beyond = wider(limits, this.#parts.rights.chainOf(caller).grant.limits)
    if (beyond === null) return limits
    throw new SlurpError('GRANT_DENIED', `This grant would allow more than that of who asks: ${beyond}.`)
  }

  #limitsOf(order: LimitsOrder): Limits {
    const { rights } = this.#parts
    const badRole = order.roles === 'any' ? undefined : order.roles.find(role => !isRoleName(role))
    if (badRole !== undefined) throw new SlurpError('ROLE_UNKNOWN', 'A role is named by a-z, 0-9 and "-".')
    return {
      operations: sorted(order.operations),
      roles: order.roles === 'any' ? 'any' : (sorted(order.roles) as RoleName[]),
      projects: order.projects === 'any' ? 'any' : sorted(order.projects.map(each => rights.scopeOf(each))),
      paths: order.paths === 'any' ? 'any' : sorted(order.paths),
      networks: order.networks === 'any' ? 'any' : sorted(order.networks),
      hours: order.hours,
    }
  }

  /** Who has no key of its own is named by one that nobody keeps. */
  async #holder({ subject, kind }: GrantOrder): Promise<{ subject: PeerId; name: string }> {
    const member = this.#parts.memberNamed(subject)
    if (member !== null) return { subject: member, name: isHolderName(subject) ? subject : member }
    if (peerKeyOf(subject) !== null) return { subject: subject as PeerId, name: subject }
    if (kind === 'peer')
      throw new SlurpError('MEMBER_UNKNOWN', 'What is to be granted names no peer of this fleet.')
    if (!isHolderName(subject)) {
      throw new SlurpError('USAGE', 'A holder is named by 1 to 64 letters, digits, ".", "_" and "-".')
    }
    return { subject: peerKeyFrom((await newDelegateKey()).publicKey).peerId, name: subject }
  }

  #requestOf(chain: GrantChain, order: ExplainOrder): GrantRequest {
    const { operation, from } = order
    const who = { subject: chain.grant.subject, address: from ?? 'notAsked' }
    if (operation === 'link' || operation.startsWith('admin:')) {
      return { ...who, operation, target: 'fleet' } as GrantRequest
    }
    if (order.address === null) {
      throw new SlurpError('USAGE', `Whether "${operation}" is allowed depends on the address: name one.`)
    }
    const { project, path } = parseAddress(order.address)
    const { roles } = chain.grant.limits
    const asked = order.roles ?? (roles === 'any' ? ['any'] : roles)
    const scope = this.#parts.rights.scopeOf(project)
    const target = { sight: 'open', roles: asked, project: scope, path: `/${path.join('/')}` }
    return { ...who, operation, target } as GrantRequest
  }

  #named(name: string): GrantChain {
    const of = (fits: (chain: GrantChain) => boolean) =>
      [...this.#parts.keeper.grants.all()].map(({ chain }) => chain).filter(fits)
    const byId = of(({ grant }) => grant.id === name || grant.subject === name)
    const found = byId.length > 0 ? byId : of(({ grant }) => grant.name === name)
    if (found.length === 0)
      throw new SlurpError('GRANT_UNKNOWN', 'This peer knows no grant of that name or id.')
    if (new Set(found.map(({ grant }) => grant.id)).size > 1) {
      throw new SlurpError('GRANT_UNKNOWN', 'Several grants have that name.', {
        hint: 'Name it by its id; `slurp grant ls` shows them.',
      })
    }
    return found.sort((a, b) => b.grant.expiresMs - a.grant.expiresMs)[0]!
  }

  #text(chain: GrantChain): GrantText {
    const { id, name, subjectKind, subject, bearer, limits, ...times } = chain.grant
    const { judge } = this.#parts.keeper
    const { nowMs } = judge
    const inForce = nowMs < times.notBeforeMs ? 'notYet' : nowMs >= times.expiresMs ? 'expired' : 'valid'
    return {
      id,
      name,
      kind: subjectKind,
      subject,
      isBearer: bearer !== null,
      state: judge.isRevoked(chain) ? 'revoked' : inForce,
      issuedAt: new Date(times.issuedAtMs).toISOString(),
      notBefore: new Date(times.notBeforeMs).toISOString(),
      expiresAt: new Date(times.expiresMs).toISOString(),
      limits,
    }
  }
}

const sorted = <T extends string>(list: readonly T[]): T[] => [...new Set(list)].sort()

const delegateText = (delegate: Delegate, certificate: string): DelegateText => ({
  id: delegate.id,
  publicKey: delegate.publicKey,
  issuedAt: new Date(delegate.issuedAtMs).toISOString(),
  expiresAt: new Date(delegate.expiresMs).toISOString(),
  certificate,
})
