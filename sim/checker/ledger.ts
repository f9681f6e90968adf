import { type Ballot, noBallot, type PeerId, type Version } from '../../base/ids.ts'
import type { Outcome, Value, VersionRecord } from '../../replication/messages.ts'

/** The groups of which a majority each must agree, by epoch of the partition; it grows as views are seen. */
export type GroupsByEpoch = ReadonlyMap<number, readonly (readonly PeerId[])[]>

/** Everything that was ever proposed and accepted for one key, whoever saw it. Methods return what is wrong, or null. */
export class KeyLedger {
  private readonly groups: GroupsByEpoch
  private readonly proposals = new Map<Ballot, { version: Version; print: string; isDead: boolean }>()
  /** Who accepted a ballot, by the epoch in which it did so. */
  private readonly acceptors = new Map<Ballot, Map<number, Set<PeerId>>>()
  /** Who ever held a ballot, in whatever epoch. */
  private readonly holders = new Map<Ballot, Set<PeerId>>()
  private readonly grants = new Map<Ballot, Map<number, Set<PeerId>>>()
  /** Versions that a majority held at some time, under one ballot. */
  private readonly held = new Set<Version>()
  private readonly parents = new Map<Version, Version | null>()
  /** Ascending. */
  private readonly chosen: Ballot[] = []
  /** Ballots of what was dead everywhere, and was dropped somewhere. */
  private readonly collected = new Set<Ballot>()
  private trimmedTo: Version | null = null

  constructor(groups: GroupsByEpoch) {
    this.groups = groups
  }

  /** A replica said that it granted this ballot in an epoch, asked for by a prepare or as `next`. */
  grant(ballot: Ballot, by: PeerId, epoch: number): void {
    addIn(this.grants, ballot, epoch, by)
  }

  /** Rules 4 and 6: whether in one epoch a majority granted the ballot that `proposer`, which may vote for itself unseen, proposes under. */
  hasGrants(ballot: Ballot, proposer: PeerId): boolean {
    const byEpoch = this.grants.get(ballot) ?? new Map<number, Set<PeerId>>()
    for (const [epoch, granters] of byEpoch) {
      if (this.isQuorum(epoch, peer => peer === proposer || granters.has(peer))) return true
    }
    return false
  }

  isProposed(ballot: Ballot): boolean {
    return this.proposals.has(ballot)
  }

  /** Whether what was proposed under a ballot is a tombstone, or expires. */
  isDead(ballot: Ballot): boolean {
    return this.proposals.get(ballot)?.isDead ?? false
  }

  /** A value under a ballot was sent or stored. */
  propose(ballot: Ballot, value: Value): string | null {
    const known = this.proposals.get(ballot)
    const print = printOf(value)
    if (known !== undefined) {
      return known.print === print ? null : `two values at ballot ${ballot}: ${known.print} and ${print}`
    }
    if (value.keptFrom !== undefined && value.keptFrom > (this.trimmedTo ?? ''))
      this.trimmedTo = value.keptFrom
    // What ever expires is dead from some time on, which is the replicas' affair.
    const isDead = value.kind === 'tombstone' || value.expiresAtMs !== 0
    this.proposals.set(ballot, { version: value.version, print, isDead })
    const wrong = this.knowParent(value)
    if (wrong !== null) return wrong
    if (value.parent !== null && !this.wasHeld(value.parent))
      return `version ${value.version} follows ${value.parent}, which no majority ever held`
    const below = this.chosen.findLast(each => each < ballot)
    return below === undefined ? null : this.followsOn(below, ballot)
  }

  /**
   * A replica holds the value of this ballot durably, or said so.
   * @param epoch - in which it accepted it; null where that cannot be told.
   */
  accept(ballot: Ballot, by: PeerId, epoch: number | null): string | null {
    const holders = this.holders.get(ballot) ?? new Set()
    if (holders.size === 0) this.holders.set(ballot, holders)
    holders.add(by)
    const proposed = this.proposals.get(ballot)
    if (proposed !== undefined && this.isHeldInAny(holders)) this.held.add(proposed.version)
    if (epoch === null) return null
    const acceptors = addIn(this.acceptors, ballot, epoch, by)
    return this.isQuorum(epoch, peer => acceptors.has(peer)) ? this.choose(ballot) : null
  }

  /** A whole quorum of one epoch holds this ballot now: a read of theirs returns it. */
  choose(ballot: Ballot): string | null {
    if (this.chosen.includes(ballot)) return null
    const proposed = this.proposals.get(ballot)
    if (proposed !== undefined) this.held.add(proposed.version)
    const at = this.chosen.findIndex(each => each > ballot)
    this.chosen.splice(at < 0 ? this.chosen.length : at, 0, ballot)
    for (const later of this.proposals.keys()) {
      const wrong = later > ballot ? this.followsOn(ballot, later) : null
      if (wrong !== null) return wrong
    }
    const before = this.chosen.findLast(each => each < ballot)
    return before === undefined ? null : this.followsOn(before, ballot)
  }

  /** The parent that a version names, for ever. */
  knowParent(record: VersionRecord): string | null {
    const known = this.parents.get(record.version)
    if (known === undefined) {
      this.parents.set(record.version, record.parent)
      return null
    }
    return known === record.parent
      ? null
      : `version ${record.version} has two parents: ${known} and ${record.parent}`
  }

  hasAccepted(ballot: Ballot, by: PeerId): boolean {
    return this.holders.get(ballot)?.has(by) ?? false
  }

  /** Whether a majority holds this version or one that came after it. */
  isChosen(version: Version): boolean {
    return this.chosen.some(ballot => this.descends(this.versionAt(ballot), version))
  }

  /** The same, where it cannot be told in which epoch a replica accepted. */
  isHeld(version: Version): boolean {
    for (const [ballot, holders] of this.holders) {
      if (this.isHeldInAny(holders) && this.descends(this.versionAt(ballot), version)) return true
    }
    return false
  }

  /** Highest ballot that a majority ever held and that must not be lost; noBallot for none. */
  lastChosen(): Ballot {
    const last = this.chosen.at(-1) ?? noBallot
    return this.collected.has(last) ? noBallot : last
  }

  /**
   * Rule 9: what stands at this ballot is dead with all replicas, and one dropped it. Returns its version the first time; null
   * also where a minority alone ever held it, over a key that the others had collected: then it never stood.
   */
  collect(ballot: Ballot): Version | null {
    if (this.collected.has(ballot)) return null
    this.collected.add(ballot)
    return this.hasStood(ballot) ? this.versionAt(ballot) : null
  }

  /** Whether a majority ever held what was proposed at this ballot, in whatever epoch each of them took it. */
  hasStood(ballot: Ballot): boolean {
    const version = this.versionAt(ballot)
    return version !== null && this.wasHeld(version)
  }

  /** Whether a version need not be in the history any more: somebody trimmed it, or it, or what came after it, was collected. */
  isHistoryGone(version: Version): boolean {
    if (this.trimmedTo !== null && version < this.trimmedTo) return true
    return [...this.collected].some(ballot => this.descends(this.versionAt(ballot), version))
  }

  /** Whether walking the parents from `version` meets `ancestor`; true for itself. */
  descends(version: Version | null, ancestor: Version): boolean {
    let at: Version | null | undefined = version
    while (at !== null && at !== undefined && at > ancestor) at = this.parents.get(at)
    return at === ancestor
  }

  /** Whether a version stands over an absent key, which is one since `before`, or what followed it, was collected. */
  private beginsAnew(version: Version, before: Version): boolean {
    return [...this.collected].some(ballot => {
      const gone = this.versionAt(ballot)
      if (gone === null || !this.descends(gone, before)) return false
      let at: Version | null | undefined = version
      while (at !== null && at !== undefined && at > gone) at = this.parents.get(at)
      return at === null
    })
  }

  /** Whether a majority of some epoch held this version; of an epoch that was not known yet when they took it, too. */
  private wasHeld(version: Version): boolean {
    if (this.held.has(version)) return true
    for (const [ballot, holders] of this.holders) {
      if (this.versionAt(ballot) !== version || !this.isHeldInAny(holders)) continue
      this.held.add(version)
      return true
    }
    return false
  }

  private versionAt(ballot: Ballot): Version | null {
    return this.proposals.get(ballot)?.version ?? null
  }

  private isHeldInAny(holders: ReadonlySet<PeerId>): boolean {
    for (const epoch of this.groups.keys()) {
      if (this.isQuorum(epoch, peer => holders.has(peer))) return true
    }
    return false
  }

  private isQuorum(epoch: number, has: (peer: PeerId) => boolean): boolean {
    return this.groups.get(epoch)?.every(group => isMajority(group, has)) ?? false
  }

  private followsOn(chosen: Ballot, later: Ballot): string | null {
    const before = this.proposals.get(chosen)
    const after = this.proposals.get(later)
    if (before === undefined || after === undefined) return null
    if (this.descends(after.version, before.version)) return null
    if (this.beginsAnew(after.version, before.version)) return null
    return `version ${before.version} was chosen at ballot ${chosen}, but ballot ${later} carries ${after.version}, which does not follow it`
  }
}

export function isMajority(group: readonly PeerId[], has: (peer: PeerId) => boolean): boolean {
  let count = 0
  for (const peer of group) if (has(peer)) count += 1
  return count > group.length / 2
}

/** Adds a peer to those under a ballot and an epoch. @returns all of them. */
export function addIn(
  map: Map<Ballot, Map<number, Set<PeerId>>>,
  ballot: Ballot,
  epoch: number,
  peer: PeerId,
): Set<PeerId> {
  const byEpoch = map.get(ballot) ?? new Map<number, Set<PeerId>>()
  if (byEpoch.size === 0) map.set(ballot, byEpoch)
  const peers = byEpoch.get(epoch) ?? new Set<PeerId>()
  if (peers.size === 0) byEpoch.set(epoch, peers)
  return peers.add(peer)
}

function printOf(value: Value): string {
  const operations = value.recentOps.map(each => `${each.id}=${each.answer}`).join(',')
  return `${value.version}<${value.parent} ${value.kind} ${value.hash.slice(0, 16)} ${value.expiresAtMs} [${operations}] ${value.opsFloor} ${value.keptFrom ?? ''}`
}

/** The version that an answer says stands, null where it says of none. */
export function standingVersion(outcome: Outcome): Version | null {
  switch (outcome.kind) {
    case 'found':
      return outcome.value.version
    case 'conflict':
      return outcome.current
    case 'written':
      return outcome.version
    default:
      return null
  }
}
