import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import { isAnyEntitled, type Registry, type SecretEntry, slotOf } from '../../crypto/registry/registry.ts'
import { encodeEntry } from '../../crypto/registry/registry-codec.ts'
import { decodeWork, type KeyWork, type Slot } from '../keys/due.ts'
import type { RotationWish } from '../keys/rotation.ts'
import { decodeAnswers, encodeQuestion } from '../keys/wire.ts'
import { pauseFor } from '../store/pause.ts'
import { type AgentDealingParts, agentDealer, havePut } from './agent-dealing.ts'

export type AgentKeyDutiesParts = AgentDealingParts & {
  readonly rotate: (role: string, wish: RotationWish) => Promise<unknown>
  /** Whether the grant of this agent lets it change keys now. */
  readonly mayChange: () => boolean
}

const everyMs = 10_000
const askMs = 5_000

/** What holders of shares said, each of them. */
type Told = ReadonlyMap<PeerId, KeyWork>

/**
 * What the leader sees to elsewhere, where no member can open a role: an agent that may change keys deals them anew once
 * members have come or gone for good, and gives new keys to the roles that are due, by age or by a revocation.
 *
 * Whom it deals to, and what it replaces, is what as many holders of shares say as could put the key together anyway: fewer
 * liars could have keys dealt to themselves alone.
 */
export class AgentKeyDuties {
  readonly counters = { keysDealtAnew: 0, rolesRotatedWhenDue: 0 }
  readonly #parts: AgentKeyDutiesParts
  readonly #stopped = new AbortController()

  constructor(parts: AgentKeyDutiesParts) {
    this.#parts = parts
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #run(): Promise<void> {
    const { clock, log, keys, mayChange } = this.#parts
    while (!this.#stopped.signal.aborted) {
      await pauseFor(clock, everyMs, this.#stopped.signal)
      if (this.#stopped.signal.aborted || keys.registry === null || !keys.isOpen || !mayChange()) continue
      try {
        await this.#round(keys.registry)
      } catch (failure) {
        if (!(failure instanceof SlurpError)) throw failure
        log.warn({ failure: failure.message }, 'keys that no member can open could not be looked after now')
      }
    }
  }

  async #round(registry: Registry): Promise<void> {
    const mine = registry.secrets.filter(
      entry => entry.state !== 'destroyed' && this.#isMine(registry, entry),
    )
    if (mine.length === 0) return
    const told = await this.#ask(mine)
    await this.#deal(mine, told)
    const due = mine.filter(entry => isTold(entry, told, work => work.rotations))
    for (const { name, keyVersion } of due) await this.#rotate(name, keyVersion)
  }

  /** What this agent can open and no member may. */
  #isMine(registry: Registry, entry: SecretEntry): boolean {
    return this.#parts.keys.collector.keyOf(entry) !== null && !isAnyEntitled(registry, entry.name)
  }

  async #ask(secrets: readonly SecretEntry[]): Promise<Told> {
    const { links, exchange } = this.#parts
    const holders = new Set(secrets.flatMap(({ set }) => set.set.holders.map(({ peer }) => peer)))
    const question = encodeQuestion({ kind: 'due' })
    const told = new Map<PeerId, KeyWork>()
    await Promise.all(
      links.ready().map(async peer => {
        if (!holders.has(peer)) return
        const [answer] = decodeAnswers(await exchange.ask(peer, question, askMs), 1) ?? []
        const work = answer instanceof Uint8Array ? decodeWork(answer) : null
        if (work !== null) told.set(peer, work)
      }),
    )
    return told
  }

  /** Those of the same holders together: their shares go in one message. */
  async #deal(secrets: readonly SecretEntry[], told: Told): Promise<void> {
    const byHolders = new Map<string, { holders: readonly PeerId[]; entries: SecretEntry[] }>()
    for (const entry of secrets) {
      const agreed = holdersTold(entry, told)
      if (agreed === null) continue
      const key = agreed.join()
      const together = byHolders.get(key) ?? { holders: agreed, entries: [] }
      together.entries.push(entry)
      byHolders.set(key, together)
    }
    for (const { holders, entries } of byHolders.values()) {
      const dealer = agentDealer(
        this.#parts,
        () => holders,
        async dealt => {
          const question = { kind: 'redealt', entries: dealt.map(encodeEntry) } as const
          await havePut(this.#parts, question, 'No member put the new dealing into the registry.')
          return dealt
        },
      )
      this.counters.keysDealtAnew += (await dealer.deal(entries)).length
      await this.#parts.keys.refresh()
    }
  }

  async #rotate(name: string, keyVersion: number): Promise<void> {
    try {
      await this.#parts.rotate(name, { onlyFrom: keyVersion })
      this.counters.rolesRotatedWhenDue += 1
    } catch (failure) {
      // Another agent was faster: what was due is done.
      if (!(failure instanceof SlurpError) || failure.code !== 'VERSION_CONFLICT') throw failure
    }
  }
}

/** Whether as many holders of a secret say so as its shares it takes. */
function isTold(entry: SecretEntry, told: Told, which: (work: KeyWork) => readonly Slot[]): boolean {
  return sayingSo(entry, told, which).length >= entry.set.set.threshold
}

function sayingSo(
  entry: SecretEntry,
  told: Told,
  which: (work: KeyWork) => readonly Slot[],
): readonly KeyWork[] {
  const text = slotOf(entry)
  return entry.set.set.holders.flatMap(({ peer }) => {
    const work = told.get(peer)
    return work !== undefined && which(work).some(slot => slotOf(slot) === text) ? [work] : []
  })
}

/** Members to which enough of its holders say that a secret is to be dealt; null where they do not. */
function holdersTold(entry: SecretEntry, told: Told): readonly PeerId[] | null {
  const votes = new Map<string, { readonly holders: readonly PeerId[]; count: number }>()
  for (const { holders } of sayingSo(entry, told, work => work.outdated)) {
    const sorted = [...new Set(holders)].sort()
    const vote = votes.get(sorted.join()) ?? { holders: sorted, count: 0 }
    vote.count += 1
    votes.set(sorted.join(), vote)
  }
  const won = [...votes.values()].find(({ count }) => count >= entry.set.set.threshold)
  return won !== undefined && won.holders.length > 0 ? won.holders : null
}
