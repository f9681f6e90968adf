import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, controlKey } from '../../base/ids.ts'
import { splitChain } from '../../crypto/grants/chain-text.ts'
import { newGrantId } from '../../crypto/grants/grant-chain.ts'
import { type GrantId, isGrantId, isHolderName, type Limits } from '../../crypto/grants/grant-shape.ts'
import {
  agentProofBytes,
  formatJoinToken,
  type JoinToken,
  newJoinToken,
  parseJoinToken,
  recordOf,
  withJoinToken,
} from '../../crypto/grants/join-token.ts'
import { grantSlackMs } from '../../crypto/grants/membership.ts'
import { verifyBy } from '../../crypto/peer-keys.ts'
import { isRecipient, recipientFrom, sealTo } from '../../crypto/sealing.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import type {
  AgentJoinRequest,
  AgentTicket,
  AgentTokenMade,
  AgentTokenOrder,
  AgentTokens,
  Caller,
} from './api.ts'
import type { GrantDesk } from './grant-desk.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { RightsDesk } from './rights-desk.ts'
import { doorAddress, type KeptToken, refusedToken, TokenRegister } from './token-register.ts'

export const agentTokensRegisterKey: ContextKey = controlKey(9)

export type AgentTokenDeskParts = {
  readonly authorityPublicKey: Uint8Array
  readonly register: SharedRegister
  readonly keeper: GrantKeeper
  readonly rights: Pick<RightsDesk, 'chainOf'>
  readonly desk: Pick<GrantDesk, 'limitsWithin'>
  /** Multiaddresses of members, with their peer ids: by them the agent finds the fleet. */
  readonly bootstrap: () => readonly string[]
  /** Of a private network; null where it is open. */
  readonly networkKey: Uint8Array | null
}

/** What is granted to whoever shows the token, decided when it was made. */
type Kept = KeptToken & {
  readonly name: string
  readonly limits: Limits
  readonly grantMs: number
  /** Of the grant that will be signed: always the same one, however often the token is shown. */
  readonly grant: GrantId
  /** Grant of who made the token. */
  readonly by: GrantId
  /**
   * What the key that signs grants says to all of this. Blind members may write registers, and must not be able to offer
   * themselves a role.
   */
  readonly vouched: string
  readonly usedAtMs: number
}

type Offer = Omit<Kept, 'vouched' | 'usedBy' | 'usedAtMs'>

const bootstrapMax = 8
/** Of all tokens that are out together; what they grant is in lists, which may be long. */
const bytesMax = 256 * 1024

/**
 * Join tokens of agents. What such a token grants is settled when it is made; to whom, when it is shown: the agent makes its key
 * itself, and its grant is signed for the id of that key.
 */
export class AgentTokenDesk implements AgentTokens {
  readonly #parts: AgentTokenDeskParts
  readonly #tokens: TokenRegister<Kept>

  constructor(parts: AgentTokenDeskParts) {
    this.#parts = parts
    this.#tokens = new TokenRegister<Kept>(parts.register, keptFrom)
  }

  async create(doorUrl: string, caller: Caller, order: AgentTokenOrder): Promise<AgentTokenMade> {
    const { keeper, rights, desk, authorityPublicKey, bootstrap } = this.#parts
    const { name, ttlSeconds } = order
    if (!isHolderName(name))
      throw new SlurpError('USAGE', 'An agent is named by 1 to 64 letters, digits, ".", "_" and "-".')
    const limits = desk.limitsWithin(caller, order.grant)
    const { nowMs } = keeper.judge
    const expiresMs = nowMs + ttlSeconds * 1000
    const made = { name, expiresAt: new Date(expiresMs).toISOString(), limits }
    const doors = [doorAddress(doorUrl), ...bootstrap().slice(0, bootstrapMax)]
    const token = newJoinToken(authorityPublicKey, doors, expiresMs, 'agent')
    const offer = {
      name,
      limits,
      grantMs: order.grant.ttlSeconds * 1000,
      grant: newGrantId(),
      by: rights.chainOf(caller).grant.id,
    }
    // A token that nobody here could sign for is none to hand out, so this comes first.
    const vouched = await keeper.signer.vouch('agent', saidOf({ ...recordOf(token), ...offer }))
    if (order.dryRun) return { token: null, ...made }
    const more = { ...offer, vouched, usedBy: null, usedAtMs: 0 }
    await this.#tokens.change(kept => {
      const all = withJoinToken(kept, token, nowMs).map(each =>
        'limits' in each ? each : { ...each, ...more },
      )
      if (Buffer.byteLength(JSON.stringify(all)) <= bytesMax) return all
      throw new SlurpError('TOO_MANY', 'The tokens that are out grant in more words than the fleet keeps.', {
        hint: 'Name fewer projects, paths or networks, or wait until tokens have run out.',
      })
    })
    return { token: formatJoinToken(token), ...made }
  }

  async redeem(text: string, request: AgentJoinRequest): Promise<AgentTicket> {
    const { keeper, bootstrap, networkKey } = this.#parts
    const token = parseJoinToken(text)
    checkRequest(token, request)
    const { nowMs } = keeper.judge
    // Before it is used up: whether anything can be given for it now.
    const found = await this.#tokens.find(token, request.id, nowMs)
    if (!(await keeper.signer.isVouched('agent', saidOf(found), found.vouched))) throw refusedToken()
    const kept = await this.#tokens.use(token, request.id, nowMs, each => {
      if (saidOf(each) !== saidOf(found) || !this.#isBacked(each.by)) throw refusedToken()
      return { ...each, usedBy: request.id, usedAtMs: nowMs }
    })
    if (!(kept.usedAtMs <= nowMs + grantSlackMs)) throw refusedToken()
    const { name, limits, grant, grantMs, usedAtMs } = kept
    // As of when the token was used: shown again, it gives the same and nothing that lasts longer.
    const wish = { id: grant, subjectKind: 'agent', subject: request.id, name, bearer: null, limits } as const
    const chain = await keeper.signer.sign({ ...wish, ttlMs: grantMs }, usedAtMs)
    await keeper.grants.learn(chain)
    await keeper.sync.give([chain], [])
    const sealed = networkKey === null ? null : await sealTo([recipientFrom(request.recipient)], networkKey)
    return {
      fleet: token.fleet,
      name,
      grant: splitChain(chain),
      bootstrap: bootstrap().slice(0, bootstrapMax),
      ...(sealed === null ? {} : { networkKey: Buffer.from(sealed).toString('base64') }),
    }
  }

  /** Whether the grant of who made a token was not revoked since: tokens that it left behind are over with it. */
  #isBacked(by: GrantId): boolean {
    const { grants, judge } = this.#parts.keeper
    return [...grants.all()].some(({ chain }) => chain.grant.id === by && !judge.isRevoked(chain))
  }
}

function checkRequest(token: JoinToken, { id, recipient, proof }: AgentJoinRequest): void {
  if (token.lets !== 'agent')
    throw new SlurpError('JOIN_TOKEN_WRONG', 'This token lets a peer in, not an agent.', {
      hint: 'On the machine of the peer: `slurp join - --dir DIR`.',
    })
  if (!isRecipient(recipient)) throw new SlurpError('USAGE', 'The agent names no age recipient.')
  if (verifyBy(id, agentProofBytes(token, id, recipient), Buffer.from(proof, 'base64'))) return
  throw new SlurpError('JOIN_TOKEN_WRONG', 'Who shows this token did not prove to have the key of its id.')
}

/** All that decides what is granted, in one text. */
const saidOf = (kept: Offer): string =>
  JSON.stringify([kept.hash, kept.expiresMs, kept.name, kept.limits, kept.grantMs, kept.grant, kept.by])

function keptFrom(read: Record<string, unknown>): Omit<Kept, keyof KeptToken> {
  const { grant, by } = read
  if (!isGrantId(String(grant)) || !isGrantId(String(by)))
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      'A token of an agent is kept in a form that this release does not know.',
    )
  return {
    name: String(read.name),
    limits: read.limits as Limits,
    grantMs: Number(read.grantMs),
    grant: grant as GrantId,
    by: by as GrantId,
    vouched: String(read.vouched),
    usedAtMs: Number(read.usedAtMs),
  }
}
