import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { Registry, SecretEntry } from '../../crypto/registry/registry.ts'
import { encodeEntry } from '../../crypto/registry/registry-codec.ts'
import type { AgentKeys } from '../agents/agent-keys.ts'
import type { FleetLinks } from '../agents/fleet-links.ts'
import type { KeptHistory, RotatedRole } from '../key-control.ts'
import { Dealer } from '../keys/dealer.ts'
import { Rotation } from '../keys/rotation.ts'
import { decodeAnswers, encodeQuestion } from '../keys/wire.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'

export type AgentRotationParts = {
  readonly self: Identity
  readonly fleet: FleetId
  readonly keys: AgentKeys
  readonly links: Pick<FleetLinks, 'ready' | 'nameOf'>
  /** Questions about keys. */
  readonly exchange: Exchange
  readonly clock: Clock
  readonly log: Log
}

const replaceMs = 20_000

/**
 * Gives roles new keys where no member can: an agent that has the key of a role makes the next one, deals it to the holders of
 * shares itself, and has a member put it into the registry. What it deals goes sealed to each holder, whose recipient it asked
 * over a connection that proves who answers: no member gets to see a key by carrying it.
 */
export class AgentRotation {
  readonly #parts: AgentRotationParts
  readonly #rotation: Rotation

  constructor(parts: AgentRotationParts) {
    this.#parts = parts
    const { self, fleet, keys, links, exchange, clock, log } = parts
    const registry = () => this.#registry()
    const book = {
      get registry() {
        return registry()
      },
      agree: () => keys.refresh(),
      change: () => Promise.reject(new SlurpError('SEALED', 'An agent writes no registers.')),
    }
    const { collector } = keys
    const dealer = new Dealer({
      ...{ self, book, collector, exchange, log },
      // Who holds shares now is to hold those of the next key; a member that knows better refuses.
      view: () => ({ fleet, leaving: [], members: holdersIn(registry()).map(id => ({ id })) }),
      isBarred: () => false,
      holder: { keep: async () => 'An agent holds no shares.' },
      nameOf: peer => links.nameOf(peer) ?? peer,
    })
    this.#rotation = new Rotation({
      ...{ fleet, book, collector, dealer, clock, log },
      ready: roles => keys.held.ready(roles),
      putInForce: (entry, history) => this.#putInForce(entry, history),
    })
  }

  /** @throws SlurpError as `Rotation.rotate`. */
  async rotate(role: string, history: KeptHistory = 'keep'): Promise<RotatedRole> {
    const rotated = await this.#rotation.rotate(role, { history })
    await this.#parts.keys.refresh()
    return rotated
  }

  #registry(): Registry {
    const { registry } = this.#parts.keys
    if (registry !== null) return registry
    throw new SlurpError('SEALED', 'No member gave this agent the registry of keys yet.')
  }

  /** Asking twice does no harm: whoever is asked next finds what the one before did. */
  async #putInForce(entry: SecretEntry, history: KeptHistory): Promise<void> {
    const { links, exchange } = this.#parts
    const question = encodeQuestion({
      kind: 'replace',
      entry: encodeEntry(entry),
      dropsHistory: history === 'drop',
    })
    let why = 'No member answered.'
    for (const peer of links.ready()) {
      const [answer] = decodeAnswers(await exchange.ask(peer, question, replaceMs), 1) ?? []
      if (answer instanceof Uint8Array) return
      if (answer !== undefined) why = answer
    }
    throw new SlurpError('QUORUM_UNREACHED', `No member put the new key into the registry. ${why}`, {
      hint: 'Look with `slurp role ls`, then ask again. The grant of this agent has to allow admin:keys.',
    })
  }
}

function holdersIn({ secrets }: Registry): readonly PeerId[] {
  const [first] = secrets
  return first?.set.set.holders.map(({ peer }) => peer) ?? []
}
