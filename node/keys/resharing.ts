import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { isAnyEntitled, slotOf } from '../../crypto/registry/registry.ts'
import type { Reshared } from '../key-control.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Log } from '../running-peer.ts'
import type { Collector } from './collector.ts'
import type { Dealer } from './dealer.ts'
import type { RegistryBook } from './registry-book.ts'
import { type Answered, decodeAnswers, encodeQuestion } from './wire.ts'

const delegateMs = 20_000

export type ResharingParts = {
  readonly self: { readonly peerId: PeerId }
  readonly book: RegistryBook
  readonly collector: Collector
  readonly dealer: Dealer
  readonly exchange: Exchange
  readonly log: Log
  readonly isMember: (peer: PeerId) => boolean
  readonly nameOf: (peer: PeerId) => string
  /** The registry changed: the others are told. */
  readonly tell: () => void
}

/** Deals secrets anew to the members of now: what is open here by this peer, the rest by one that can. */
export class Resharing {
  readonly #parts: ResharingParts

  constructor(parts: ResharingParts) {
    this.#parts = parts
  }

  /** Whether somebody holds no share who should, or the other way round, of what a member may open; agents see to the rest. */
  get isOutdated(): boolean {
    const { book, dealer } = this.#parts
    return dealer.outdated().some(({ name }) => isAnyEntitled(book.registry, name))
  }

  /** @throws SlurpError SEALED, QUORUM_UNREACHED. @param force - also those whose holders are right already. */
  async reshare(force: boolean): Promise<Reshared> {
    const { book, collector, dealer, nameOf, self, tell } = this.#parts
    await book.agree()
    const all = force ? book.registry.secrets.filter(({ state }) => state !== 'destroyed') : dealer.outdated()
    const mine = all.filter(entry => collector.keyOf(entry) !== null)
    const dealt = (await dealer.deal(mine)).map(slotOf)
    const holders = dealt.length > 0 ? [nameOf(self.peerId)] : []
    if (dealt.length > 0) tell()
    if (mine.length === all.length) return { dealt, holders }
    const other = force ? null : await this.#delegate()
    if (other !== null) return { dealt: all.map(slotOf), holders: [...holders, other] }
    throw new SlurpError(
      'SEALED',
      'This peer cannot open all of the keys, and only who can open one can deal it.',
      {
        hint: 'Ask the door of a peer that holds the roles; `slurp key shares` shows who is entitled. What no member may open is dealt by agents whose grants have admin:keys, within half a minute.',
      },
    )
  }

  /** For another peer. @returns why nothing was dealt; bytes when it was. */
  async reshareFor(): Promise<Answered> {
    const { book, dealer, tell } = this.#parts
    await book.agree()
    const dealt = await dealer.deal(dealer.outdated())
    if (dealt.length > 0) tell()
    return new Uint8Array(0)
  }

  /** Asks those who are entitled to more, one after the other, until nothing is left to be dealt. */
  async #delegate(): Promise<string | null> {
    const { book, exchange, isMember, nameOf, self, log } = this.#parts
    const entitled = new Set(book.registry.entitlements.map(({ peer }) => peer))
    for (const peer of entitled) {
      if (peer === self.peerId || !isMember(peer) || !exchange.isConnected(peer)) continue
      const answer = await exchange.ask(peer, encodeQuestion({ kind: 'reshare' }), delegateMs)
      const [failure] = decodeAnswers(answer, 1) ?? ['It did not answer.']
      if (typeof failure === 'string') log.info({ peer, failure }, 'a peer did not deal keys anew')
      await book.refresh()
      if (!this.isOutdated) return nameOf(peer)
    }
    return null
  }
}
