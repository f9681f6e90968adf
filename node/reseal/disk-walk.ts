import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, PartitionId } from '../../base/ids.ts'
import { readEnvelope } from '../../crypto/envelope.ts'
import type { EnvelopeHeader } from '../../crypto/envelope-codec.ts'
import type { Value, VersionRecord } from '../../replication/messages.ts'
import type { LocalVersions, StoredVersion } from './ports.ts'

/** A version that is kept, and what its envelope says in the open. */
export type KeptVersion = Pick<EnvelopeHeader, 'version' | 'roles' | 'standsFor'>

/** One context as the disk has it. */
export type StoredContext = {
  readonly key: ContextKey
  /** What stands, without its bytes; null where that is damaged, or was dropped meanwhile. */
  readonly head: Value | null
  /** What stands, with its bytes; null where they are missing. */
  readonly record: VersionRecord | null
  /** What stands and what is kept of before, oldest first. */
  readonly kept: readonly KeptVersion[]
  /** Versions whose bytes cannot be read. */
  readonly damaged: number
}

type Stored = Pick<StoredVersion, 'key' | 'version'> & {
  record: VersionRecord | null
  readonly header: KeptVersion | null
}

const recordsAtOnce = 32

/** All contexts of a disk, or of one partition of it, in the order of keys. @throws DiskFailure. */
export async function* contextsOn(
  local: LocalVersions,
  partition: PartitionId | null,
  rest: () => Promise<void>,
): AsyncGenerator<StoredContext> {
  let place: Parameters<LocalVersions['stored']>[1] = null
  let open: Stored[] = []
  for (;;) {
    const { entries, isLast } = await local.stored(partition, place, recordsAtOnce)
    for (const entry of entries) {
      if (open.length > 0 && open[0]!.key !== entry.key) {
        yield contextOf(local, open)
        open = []
      }
      open.push(storedOf(entry))
      // What stands comes last: the bytes of a long history need not be in memory.
      if (open.length > 1) open.at(-2)!.record = null
    }
    if (isLast) break
    place = entries.at(-1)!
    await rest()
  }
  if (open.length > 0) yield contextOf(local, open)
}

function contextOf(local: LocalVersions, stored: readonly Stored[]): StoredContext {
  const { key } = stored[0]!
  const head = local.head(key)
  const keptFrom = head?.keptFrom ?? ''
  const counted = stored.filter(({ version }) => version >= keptFrom)
  const kept = counted.flatMap(({ header }) => header ?? [])
  const record = stored.find(({ version }) => version === head?.version)?.record ?? null
  return { key, head, record, kept, damaged: counted.length - kept.length }
}

function storedOf({ key, version, record }: StoredVersion): Stored {
  const header = record?.data ? headerOf(record.data) : null
  return { key, version, record, header }
}

function headerOf(data: Uint8Array): KeptVersion | null {
  try {
    const { version, roles, standsFor } = readEnvelope(data)
    return { version, roles, standsFor }
  } catch (thrown) {
    if (thrown instanceof SlurpError) return null
    throw thrown
  }
}
