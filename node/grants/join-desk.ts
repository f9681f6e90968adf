import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, controlKey } from '../../base/ids.ts'
import {
  formatJoinToken,
  type JoinTokenRecord,
  newJoinToken,
  parseJoinToken,
  recordOf,
  withJoinToken,
} from '../../crypto/grants/join-token.ts'
import type { FleetControl, JoinRequest, JoinTicket } from '../fleet-control.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import type { JoinTokenMade, JoinTokens } from './api.ts'
import type { GrantSigner } from './grant-signer.ts'
import { doorAddress, type KeptToken, TokenRegister } from './token-register.ts'

export const joinTokensRegisterKey: ContextKey = controlKey(5)

export type JoinDeskParts = {
  readonly authorityPublicKey: Uint8Array
  readonly register: SharedRegister
  readonly control: Pick<FleetControl, 'join'>
  readonly signer: Pick<GrantSigner, 'vouch' | 'isVouched'>
  /** Multiaddresses of members, with their peer ids. */
  readonly addresses: () => readonly string[]
  readonly nowMs: () => number
}

/**
 * `opens`: whether the peer may be given the keys of roles. It counts only with what the key that signs grants says to it: blind
 * members may write registers, and must not be able to let in one that is not.
 */
type Kept = KeptToken & { readonly opens: boolean; readonly vouched: string }

const saidOf = ({ hash, expiresMs }: JoinTokenRecord): string => JSON.stringify([hash, expiresMs, 'opens'])

const doorsMax = 8

/** Join tokens of peers: each lets one peer in, once. What is left of them in the fleet is in one register. */
export class JoinDesk implements JoinTokens {
  readonly #parts: JoinDeskParts
  readonly #tokens: TokenRegister<Kept>

  constructor(parts: JoinDeskParts) {
    this.#parts = parts
    this.#tokens = new TokenRegister<Kept>(parts.register, read => ({
      opens: read.opens === true,
      vouched: String(read.vouched ?? ''),
    }))
  }

  async create(doorUrl: string, wish: { ttlSeconds: number; roles: boolean }): Promise<JoinTokenMade> {
    const { authorityPublicKey, addresses, nowMs, signer } = this.#parts
    const expiresMs = nowMs() + wish.ttlSeconds * 1000
    const bootstrap = [doorAddress(doorUrl), ...addresses().slice(0, doorsMax)]
    const token = newJoinToken(authorityPublicKey, bootstrap, expiresMs)
    const vouched = wish.roles ? await signer.vouch('peer', saidOf(recordOf(token))) : ''
    await this.#tokens.change(kept =>
      withJoinToken(kept, token, nowMs()).map(each =>
        'opens' in each ? each : { ...each, opens: wish.roles, vouched, usedBy: null },
      ),
    )
    return { token: formatJoinToken(token), expiresAt: new Date(expiresMs).toISOString(), roles: wish.roles }
  }

  async redeem(text: string, request: JoinRequest): Promise<JoinTicket> {
    const token = parseJoinToken(text)
    if (token.lets !== 'peer')
      throw new SlurpError('JOIN_TOKEN_WRONG', 'This token lets an agent in, not a peer.', {
        hint: 'On the machine of the agent: `slurp agent --dir DIR --join -`.',
      })
    const { signer, control, nowMs } = this.#parts
    const found = await this.#tokens.find(token, request.id, nowMs())
    const opens = found.opens && (await signer.isVouched('peer', saidOf(found), found.vouched))
    await this.#tokens.use(token, request.id, nowMs(), each => ({ ...each, usedBy: request.id }))
    // What the token says counts, not what its holder asks for.
    return await control.join({ ...request, roles: opens && request.roles })
  }
}
