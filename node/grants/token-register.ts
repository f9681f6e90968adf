import { multiaddr } from '@multiformats/multiaddr'
import { SlurpError } from '../../base/errors.ts'
import type { Digest, PeerId } from '../../base/ids.ts'
import {
  type JoinToken,
  type JoinTokenRecord,
  joinTokensMax,
  redeemJoinToken,
} from '../../crypto/grants/join-token.ts'
import type { SharedRegister } from '../store/retention/ports.ts'

/** A token that the fleet waits for, or has taken: then only the same holder may show it again, for an answer that was lost. */
export type KeptToken = JoinTokenRecord & { readonly usedBy: PeerId | null }

const format = 1
const attemptMs = 3_000
const attemptsMax = 8

/** The tokens of one kind that are out, in one register. */
export class TokenRegister<Kept extends KeptToken> {
  readonly #register: SharedRegister
  readonly #more: (read: Record<string, unknown>) => Omit<Kept, keyof KeptToken>

  /** @param more - reads what this kind keeps beyond the rest. */
  constructor(
    register: SharedRegister,
    more: (read: Record<string, unknown>) => Omit<Kept, keyof KeptToken>,
  ) {
    this.#register = register
    this.#more = more
  }

  /**
   * Read, change, compare and set; until it stands, or `change` says no.
   *
   * @param change - returns what it got where nothing is to be changed.
   * @throws SlurpError what `change` throws, QUORUM_UNREACHED, FORMAT_UNKNOWN.
   */
  async change(change: (kept: readonly Kept[]) => readonly Kept[]): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const found = await this.#register.read(attemptMs)
      const kept = found === null ? [] : this.#decode(found.body)
      const wanted = change(kept)
      if (wanted === kept) return
      const body = Buffer.from(JSON.stringify({ format, tokens: wanted }))
      // A swap that is not known to have been carried out is looked at again by the next round.
      if (await this.#register.swap(found?.version ?? null, body, attemptMs)) return
    }
    throw new SlurpError('QUORUM_UNREACHED', 'The control group of the fleet did not agree in time.', {
      hint: 'Ask again with the same token: asking twice does no harm.',
    })
  }

  /**
   * Uses a token up for one holder; the same holder may show it again.
   *
   * @param take - what the record becomes; throws when this one may not be used.
   * @returns the record as it stands then.
   * @throws SlurpError JOIN_TOKEN_WRONG, and as `change` does.
   */
  async use(token: JoinToken, holder: PeerId, nowMs: number, take: (found: Kept) => Kept): Promise<Kept> {
    let used: Kept | null = null
    await this.change(kept => {
      const record = recordFor(kept, token, holder, nowMs)
      const taken = take(record)
      if (record.usedBy === holder) {
        used = record
        return kept
      }
      used = taken
      return kept.map(each => (each === record ? taken : each))
    })
    return used!
  }

  /** The record of a token that this holder may still show. @throws SlurpError JOIN_TOKEN_WRONG, and as `change` does. */
  async find(token: JoinToken, holder: PeerId, nowMs: number): Promise<Kept> {
    let found: Kept | null = null
    await this.change(kept => {
      found = recordFor(kept, token, holder, nowMs)
      return kept
    })
    return found!
  }

  #decode(body: Uint8Array): readonly Kept[] {
    const read = JSON.parse(Buffer.from(body).toString('utf8')) as { format?: unknown; tokens?: unknown }
    if (read.format !== format || !Array.isArray(read.tokens) || read.tokens.length > joinTokensMax) {
      throw new SlurpError(
        'FORMAT_UNKNOWN',
        'The join tokens of the fleet have a format that this release does not know.',
      )
    }
    return read.tokens.map((each: Record<string, unknown>) => {
      const kept: KeptToken = {
        hash: String(each.hash) as Digest,
        expiresMs: Number(each.expiresMs),
        usedBy: typeof each.usedBy === 'string' ? (each.usedBy as PeerId) : null,
      }
      return { ...kept, ...this.#more(each) } as Kept
    })
  }
}

function recordFor<Kept extends KeptToken>(
  kept: readonly Kept[],
  token: JoinToken,
  holder: PeerId,
  nowMs: number,
): Kept {
  const redeemed = redeemJoinToken(kept, token, nowMs)
  if (redeemed.outcome !== 'redeemed') throw refusedToken()
  const { record } = redeemed
  if (record.usedBy !== null && record.usedBy !== holder) throw refusedToken()
  return record
}

export const refusedToken = (): SlurpError =>
  new SlurpError('JOIN_TOKEN_WRONG', 'This join token is unknown, used up, or has run out.')

/** `http://127.0.0.1:31664` as `/ip4/127.0.0.1/tcp/31664/http`. */
export function doorAddress(url: string): string {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const kind = host.includes(':') ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns'
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : port
  return multiaddr(`/${kind}/${host}/tcp/${number}/${protocol.slice(0, -1)}`).toString()
}
