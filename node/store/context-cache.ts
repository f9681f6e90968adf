import { LRUCache } from 'lru-cache'
import type { ContextKey, Digest, Version } from '../../base/ids.ts'
import type { RoleVersion } from './api.ts'
import type { Shown } from './folding.ts'

/** What this process last saw standing at a key. */
export type CachedVersion = {
  readonly version: Version
  readonly parent: Version | null
  /** What readers see of it: of a reseal what it stands for. */
  readonly shown: Shown
  readonly hash: Digest
  /** 0 for never. */
  readonly expiresAtMs: number
  readonly roles: readonly RoleVersion[]
  /** Who signed it, for contexts that do not name their author. */
  readonly signer: string
  /** The context; null for a tombstone. As text: what a caller does to its copy must not reach the next one. */
  readonly json: string | null
}

type Entry = CachedVersion & { readonly seenAtMs: number }

/** Opened contexts, the least recently used ones dropped past a number of bytes. In memory only. */
export class ContextCache {
  readonly #entries: LRUCache<ContextKey, Entry>
  readonly #ttlMs: number

  constructor(bytesMax: number, ttlMs: number) {
    this.#ttlMs = ttlMs
    this.#entries = new LRUCache({ maxSize: Math.max(1, bytesMax), sizeCalculation: sizeOf })
  }

  /** What was seen at most the allowed time ago, null otherwise. */
  fresh(key: ContextKey, monotonicMs: number): CachedVersion | null {
    const entry = this.#entries.get(key)
    return entry !== undefined && monotonicMs - entry.seenAtMs <= this.#ttlMs ? entry : null
  }

  /** The opened text of exactly these bytes, however long ago they were seen. */
  opened(key: ContextKey, version: Version, hash: Digest): CachedVersion | null {
    const entry = this.#entries.get(key)
    return entry?.version === version && entry.hash === hash ? entry : null
  }

  /** Notes what stood at `monotonicMs`. An answer that was overtaken by a newer version changes nothing. */
  note(key: ContextKey, seen: CachedVersion, monotonicMs: number): void {
    const entry = this.#entries.peek(key)
    if (entry !== undefined && entry.version > seen.version) return
    const seenAtMs = entry?.version === seen.version ? Math.max(entry.seenAtMs, monotonicMs) : monotonicMs
    this.#entries.set(key, { ...seen, seenAtMs })
  }

  forget(key: ContextKey): void {
    this.#entries.delete(key)
  }

  /** Keys are gone: what they opened goes too. */
  clear(): void {
    this.#entries.clear()
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }
}

/** Fields beside the text, and the entry itself, roughly. */
const overheadBytes = 512

const sizeOf = (entry: Entry): number => overheadBytes + 2 * (entry.json?.length ?? 0)
