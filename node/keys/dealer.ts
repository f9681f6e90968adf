import { randomBytes } from 'node:crypto'
import { sameBytes } from '../../base/bytes.ts'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import type { Identity } from '../../crypto/identity.ts'
import {
  entryOf,
  holdersChosenMax,
  type Registry,
  type SecretEntry,
  slotOf,
  withEntries,
} from '../../crypto/registry/registry.ts'
import { encodeEntry } from '../../crypto/registry/registry-codec.ts'
import { isRecipient } from '../../crypto/sealing.ts'
import { deal, type ShareRecipient } from '../../crypto/shares/deal.ts'
import { proveDealing } from '../../crypto/shares/dealing-proof.ts'
import { setIdBytes } from '../../crypto/shares/share-set.ts'
import type { View } from '../../dht/view.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Log } from '../running-peer.ts'
import type { Collector } from './collector.ts'
import type { RegistryBook } from './registry-book.ts'
import type { ShareHolder } from './share-holder.ts'
import { type Answered, decodeAnswers, encodeQuestion, type KeepAsked } from './wire.ts'

const askMs = 5_000
/** Key versions that are dealt together: their shares fit one message. */
const dealtTogether = 16

export type DealerParts = {
  readonly self: Identity
  readonly view: () => Pick<View, 'fleet' | 'leaving'> & {
    readonly members: readonly { readonly id: PeerId }[]
  }
  /** Whether all that a peer was granted was revoked: it is dealt nothing. */
  readonly isBarred: (peer: PeerId) => boolean
  readonly book: Pick<RegistryBook, 'registry' | 'change'>
  readonly collector: Pick<Collector, 'keyOf'>
  readonly exchange: Exchange
  /** Of this process itself, where it is a member. */
  readonly holder: Pick<ShareHolder, 'keep'>
  readonly nameOf: (peer: PeerId) => string
  /** Has the registry name dealings that every holder has its share of; left out, by changing it here. @returns those it names. */
  readonly putInForce?: (dealt: readonly SecretEntry[]) => Promise<readonly SecretEntry[]>
  readonly log: Log
}

/** Of dealings those that are to be in force, on top of what the registry says of their keys. Who was faster has dealt too: that one stays. */
export function inForceOf(registry: Registry, offered: readonly SecretEntry[]): readonly SecretEntry[] {
  return offered.flatMap(({ set, proof }) => {
    const now = entryOf(registry, set.set)
    if (now === undefined) return []
    const isThere = sameBytes(now.set.hash, set.hash)
    return isThere || now.set.set.setVersion < set.set.setVersion ? [{ ...now, set, proof }] : []
  })
}

type Dealt = { readonly entry: SecretEntry; readonly shares: ReadonlyMap<PeerId, Uint8Array> }

/**
 * Deals secrets that are open here to the members of now. Every holder must have its share on disk before the dealing is
 * put into the registry: until then the old one is in force, and an interrupted dealing leaves nothing but files.
 */
export class Dealer {
  readonly #parts: DealerParts

  constructor(parts: DealerParts) {
    this.#parts = parts
  }

  /** Members that shall hold shares: those that hold some already first, none that is on its way out or was revoked. */
  holdersWanted(): readonly PeerId[] {
    const { members, leaving } = this.#parts.view()
    const isStaying = (id: PeerId) => !leaving.includes(id) && !this.#parts.isBarred(id)
    const staying = members.map(({ id }) => id).filter(isStaying)
    const [first] = this.#parts.book.registry.secrets
    const holds = new Set(first?.set.set.holders.map(({ peer }) => peer))
    return [...staying.filter(id => holds.has(id)), ...staying.filter(id => !holds.has(id))].slice(
      0,
      holdersChosenMax,
    )
  }

  /** Those whose holders are not the ones that they should be. */
  outdated(): readonly SecretEntry[] {
    const wanted = new Set(this.holdersWanted())
    return this.#parts.book.registry.secrets.filter(({ set, state }) => {
      if (state === 'destroyed') return false
      const { holders } = set.set
      return holders.length !== wanted.size || holders.some(({ peer }) => !wanted.has(peer))
    })
  }

  /**
   * @returns what was dealt.
   * @throws SlurpError QUORUM_UNREACHED when a holder cannot be reached or does not take its share.
   */
  async deal(entries: readonly SecretEntry[]): Promise<readonly SecretEntry[]> {
    const open = entries.filter(entry => this.#parts.collector.keyOf(entry) !== null)
    const done: SecretEntry[] = []
    for (let at = 0; at < open.length; at += dealtTogether)
      done.push(...(await this.#dealTogether(open.slice(at, at + dealtTogether))))
    return done
  }

  /**
   * Deals a secret that no registry names yet. Nothing is in force before the registry does.
   *
   * @throws SlurpError QUORUM_UNREACHED when a holder cannot be reached or does not take its share.
   */
  async dealNew(key: Omit<SecretEntry, 'set' | 'proof'>, secret: Uint8Array): Promise<SecretEntry> {
    const holders = await this.#holders()
    const dealt = await this.#dealSecret(key, secret, 1, holders)
    await Promise.all(holders.map(({ peer }) => this.#handOut(peer, [dealt])))
    return dealt.entry
  }

  #holders(): Promise<readonly ShareRecipient[]> {
    return Promise.all(this.holdersWanted().map(peer => this.#recipientOf(peer)))
  }

  async #dealTogether(entries: readonly SecretEntry[]): Promise<readonly SecretEntry[]> {
    const holders = await this.#holders()
    const dealt: Dealt[] = []
    for (const entry of entries) dealt.push(...(await this.#dealOne(entry, holders)))
    await Promise.all(holders.map(({ peer }) => this.#handOut(peer, dealt)))
    const { putInForce, log } = this.#parts
    const offered = dealt.map(({ entry }) => entry)
    const inForce = await (putInForce === undefined ? this.#putInForce(offered) : putInForce(offered))
    log.info({ dealt: inForce.map(slotOf), holders: holders.length }, 'keys were dealt anew')
    return inForce
  }

  async #putInForce(offered: readonly SecretEntry[]): Promise<readonly SecretEntry[]> {
    let inForce: readonly SecretEntry[] = []
    await this.#parts.book.change(registry => {
      inForce = inForceOf(registry, offered)
      return withEntries(registry, inForce)
    })
    return inForce
  }

  async #dealOne(entry: SecretEntry, holders: readonly ShareRecipient[]): Promise<readonly Dealt[]> {
    const key = this.#parts.collector.keyOf(entry)
    if (key === null) return []
    return [await this.#dealSecret(entry, key.secret, entry.set.set.setVersion + 1, holders)]
  }

  async #dealSecret(
    key: Omit<SecretEntry, 'set' | 'proof'>,
    secret: Uint8Array,
    setVersion: number,
    holders: readonly ShareRecipient[],
  ): Promise<Dealt> {
    const { self, view } = this.#parts
    const { record, shares } = await deal(secret, {
      fleet: view().fleet,
      secret: key.name,
      keyVersion: key.keyVersion,
      setVersion,
      setId: randomBytes(setIdBytes).toString('hex'),
      holders,
      dealer: self,
    })
    return { entry: { ...key, set: record, proof: proveDealing(secret, record) }, shares }
  }

  /** Asked over a connection that proves who answers. */
  async #recipientOf(peer: PeerId): Promise<ShareRecipient> {
    const { self, exchange } = this.#parts
    if (peer === self.peerId) return { peer, recipient: self.ageRecipient }
    const answer = await exchange.ask(peer, encodeQuestion({ kind: 'recipient' }), askMs)
    const [recipient] = decodeAnswers(answer, 1) ?? []
    if (typeof recipient === 'string' && isRecipient(recipient)) return { peer, recipient }
    throw this.#unreached(peer, 'cannot be reached')
  }

  async #handOut(peer: PeerId, dealt: readonly Dealt[]): Promise<void> {
    const { self, exchange, holder } = this.#parts
    const shares = dealt.map(
      ({ entry, shares: all }): KeepAsked => ({ entry: encodeEntry(entry), sealed: all.get(peer)! }),
    )
    const answers: readonly Answered[] | null =
      peer === self.peerId
        ? await Promise.all(shares.map(share => holder.keep(peer, share)))
        : decodeAnswers(
            await exchange.ask(peer, encodeQuestion({ kind: 'keep', shares }), askMs),
            shares.length,
          )
    if (answers === null) throw this.#unreached(peer, 'did not answer')
    const refusal = answers.find(answer => typeof answer === 'string')
    if (refusal !== undefined) throw this.#unreached(peer, `did not take its share: ${refusal}`)
  }

  #unreached(peer: PeerId, how: string): SlurpError {
    const name = this.#parts.nameOf(peer)
    return new SlurpError('QUORUM_UNREACHED', `Keys are dealt to every member at once, and ${name} ${how}.`, {
      hint: `Start it, or take it out of the fleet with \`slurp peer remove ${name}\`; until then the shares of before are in force.`,
    })
  }
}
