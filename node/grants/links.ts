import type { Digest, PeerId, RoleName } from '../../base/ids.ts'
import {
  fleetSecretName,
  membersKeyName,
  type SecretName,
  signingKeyName,
} from '../../crypto/shares/secret-name.ts'
import { systemClock } from '../adapters/system-clock.ts'
import type { GrantKeeper } from './grant-keeper.ts'
import type { FleetTime, Judge } from './judge.ts'

/** By so much news of grants is late at most where a message was lost: far below the 5 s that a revocation may take. */
const digestEveryMs = 2_000
const upkeepEveryMs = 5_000

/** What the network asks before it links a peer, and while it is linked. */
export const linkGuard = (keeper: GrantKeeper) => ({
  shown: () => keeper.shown,
  admits: (peer: PeerId, shown: string, address: string | null) => keeper.refusalOf(peer, shown, address),
  stays: (peer: PeerId, address: string | null) => keeper.judge.stays(peer, address),
  isBarred: (peer: PeerId) => keeper.judge.isBarred(peer),
  isAgent: (peer: PeerId, address: string | null) => keeper.agents.isAdmitted(peer, address),
  answer: (from: PeerId, question: Uint8Array) => keeper.sync.answer(from, question),
})

/** Whether what a peer is granted now is for a secret of the fleet. */
export const mayHave =
  (judge: Judge, members: () => readonly { readonly id: PeerId }[]) =>
  (peer: PeerId, secret: SecretName): boolean => {
    if (secret === signingKeyName || secret === membersKeyName)
      return judge.maySign(
        peer,
        members().map(({ id }) => id),
      )
    return judge.mayHold(peer, secret === fleetSecretName ? null : (secret as RoleName))
  }

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
