import { SlurpError } from '../../base/errors.ts'
import type { ContextKey, Version } from '../../base/ids.ts'
import type { RoleRecipient } from '../../crypto/roles.ts'
import type { VersionRecord } from '../../replication/messages.ts'
import type { Deadline } from './deadline.ts'
import type { Shown } from './folding.ts'
import type { ReplicaReader } from './replica-reader.ts'
import type { VersionOpener } from './version-opener.ts'

/** What a second try would write. */
export type TwinAsk = {
  readonly key: ContextKey
  /** Only versions above it can be the first try. */
  readonly after: Version
  readonly json: string
  readonly readers: readonly RoleRecipient[]
}

/** Thrown where a write finds that it was carried out before. */
export class StoredBefore extends Error {
  readonly shown: Shown

  constructor(shown: Shown) {
    super('This was stored before.')
    this.shown = shown
  }
}

/**
 * The newest version that says the same, to the same roles; null when there is none. The read settles what stands
 * at a quorum, and a version that is written afterwards is bound to it as its parent: a first try that is still on
 * its way then comes too late.
 *
 * @throws SlurpError as a walk of the history does.
 */
export async function findTwin(
  reader: ReplicaReader,
  opener: VersionOpener,
  ask: TwinAsk,
  deadline: Deadline,
): Promise<Shown | null> {
  for await (const { record, shown } of reader.entries(ask.key, deadline)) {
    if (shown.version <= ask.after) return null
    if (record.kind === 'live' && (await saysTheSame(opener, ask, record))) return shown
  }
  return null
}

async function saysTheSame(opener: VersionOpener, ask: TwinAsk, record: VersionRecord): Promise<boolean> {
  try {
    const { json, roles } = await opener.open(ask.key, record, undefined)
    const isReader = (name: string) => ask.readers.some(reader => reader.name === name)
    return (
      json === ask.json && roles.length === ask.readers.length && roles.every(role => isReader(role.name))
    )
  } catch (thrown) {
    // What this peer cannot open it did not write.
    if (thrown instanceof SlurpError && thrown.code === 'ROLE_DENIED') return false
    throw thrown
  }
}
