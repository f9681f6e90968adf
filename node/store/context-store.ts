import { SlurpError } from '../../base/errors.ts'
import type {
  ContextStore,
  DeletedContext,
  DeleteOptions,
  HistoryOptions,
  HistoryPage,
  RetrievedContext,
  RetrieveOptions,
  StoredContext,
  StoreOptions,
} from './api.ts'
import type { CompareOptions, Comparison } from './compare/api.ts'
import type { ResolvedContext, ResolveOptions } from './hierarchy/api.ts'
import { resolveAddress } from './hierarchy/resolve.ts'
import { StoreDesk, type StoreParts } from './store-desk.ts'
import { StoreReads } from './store-reads.ts'
import { StoreWrites } from './store-writes.ts'

export type { StoreParts } from './store-desk.ts'

/** A store that can be closed and counted. */
export type RunningContextStore = ContextStore & {
  /** Refuses new calls with SHUTTING_DOWN; resolves when those that run have ended. */
  close(): Promise<void>
  /** Forgets every context that was opened: the keys were given up. */
  forget(): void
  /** Monotonic counts since start, and the size of the cache, by name. */
  counters(): Record<string, number>
}

/** The use cases over one way to reach the owners. See {@link ContextStore} for what each does and throws. */
export function newContextStore(parts: StoreParts): RunningContextStore {
  return new SealingStore(parts)
}

class SealingStore implements RunningContextStore {
  readonly #desk: StoreDesk
  readonly #reads: StoreReads
  readonly #writes: StoreWrites
  #running = 0
  #closing: PromiseWithResolvers<void> | null = null

  constructor(parts: StoreParts) {
    this.#desk = new StoreDesk(parts)
    this.#reads = new StoreReads(this.#desk)
    this.#writes = new StoreWrites(this.#desk)
  }

  storeContext(address: string, context: unknown, options: StoreOptions = {}): Promise<StoredContext> {
    return this.#run(() => this.#writes.store(address, context, options))
  }

  retrieveContext(address: string, options: RetrieveOptions = {}): Promise<RetrievedContext> {
    return this.#run(() => this.#reads.retrieve(address, options))
  }

  deleteContext(address: string, options: DeleteOptions = {}): Promise<DeletedContext> {
    return this.#run(() => this.#writes.delete(address, options))
  }

  contextHistory(address: string, options: HistoryOptions = {}): Promise<HistoryPage> {
    return this.#run(() => this.#reads.history(address, options))
  }

  resolveContext(address: string, options: ResolveOptions = {}): Promise<ResolvedContext> {
    return this.#run(async () => {
      const { explain = false, ...reading } = options
      const deadline = this.#desk.deadline(options.timeoutMs)
      const read = (each: string) =>
        this.#reads.retrieve(each, { ...reading, timeoutMs: Math.max(1, deadline.leftMs) })
      return await resolveAddress(read, address, explain)
    })
  }

  compareContexts(from: string, to?: string, options: CompareOptions = {}): Promise<Comparison> {
    return this.#run(() => this.#reads.compare(from, to, options))
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>()
    if (this.#running === 0) this.#closing.resolve()
    return this.#closing.promise
  }

  forget(): void {
    this.#desk.cache.clear()
  }

  counters(): Record<string, number> {
    const { writer, cache } = this.#desk
    return { ...this.#reads.counters, ...this.#writes.counters, ...writer.counters, cacheBytes: cache.bytes }
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== null) throw new SlurpError('SHUTTING_DOWN', 'This peer is shutting down.')
    this.#running += 1
    try {
      return await work()
    } finally {
      this.#running -= 1
      if (this.#running === 0) (this.#closing as PromiseWithResolvers<void> | null)?.resolve()
    }
  }
}
