import { type Ballot, noBallot, type PeerId, type Version } from '../../base/ids.ts'
import type { Value, VersionRecord } from '../../replication/messages.ts'

/** Everything that was ever proposed and accepted for one key, whoever saw it. Methods return what is wrong, or null. */
export class KeyLedger {
  private readonly majority: number
  private readonly proposals = new Map<Ballot, { version: Version; print: string }>()
  private readonly acceptors = new Map<Ballot, Set<PeerId>>()
  private readonly grants = new Map<Ballot, Set<PeerId>>()
  /** Versions that a majority held at some time, under one ballot. */
  private readonly held = new Set<Version>()
  private readonly parents = new Map<Version, Version | null>()
  /** Ascending. */
  private readonly chosen: Ballot[] = []

  constructor(majority: number) {
    this.majority = majority
  }

  /** A replica said that it granted this ballot, asked for by a prepare or as `next`. */
  grant(ballot: Ballot, by: PeerId): void {
    const granters = this.grants.get(ballot) ?? new Set()
    if (granters.size === 0) this.grants.set(ballot, granters)
    granters.add(by)
  }

  /** Rules 4 and 6: whether a majority granted the ballot that `proposer`, which may vote for itself unseen, proposes under. */
  hasGrants(ballot: Ballot, proposer: PeerId | null): boolean {
    const granters = this.grants.get(ballot) ?? new Set()
    return granters.size + (proposer === null || granters.has(proposer) ? 0 : 1) >= this.majority
  }

  isProposed(ballot: Ballot): boolean {
    return this.proposals.has(ballot)
  }

  /** A value under a ballot was sent or stored. */
  propose(ballot: Ballot, value: Value): string | null {
    const known = this.proposals.get(ballot)
    const print = printOf(value)
    if (known !== undefined) {
      return known.print === print ? null : `two values at ballot ${ballot}: ${known.print} and ${print}`
    }
    this.proposals.set(ballot, { version: value.version, print })
    const wrong = this.knowParent(value)
    if (wrong !== null) return wrong
    if (value.parent !== null && !this.held.has(value.parent))
      return `version ${value.version} follows ${value.parent}, which no majority ever held`
    const below = this.chosen.findLast(each => each < ballot)
    return below === undefined ? null : this.followsOn(below, ballot)
  }

  /** A replica holds the value of this ballot durably, or said so. */
  accept(ballot: Ballot, by: PeerId): string | null {
    const holders = this.acceptors.get(ballot) ?? new Set()
    if (holders.size === 0) this.acceptors.set(ballot, holders)
    if (holders.has(by)) return null
    holders.add(by)
    if (holders.size !== this.majority) return null
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
    return this.acceptors.get(ballot)?.has(by) ?? false
  }

  /** Whether a majority holds this version or one that came after it. */
  isChosen(version: Version): boolean {
    return this.chosen.some(ballot => this.descends(this.proposals.get(ballot)?.version ?? null, version))
  }

  /** Highest ballot that a majority ever held, noBallot for none. */
  lastChosen(): Ballot {
    return this.chosen.at(-1) ?? noBallot
  }

  /** Whether walking the parents from `version` meets `ancestor`; true for itself. */
  descends(version: Version | null, ancestor: Version): boolean {
    let at: Version | null | undefined = version
    while (at !== null && at !== undefined && at > ancestor) at = this.parents.get(at)
    return at === ancestor
  }

  private followsOn(chosen: Ballot, later: Ballot): string | null {
    const before = this.proposals.get(chosen)
    const after = this.proposals.get(later)
    if (before === undefined || after === undefined) return null
    if (this.descends(after.version, before.version)) return null
    return `version ${before.version} was chosen at ballot ${chosen}, but ballot ${later} carries ${after.version}, which does not follow it`
  }
}

function printOf(value: Value): string {
  const operations = value.recentOps.map(each => `${each.id}=${each.answer}`).join(',')
  return `${value.version}<${value.parent} ${value.kind} ${value.hash.slice(0, 16)} ${value.expiresAtMs} [${operations}] ${value.opsFloor}`
}
