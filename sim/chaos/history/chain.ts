import type { Call, ChainEntry } from './call.ts'

/** The versions of one address at the end, and who wrote which. */
export class Chain {
  /** Newest first. */
  private readonly entries: readonly ChainEntry[]
  private readonly places = new Map<string, number>()
  private readonly versionsByMark = new Map<string, string>()

  constructor(entries: readonly ChainEntry[]) {
    this.entries = entries
    for (const [place, { version, mark }] of entries.entries()) {
      this.places.set(version, place)
      if (mark !== null && !this.versionsByMark.has(mark)) this.versionsByMark.set(mark, version)
    }
  }

  /** The version that this write made; null when it made none, or is no put and was not answered. */
  versionOf({ ask, outcome }: Call): string | null {
    if (outcome.kind === 'written' || outcome.kind === 'deleted') return outcome.version
    return ask.kind === 'put' ? (this.versionsByMark.get(ask.mark) ?? null) : null
  }

  /** The version that this one replaced, null for the first; undefined when it is not here. */
  parentOf(version: string): string | null | undefined {
    const place = this.places.get(version)
    return place === undefined ? undefined : (this.entries[place + 1]?.version ?? null)
  }

  /** Tombstones that no answer names, oldest first: deletions whose outcome nobody was told. */
  orphans(calls: readonly Call[]): ChainEntry[] {
    const told = new Set(calls.map(({ outcome }) => (outcome.kind === 'deleted' ? outcome.version : null)))
    return this.entries.filter(({ version, mark }) => mark === null && !told.has(version)).toReversed()
  }

  /** Deletions without an answer that may have made this tombstone. */
  deletersOf(version: string, calls: readonly Call[]): Call[] {
    const parent = this.parentOf(version)
    return calls.filter(
      ({ ask, outcome }) =>
        ask.kind === 'delete' &&
        outcome.kind === 'unknown' &&
        (ask.ifVersion === null || ask.ifVersion === parent),
    )
  }

  /** Everything that the answers and the final history say against each other; empty when they agree. */
  verify(calls: readonly Call[]): string[] {
    return [...this.inItself(), ...this.againstWriters(calls), ...calls.flatMap(call => this.against(call))]
  }

  private inItself(): string[] {
    const wrong: string[] = []
    for (const [place, { version, mark }] of this.entries.entries()) {
      const older = this.entries[place + 1]
      if (older !== undefined && older.version >= version)
        wrong.push(`version ${version} follows ${older.version}, which is not below it`)
      if (mark !== null && this.versionsByMark.get(mark) !== version)
        wrong.push(`write ${mark} was carried out twice: ${this.versionsByMark.get(mark)} and ${version}`)
    }
    return wrong
  }

  /** Every version was asked for, by a write that was not told that it failed. */
  private againstWriters(calls: readonly Call[]): string[] {
    const puts = new Map(calls.flatMap(call => (call.ask.kind === 'put' ? [[call.ask.mark, call]] : [])))
    const wrong: string[] = []
    for (const { version, mark } of this.entries) {
      if (mark === null) continue
      const put = puts.get(mark)
      if (put === undefined) wrong.push(`version ${version} says "${mark}", which nobody wrote`)
      else if (put.outcome.kind === 'refused' || put.outcome.kind === 'conflict')
        wrong.push(`write ${mark} was told as failed (${put.outcome.kind}) and is version ${version}`)
    }
    const orphans = this.orphans(calls)
    const named = orphans.map(({ version }) => version).join(' ')
    const unknown = calls.filter(({ ask, outcome }) => ask.kind === 'delete' && outcome.kind === 'unknown')
    if (orphans.length > unknown.length)
      wrong.push(`${orphans.length} tombstones for ${unknown.length} deletions without an answer: ${named}`)
    else if (orphans.some(({ version }) => this.deletersOf(version, calls).length === 0))
      wrong.push(`a tombstone that no deletion without an answer can have made: ${named}`)
    return wrong
  }

  private against({ ask, outcome }: Call): string[] {
    switch (outcome.kind) {
      case 'written': {
        const mark = ask.kind === 'put' ? ask.mark : ''
        const parent = this.parentOf(outcome.version)
        if (parent === undefined) return [`acknowledged version ${outcome.version} (${mark}) is lost`]
        if (parent !== outcome.parent)
          return [`version ${outcome.version} was told to follow ${outcome.parent} and follows ${parent}`]
        return this.holds(outcome.version, mark)
      }
      case 'deleted':
        if (!this.places.has(outcome.version)) return [`acknowledged deletion ${outcome.version} is lost`]
        return this.holds(outcome.version, null)
      case 'found':
        if (!this.places.has(outcome.version)) return [`version ${outcome.version} was read and is lost`]
        return this.holds(outcome.version, outcome.mark)
      case 'versions':
        return this.contains(outcome.entries)
      case 'conflict':
        if (outcome.current === null || this.places.has(outcome.current)) return []
        return [`version ${outcome.current} was named in a conflict and is lost`]
      default:
        return []
    }
  }

  private holds(version: string, mark: string | null): string[] {
    const kept = this.entries[this.places.get(version)!]!.mark
    return kept === mark ? [] : [`version ${version} was "${mark}" and is "${kept}" at the end`]
  }

  /** A page of a history is a piece of the final one, without a gap. */
  private contains(page: readonly ChainEntry[]): string[] {
    const first = page[0]
    if (first === undefined) return []
    const start = this.places.get(first.version)
    if (start === undefined) return [`version ${first.version} was in a history and is lost`]
    const at = page.findIndex(({ version, mark }, offset) => {
      const kept = this.entries[start + offset]
      return kept?.version !== version || kept.mark !== mark
    })
    if (at < 0) return []
    return [`a history showed ${page[at]!.version} where ${this.entries[start + at]?.version} is`]
  }
}
