import { multiaddr } from '@multiformats/multiaddr'
import { SlurpError } from '../../base/errors.ts'
import { type ContextKey, controlKey, type Digest, type PeerId } from '../../base/ids.ts'
import {
  formatJoinToken,
  type JoinTokenRecord,
  newJoinToken,
  parseJoinToken,
  redeemJoinToken,
  withJoinToken,
} from '../../crypto/grants/join-token.ts'
import type { FleetControl, JoinRequest, JoinTicket } from '../fleet-control.ts'
import type { SharedRegister } from '../store/retention/ports.ts'
import type { JoinTokenMade, JoinTokens } from './api.ts'

export const joinTokensRegisterKey: ContextKey = controlKey(5)

export type JoinDeskParts = {
  readonly authorityPublicKey: Uint8Array
  readonly register: SharedRegister
  readonly control: Pick<FleetControl, 'join'>
  /** Multiaddresses of members, with their peer ids. */
  readonly addresses: () => readonly string[]
  readonly nowMs: () => number
}

/** A token that the fleet waits for, or has taken: then only the same peer may show it again, for an answer that was lost. */
type Kept = JoinTokenRecord & { readonly opens: boolean; readonly usedBy: PeerId | null }

const format = 1
const attemptMs = 3_000
const attemptsMax = 8
const doorsMax = 8

/** Join tokens: each lets one peer in, once. What is left of them in the fleet is in one register. */
export class JoinDesk implements JoinTokens {
  readonly #parts: JoinDeskParts

  constructor(parts: JoinDeskParts) {
    this.#parts = parts
  }

  async create(doorUrl: string, wish: { ttlSeconds: number; roles: boolean }): Promise<JoinTokenMade> {
    const { authorityPublicKey, addresses, nowMs } = this.#parts
    const expiresMs = nowMs() + wish.ttlSeconds * 1000
    const bootstrap = [doorAddress(doorUrl), ...addresses().slice(0, doorsMax)]
    const token = newJoinToken(authorityPublicKey, bootstrap, expiresMs)
    await this.#change(kept => {
      const all = withJoinToken(kept, token, nowMs())
      return all.map(each =>
        'opens' in each ? (each as Kept) : { ...each, opens: wish.roles, usedBy: null },
      )
    })
    return { token: formatJoinToken(token), expiresAt: new Date(expiresMs).toISOString(), roles: wish.roles }
  }

  async redeem(text: string, request: JoinRequest): Promise<JoinTicket> {
    const token = parseJoinToken(text)
    let opens = false
    await this.#change(kept => {
      const redeemed = redeemJoinToken(kept, token, this.#parts.nowMs())
      if (redeemed.outcome !== 'redeemed') throw refused()
      const found = redeemed.record
      if (found.usedBy !== null && found.usedBy !== request.id) throw refused()
      opens = found.opens
      if (found.usedBy === request.id) return kept
      return kept.map(each => (each === found ? { ...each, usedBy: request.id } : each))
    })
    // What the token says counts, not what its holder asks for.
    return await this.#parts.control.join({ ...request, roles: opens && request.roles })
  }

  /** Read, change, compare and set; until it stands, or somebody says no. */
  async #change(change: (kept: readonly Kept[]) => readonly Kept[]): Promise<void> {
    const { register } = this.#parts
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const found = await register.read(attemptMs)
      const kept = found === null ? [] : decode(found.body)
      const wanted = change(kept)
      if (wanted === kept) return
      const body = Buffer.from(JSON.stringify({ format, tokens: wanted }))
      // A swap that is not known to have been carried out is looked at again by the next round.
      if (await register.swap(found?.version ?? null, body, attemptMs)) return
    }
    throw new SlurpError('QUORUM_UNREACHED', 'The control group of the fleet did not agree in time.', {
      hint: 'Ask again with the same token: asking twice does no harm.',
    })
  }
}

const refused = () =>
  new SlurpError('JOIN_TOKEN_WRONG', 'This join token is unknown, used up, or has run out.')

/** `http://127.0.0.1:31664` as `/ip4/127.0.0.1/tcp/31664/http`. */
function doorAddress(url: string): string {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const kind = host.includes(':') ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns'
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : port
  return multiaddr(`/${kind}/${host}/tcp/${number}/${protocol.slice(0, -1)}`).toString()
}

function decode(body: Uint8Array): readonly Kept[] {
  const read = JSON.parse(Buffer.from(body).toString('utf8')) as { format?: unknown; tokens?: unknown }
  if (read.format !== format || !Array.isArray(read.tokens)) {
    throw new SlurpError(
      'FORMAT_UNKNOWN',
      'The join tokens of the fleet have a format that this release does not know.',
    )
  }
  return read.tokens.map(each => ({
    hash: String(each.hash) as Digest,
    expiresMs: Number(each.expiresMs),
    opens: each.opens === true,
    usedBy: typeof each.usedBy === 'string' ? (each.usedBy as PeerId) : null,
  }))
}
