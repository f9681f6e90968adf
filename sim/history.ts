import { sameBytes } from '../base/bytes.ts'
import type { ContextKey, Version } from '../base/ids.ts'
import type { ValueKind, VersionRecord, WriteOperation } from '../replication/messages.ts'
import type { RegisterOperation } from './checker/context-register.ts'
import type { Interval } from './checker/linearizability.ts'

/** A write as its author made it. */
type Authored = {
  readonly key: ContextKey
  readonly parent: Version | null | 'any'
  readonly kind: ValueKind
  readonly hash: string
  readonly data: Uint8Array
}

/** What every caller of the run asked and was told, in one global order. */
export class History {
  readonly byKey = new Map<ContextKey, Interval<RegisterOperation>[]>()
  /** Versions whose writer was told for certain that they were not written. */
  readonly denied = new Map<Version, ContextKey>()
  readonly acknowledged = new Map<Version, ContextKey>()
  operations = 0
  unknown = 0
  private readonly authored = new Map<Version, Authored>()
  private order = 0

  /** The next position in the order of all calls and returns. */
  now(): number {
    this.order += 1
    return this.order
  }

  author(operation: WriteOperation): void {
    const { kind, hash, data } = operation.value
    this.authored.set(operation.id, { key: operation.key, parent: operation.parent, kind, hash, data })
  }

  /** @param returnedAt - null when the outcome is unknown. */
  add(key: ContextKey, operation: RegisterOperation, calledAt: number, returnedAt: number | null): void {
    const list = this.byKey.get(key) ?? []
    if (list.length === 0) this.byKey.set(key, list)
    list.push({ operation, calledAt, returnedAt })
  }

  /** Invariant 13: what somebody was given is exactly what its author wrote. @returns what is wrong, or null. */
  verify(key: ContextKey, record: VersionRecord): string | null {
    const written = this.authored.get(record.version)
    if (written === undefined || written.key !== key) return `version ${record.version} was never written`
    if (record.data === null) return `version ${record.version} came without its bytes`
    const same =
      written.parent === record.parent &&
      written.kind === record.kind &&
      written.hash === record.hash &&
      sameBytes(written.data, record.data)
    return same ? null : `version ${record.version} is not what was written`
  }
}
