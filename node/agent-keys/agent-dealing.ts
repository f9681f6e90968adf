import { SlurpError } from '../../base/errors.ts'
import type { FleetId, PeerId } from '../../base/ids.ts'
import type { Identity } from '../../crypto/identity.ts'
import type { Registry } from '../../crypto/registry/registry.ts'
import type { AgentKeys } from '../agents/agent-keys.ts'
import type { FleetLinks } from '../agents/fleet-links.ts'
import { Dealer, type DealerParts } from '../keys/dealer.ts'
import { decodeAnswers, encodeQuestion, type KeyQuestion } from '../keys/wire.ts'
import type { Exchange } from '../ports/exchange.ts'
import type { Clock } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'

/** What an agent needs to make and deal keys. */
export type AgentDealingParts = {
  readonly self: Identity
  readonly fleet: FleetId
  readonly keys: AgentKeys
  readonly links: Pick<FleetLinks, 'ready' | 'nameOf' | 'nextChange'>
  /** Questions about keys. */
  readonly exchange: Exchange
  readonly clock: Clock
  readonly log: Log
}

const putMs = 20_000

/** @throws SlurpError SEALED. */
export function registryOf({ keys }: Pick<AgentDealingParts, 'keys'>): Registry {
  if (keys.registry !== null) return keys.registry
  throw new SlurpError('SEALED', 'No member gave this agent the registry of keys yet.')
}

/** As members have it, but that it changes by what members are asked to put into it. */
export const agentBook = (parts: Pick<AgentDealingParts, 'keys'>) => ({
  get registry() {
    return registryOf(parts)
  },
  agree: () => parts.keys.refresh(),
  change: () => Promise.reject(new SlurpError('SEALED', 'An agent writes no registers.')),
})

/** Deals what is open to an agent. @param holders - members that are to hold shares; a member that knows better refuses. */
export function agentDealer(
  parts: AgentDealingParts,
  holders: () => readonly PeerId[],
  putInForce?: NonNullable<DealerParts['putInForce']>,
): Dealer {
  const { self, fleet, keys, links, exchange, log } = parts
  return new Dealer({
    ...{ self, book: agentBook(parts), collector: keys.collector, exchange, log },
    view: () => ({ fleet, leaving: [], members: holders().map(id => ({ id })) }),
    isBarred: () => false,
    holder: { keep: async () => 'An agent holds no shares.' },
    nameOf: peer => links.nameOf(peer) ?? peer,
    ...(putInForce === undefined ? {} : { putInForce }),
  })
}

/**
 * Has a member put something into the registry. Asking twice does no harm: whoever is asked next finds what the one
 * before did.
 *
 * @throws SlurpError QUORUM_UNREACHED with `sentence` and why.
 */
export async function havePut(
  { links, exchange }: Pick<AgentDealingParts, 'links' | 'exchange'>,
  asked: Extract<KeyQuestion, { kind: 'replace' | 'redealt' }>,
  sentence: string,
): Promise<void> {
  const question = encodeQuestion(asked)
  let why = 'No member answered.'
  for (const peer of links.ready()) {
    const [answer] = decodeAnswers(await exchange.ask(peer, question, putMs), 1) ?? []
    if (answer instanceof Uint8Array) return
    if (answer !== undefined) why = answer
  }
  throw new SlurpError('QUORUM_UNREACHED', `${sentence} ${why}`, {
    hint: 'Look with `slurp role ls`, then ask again. The grant of this agent has to allow admin:keys.',
  })
}
