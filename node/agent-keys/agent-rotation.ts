import { setTimeout as delay } from 'node:timers/promises'
import type { PeerId } from '../../base/ids.ts'
import type { Registry } from '../../crypto/registry/registry.ts'
import { encodeEntry } from '../../crypto/registry/registry-codec.ts'
import type { RotatedRole } from '../key-control.ts'
import { Rotation, type RotationWish } from '../keys/rotation.ts'
import { type AgentDealingParts, agentBook, agentDealer, havePut, registryOf } from './agent-dealing.ts'

/** An agent that has only just come up has its keys from some holders while it still calls the others. */
const calledMs = 10_000

/**
 * Gives roles new keys where no member can: an agent that has the key of a role makes the next one, deals it to the holders of
 * shares itself, and has a member put it into the registry. What it deals goes sealed to each holder, whose recipient it asked
 * over a connection that proves who answers: no member gets to see a key by carrying it.
 */
export class AgentRotation {
  readonly #parts: AgentDealingParts
  readonly #rotation: Rotation

  constructor(parts: AgentDealingParts) {
    this.#parts = parts
    const { fleet, keys, clock, log } = parts
    const { collector } = keys
    this.#rotation = new Rotation({
      ...{ fleet, book: agentBook(parts), collector, clock, log },
      // Who holds shares now is to hold those of the next key.
      dealer: agentDealer(parts, () => holdersIn(registryOf(parts))),
      ready: roles => keys.held.ready(roles),
      putInForce: (entry, history) =>
        havePut(
          parts,
          { kind: 'replace', entry: encodeEntry(entry), dropsHistory: history === 'drop' },
          'No member put the new key into the registry.',
        ),
    })
  }

  /** @throws SlurpError as `Rotation.rotate`. */
  async rotate(role: string, wish: RotationWish = {}): Promise<RotatedRole> {
    await this.#holdersReady()
    const rotated = await this.#rotation.rotate(role, wish)
    await this.#parts.keys.refresh()
    return rotated
  }

  /** Every holder has to take its share. Whoever is not there within `calledMs` is named by the dealing. */
  async #holdersReady(): Promise<void> {
    const { links, clock } = this.#parts
    const untilMs = clock.monotonicMs() + calledMs
    const isAway = (peer: PeerId) => !links.ready().includes(peer)
    while (holdersIn(registryOf(this.#parts)).some(isAway)) {
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) return
      await Promise.race([links.nextChange(), delay(leftMs, undefined, { ref: false })])
    }
  }
}

function holdersIn({ secrets }: Registry): readonly PeerId[] {
  const [first] = secrets
  return first?.set.set.holders.map(({ peer }) => peer) ?? []
}
