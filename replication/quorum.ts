import type { PeerId } from '../base/ids.ts'

/**
 * Who must answer for a round in one epoch: a majority of every group. One group in a stable and a learn
 * stage, two in a joint stage (rule 10). `targets` also names those who receive accepts without a vote.
 */
export type Quorum = {
  readonly epoch: number
  readonly groups: readonly (readonly PeerId[])[]
  /** Everybody who is sent prepares, accepts and queries; the members of all groups first. */
  readonly targets: readonly PeerId[]
}

const majority = (size: number): number => Math.floor(size / 2) + 1

/** Whether the peers of `who` are a majority of every group. */
export function isQuorum(quorum: Quorum, who: { has(peer: PeerId): boolean }): boolean {
  return quorum.groups.every(group => {
    let count = 0
    for (const peer of group) if (who.has(peer)) count += 1
    return count >= majority(group.length)
  })
}

/** Whether a quorum could still form without the peers of `lost`. */
export function canBeQuorum(quorum: Quorum, lost: { has(peer: PeerId): boolean }): boolean {
  return isQuorum(quorum, { has: peer => !lost.has(peer) })
}

/** Whether `peer` is asked for a promise and counted; a learner only receives (rule 10). */
export const isVoter = (quorum: Quorum, peer: PeerId): boolean =>
  quorum.groups.some(group => group.includes(peer))

/** Peers of `who` that vote: learners are not counted. */
export function votes(quorum: Quorum, who: ReadonlySet<PeerId>): number {
  const voters = new Set(quorum.groups.flat())
  let count = 0
  for (const peer of who) if (voters.has(peer)) count += 1
  return count
}
