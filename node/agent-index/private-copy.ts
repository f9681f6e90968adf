import { type ContextKey, noBallot, noHlc, type Version } from '../../base/ids.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Change } from '../../replication/records.ts'
import { encodeChange } from '../driver/codec/records.ts'
import { versionsKeptMax } from '../fleet-search/kept-versions.ts'
import type { LocalContexts } from '../fleet-search/ports.ts'
import type { Disk } from '../ports/ports.ts'

/** A context as it is put into a copy. */
export type CopiedContext = {
  readonly key: ContextKey
  /** What stands and what it replaced, newest first, as far as it was not there before. */
  readonly records: readonly VersionRecord[]
  /** Whether what was there before is what they replaced. */
  readonly isConnected: boolean
  readonly keptFrom: Version | null
}

const versionsAtOnce = 1_024

/**
 * The contexts of an agent's roles, as their authors sealed them, on the disk of the agent: in the form that a peer has them in,
 * so that all that follows the disk of a peer follows this one. It votes on nothing and serves nobody.
 */
export class PrivateCopy {
  readonly local: LocalContexts
  readonly #disk: Disk

  constructor(disk: Disk, local: LocalContexts) {
    this.#disk = disk
    this.local = local
  }

  /** What stands here. @throws DiskFailure. */
  versionOf(key: ContextKey): Version | null {
    return this.local.head(key)?.version ?? null
  }

  /** Durable when it resolves. @throws DiskFailure. */
  async take(contexts: readonly CopiedContext[]): Promise<void> {
    const changes: Change[] = []
    for (const { key, records, isConnected, keptFrom } of contexts) {
      const [newest] = records
      if (newest === undefined) continue
      for (const record of records) changes.push({ kind: 'version', key, record })
      const head = { ...newest, data: null, recentOps: [], opsFloor: newest.version }
      const value = keptFrom === null ? head : { ...head, keptFrom }
      changes.push({ kind: 'head', key, head: { accepted: noBallot, value } })
      const oldest = isConnected ? noHlc : records.at(-1)!.version
      changes.push(...(await this.#dropped(key, later(keptFrom, oldest), versionsKeptMax - records.length)))
    }
    await this.#write(changes)
  }

  /** The history of a context ends at a version from now on. @throws DiskFailure. */
  async trim(key: ContextKey, keptFrom: Version): Promise<void> {
    const value = this.local.head(key)
    if (value === null) return
    const head = { accepted: noBallot, value: { ...value, keptFrom } }
    await this.#write([{ kind: 'head', key, head }, ...(await this.#dropped(key, keptFrom, versionsKeptMax))])
  }

  /** Nothing of these is kept. @throws DiskFailure. */
  async drop(keys: readonly ContextKey[]): Promise<void> {
    const changes: Change[] = []
    for (const key of keys) {
      changes.push({ kind: 'headDropped', key })
      for (const version of await this.local.versions(key, noHlc, versionsAtOnce))
        changes.push({ kind: 'versionDropped', key, version })
    }
    await this.#write(changes)
  }

  /** What is below a version, and of the rest what is more than so many. */
  async #dropped(key: ContextKey, below: Version, most: number): Promise<Change[]> {
    const versions = await this.local.versions(key, noHlc, versionsAtOnce)
    const kept = versions.filter(version => version >= below)
    const tooMany = kept.slice(0, Math.max(0, kept.length - most))
    const gone = [...versions.filter(version => version < below), ...tooMany]
    return gone.map(version => ({ kind: 'versionDropped', key, version }))
  }

  #write(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return Promise.resolve()
    return new Promise((resolve, reject) =>
      this.#disk.write(changes.map(encodeChange), failure => (failure ? reject(failure) : resolve())),
    )
  }
}

const later = (a: Version | null, b: Version): Version => (a !== null && a > b ? a : b)
