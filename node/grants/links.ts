import type { Digest, PeerId } from '../../base/ids.ts'
import { systemClock } from '../adapters/system-clock.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { FleetTime } from './judge.ts'

/** By so much news of grants is late at most where a message was lost: far below the 5 s that a revocation may take. */
const digestEveryMs = 2_000
const upkeepEveryMs = 5_000

/** What the network asks before it links a peer, and while it is linked. */
export const linkGuard = (keeper: GrantKeeper) => ({
  shown: () => keeper.shown,
  admits: (peer: PeerId, shown: string, address: string | null) => keeper.admits(peer, shown, address),
  stays: (peer: PeerId, address: string | null) => keeper.judge.stays(peer, address),
  isBarred: (peer: PeerId) => keeper.judge.isBarred(peer),
  isAgent: (peer: PeerId, address: string | null) => keeper.agents.isAdmitted(peer, address),
  answer: (from: PeerId, question: Uint8Array) => keeper.sync.answer(from, question),
})

/** @param fleetClock - null before there is one. */
export const timeOf = (fleetClock: FleetTime | null): FleetTime => ({
  get isKnown() {
    return fleetClock?.isKnown ?? false
  },
  wallMs: () => (fleetClock?.isKnown ? fleetClock.wallMs() : systemClock.wallMs()),
})

/**
 * Renews the peer's own grant in time, and tells the others what it knows.
 *
 * @returns ends it.
 */
export function tendGrants(keeper: GrantKeeper, tell: (digest: Digest) => void): () => void {
  const telling = setInterval(() => tell(keeper.digest()), digestEveryMs)
  const tending = setInterval(() => void keeper.upkeep(), upkeepEveryMs)
  void keeper.upkeep()
  return () => {
    clearInterval(telling)
    clearInterval(tending)
  }
}
