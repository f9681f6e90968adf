import type { ContextKey, PartitionId, Version } from '../../base/ids.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Change, Head, Hint, PartitionRecord, Records } from '../../replication/records.ts'

/** The disk of a pure peer: what is saved is there, durable at once. */
export class PureRecords implements Records {
  readonly heads = new Map<ContextKey, Head>()
  readonly versions = new Map<string, { readonly key: ContextKey; readonly record: VersionRecord }>()
  readonly partitions = new Map<PartitionId, PartitionRecord>()
  readonly hints = new Map<string, Hint>()

  head(key: ContextKey): Head | null {
    return this.heads.get(key) ?? null
  }

  version(key: ContextKey, version: Version): VersionRecord | null {
    return this.versions.get(key + version)?.record ?? null
  }

  partition(partition: PartitionId): PartitionRecord | null {
    return this.partitions.get(partition) ?? null
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'head':
        this.heads.set(change.key, change.head)
        return
      case 'headDropped':
        this.heads.delete(change.key)
        return
      case 'version':
        this.versions.set(change.key + change.record.version, change)
        return
      case 'versionDropped':
        this.versions.delete(change.key + change.version)
        return
      case 'partition':
        this.partitions.set(change.partition, change.record)
        return
      case 'hint':
        this.hints.set(nameOf(change.hint), change.hint)
        return
      case 'hintDone':
        this.hints.delete(nameOf(change.hint))
    }
  }
}

const nameOf = ({ peer, key, version }: Hint): string => `${peer} ${key} ${version}`
