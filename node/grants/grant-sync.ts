import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import type { Log } from '../running-peer.ts'
import {
  decodeQuestion,
  decodeReply,
  encodeQuestion,
  encodeReply,
  listsMax,
  noReply,
  type Question,
  question,
  type Reply,
  textsMax,
} from './exchange.ts'
import { type GrantBook, ignoreInvalid } from './grant-book.ts'
import type { Inheritance } from './hand-on.ts'
import type { RevocationBook, RevocationText } from './revocation-book.ts'

/** The way to the other members. */
export type SyncLink = {
  /** Members that may be asked now. */
  peers(): readonly PeerId[]
  /** @throws SlurpError QUORUM_UNREACHED when no answer comes. */
  ask(peer: PeerId, message: Uint8Array): Promise<Uint8Array>
}

export type SyncParts = {
  readonly grants: GrantBook
  readonly revocations: RevocationBook
  readonly log: Log
  /** Signs a member the same again as it shows; null when this peer cannot, or will not. */
  readonly renewFor: (peer: PeerId, shown: string) => Promise<string | null>
  /** Signs a member what it had under another id; null when this peer cannot, or will not. */
  readonly inheritFor: (peer: PeerId, shown: Inheritance) => Promise<string | null>
}

const roundsMax = 64

/** Grants and revocations spread from peer to peer: what one has learnt the others have to know. */
export class GrantSync {
  readonly #parts: SyncParts
  readonly #busy = new Map<PeerId, Promise<void>>()
  readonly counters = { grantsLearnt: 0, revocationsLearnt: 0, grantSyncs: 0, grantSyncsFailed: 0 }
  #link: SyncLink | null = null

  constructor(parts: SyncParts) {
    this.#parts = parts
  }

  connect(link: SyncLink): void {
    this.#link = link
  }

  /** Takes and gives until both know the same. One at a time with each peer: who comes meanwhile waits for it. Never rejects. */
  async compareWith(peer: PeerId): Promise<void> {
    if (this.#link === null) return
    const comparing = this.#busy.get(peer) ?? this.#compare(peer).finally(() => this.#busy.delete(peer))
    this.#busy.set(peer, comparing)
    await comparing
  }

  async #compare(peer: PeerId): Promise<void> {
    try {
      this.counters.grantSyncs += 1
      for (let round = 0; round < roundsMax; round++) {
        const { grants, revocations } = this.#parts
        const asked = question('compare', { hashes: grants.hashes(), digests: revocations.digests() })
        const reply = await this.#ask(peer, asked)
        await this.#learn(reply)
        const lacking = reply.lacking.map(hash => grants.get(hash)?.text).filter(text => text !== undefined)
        if (lacking.length > 0) await this.#ask(peer, question('give', { grants: lacking }))
        if (reply.grants.length < textsMax && reply.lacking.length <= textsMax) return
      }
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  /** Asks one peer for the grants that envelopes named and nobody here knows. Never rejects. */
  async fetchMissing(peer: PeerId): Promise<void> {
    const hashes = this.#parts.grants.takeMissing()
    if (hashes.length === 0) return
    try {
      await this.#learn(await this.#ask(peer, question('fetch', { hashes })))
    } catch (thrown) {
      this.#failed(thrown)
    }
  }

  /** Tells every peer that can be reached; the others hear it when they compare. Never rejects. */
  async give(grants: readonly string[], revocations: readonly RevocationText[]): Promise<void> {
    const told = question('give', { grants, revocations })
    const peers = this.#link?.peers() ?? []
    await Promise.all(peers.map(peer => this.#ask(peer, told).catch(thrown => this.#failed(thrown))))
  }

  /** Asks one peer after the other for the same again. @returns null when none of them signs. */
  askForRenewal(self: PeerId, shown: string): Promise<string | null> {
    return this.#askForGrant(self, question('renew', { grants: shown === '' ? [] : [shown] }))
  }

  /** Asks one peer after the other for what this one had under another id. @returns null when none of them signs. */
  askForInheritance(self: PeerId, { chain, signed }: Inheritance): Promise<string | null> {
    return this.#askForGrant(self, question('inherit', { grants: [chain, signed] }))
  }

  async #askForGrant(self: PeerId, asked: Question): Promise<string | null> {
    for (const peer of this.#link?.peers() ?? []) {
      try {
        const reply = await this.#ask(peer, asked)
        for (const text of reply.grants) {
          const { grant } = await this.#parts.grants.prove(text)
          if (grant.subject === self) return text
        }
      } catch (thrown) {
        this.#failed(thrown)
      }
    }
    return null
  }

  /** Answers a member. @returns null for what is no question. */
  async answer(from: PeerId, message: Uint8Array): Promise<Uint8Array | null> {
    const asked = decodeQuestion(message)
    if (asked === null) return null
    return encodeReply(await this.#answerTo(from, asked))
  }

  /**
   * Answers an agent: it may ask for grants that envelopes name, and for what was revoked.
   *
   * @param mayGive - it may also bring in grants and revocations, and see all of them.
   * @returns null for what is no question of an agent.
   */
  async answerAgent(from: PeerId, message: Uint8Array, mayGive: boolean): Promise<Uint8Array | null> {
    const asked = decodeQuestion(message)
    if (asked === null || asked.kind === 'renew') return null
    if (mayGive || asked.kind === 'fetch') return encodeReply(await this.#answerTo(from, asked))
    if (asked.kind === 'give') return null
    const { revocations } = await this.#answerTo(from, asked)
    return encodeReply({ ...noReply, revocations })
  }

  async #answerTo(from: PeerId, asked: Question): Promise<Reply> {
    const { grants, revocations, renewFor, inheritFor } = this.#parts
    switch (asked.kind) {
      case 'compare': {
        const theirs = new Set(asked.hashes)
        const known = new Set(asked.digests)
        const news = grants.hashes().filter(hash => !theirs.has(hash))
        return {
          grants: news.slice(0, textsMax).map(hash => grants.get(hash)!.text),
          revocations: revocations.known.filter(({ digest }) => !known.has(digest)).slice(0, listsMax),
          lacking: asked.hashes.filter(hash => grants.get(hash) === null),
        }
      }
      case 'fetch': {
        const found = asked.hashes.slice(0, textsMax).map(hash => grants.get(hash)?.text)
        return { ...noReply, grants: found.filter(text => text !== undefined) }
      }
      case 'give':
        await this.#learn({ ...noReply, grants: asked.grants, revocations: asked.revocations })
        return noReply
      case 'renew': {
        const text = await renewFor(from, asked.grants[0] ?? '')
        return text === null ? noReply : { ...noReply, grants: [text] }
      }
      case 'inherit': {
        const [chain = '', signed = ''] = asked.grants
        const text = await inheritFor(from, { chain, signed }).catch((thrown: unknown) => {
          ignoreInvalid(thrown)
          return null
        })
        return text === null ? noReply : { ...noReply, grants: [text] }
      }
    }
  }

  /** Revocations first: they speak about what follows. */
  async #learn({ grants, revocations }: Reply): Promise<void> {
    for (const list of revocations) {
      if (await this.#parts.revocations.learn(list).catch(unproven)) this.counters.revocationsLearnt += 1
    }
    for (const text of grants) {
      if (await this.#parts.grants.learn(text).catch(unproven)) this.counters.grantsLearnt += 1
    }
  }

  async #ask(peer: PeerId, asked: Question): Promise<Reply> {
    const reply = decodeReply(await this.#link!.ask(peer, encodeQuestion(asked)))
    if (reply !== null) return reply
    throw new SlurpError('QUORUM_UNREACHED', 'A peer answered with something else than grants.')
  }

  #failed(thrown: unknown): void {
    if (!(thrown instanceof SlurpError)) throw thrown
    this.counters.grantSyncsFailed += 1
    this.#parts.log.debug({ failure: thrown.message }, 'grants could not be compared with a peer')
  }
}

const unproven = (thrown: unknown): false => {
  ignoreInvalid(thrown)
  return false
}
