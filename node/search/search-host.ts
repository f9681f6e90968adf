import { Worker } from 'node:worker_threads'
import { SlurpError } from '../../base/errors.ts'
import type { RoleKey, RoleRecipient } from '../../crypto/roles.ts'
import type {
  Candidate,
  Change,
  Checkpoint,
  Hit,
  Ranking,
  RankRequest,
  SearchAnswer,
  SearchRequest,
  Stock,
} from './api.ts'
import type { IndexConfiguration } from './engine/configuration.ts'
import { mainIndex } from './engine/configuration.ts'
import type { IndexReport, Work } from './engine/maintenance.ts'
import type { Difference } from './engine/reconcile.ts'
import { searchLimits } from './limits.ts'
import { type Answered, type Ask, type Asked, errorFrom, type ThreadData } from './thread/messages.ts'

export type SearchHostOptions = {
  /** Folder of the index; `DIR.mark` lies beside it. */
  readonly dir: string
  /** 32 bytes that only this process has, made of its own key: what lies in `dir` is good for it alone. */
  readonly bindingSecret: Uint8Array
  /** All key versions of the roles that this process holds. A change needs a new host. */
  readonly roleKeys: readonly RoleKey[]
  /** The public keys of all roles of the fleet. */
  readonly recipients: readonly RoleRecipient[]
  /** `main` alone without it. */
  readonly indexes?: readonly IndexConfiguration[]
  /** The code of the worker, where it is not beside this file: in a bundle. */
  readonly thread?: URL
}

export type SearchReport = {
  readonly indexes: readonly IndexReport[]
  readonly work: Work | null
  /** False while documents may be missing. */
  readonly complete: boolean
  /** Shelves that were dropped since the start because a piece was damaged. */
  readonly damaged: number
  readonly memory: NodeJS.MemoryUsage
}

/** By itself V8 takes 48 MB for what is new: of use to whoever makes much garbage all the time, as no search does. */
const maxYoungGenerationSizeMb = 12

/** Characters of texts that are handed to the worker at once: copying them holds up this thread. */
const charsAtOnce = 256 * 1024

/**
 * The search of this process: an engine in a worker thread. Nothing that it does holds up the thread of the caller for
 * longer than it takes to copy a request and its answer.
 *
 * Feed: ask `checkpoint()`; for what changed behind it, or after null for everything that the store has, `reconcile` and
 * `apply` what is missing; say `noteComplete()` when there is no more for now, and go on.
 */
export class SearchHost {
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #lastId = 0
  #gone: SlurpError | null = null

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (answered: Answered) => this.#answered(answered))
    worker.on('error', failure => this.#end(failure))
    worker.on('exit', () => this.#end())
  }

  /** @throws SlurpError INTERNAL when the database cannot be opened; damage is no failure, see `checkpoint`. */
  static async start(options: SearchHostOptions): Promise<SearchHost> {
    const { dir, bindingSecret, roleKeys, recipients, indexes = [mainIndex] } = options
    const data: ThreadData = {
      dir,
      bindingSecret,
      roleKeys: roleKeys.map(({ name, keyVersion, identity }) => ({
        name,
        keyVersion,
        identity: identity.secretText(),
      })),
      recipients,
      indexes,
    }
    const worker = new Worker(options.thread ?? besideThis(), {
      workerData: data,
      name: 'search',
      resourceLimits: { maxYoungGenerationSizeMb },
    })
    const host = new SearchHost(worker)
    await host.#promised(0)
    return host
  }

  search(request: SearchRequest): Promise<SearchAnswer> {
    return this.#ask({ kind: 'search', request }) as Promise<SearchAnswer>
  }

  /** The first step of a fan-out: the best of this process, with what is needed to weigh them again. */
  rank(request: RankRequest): Promise<Ranking> {
    return this.#ask({ kind: 'rank', request }) as Promise<Ranking>
  }

  /** The second step of a fan-out: hits for the candidates of this process that are among the best of all. */
  present(candidates: readonly Candidate[], request: SearchRequest): Promise<Hit[]> {
    return this.#ask({ kind: 'present', candidates, request }) as Promise<Hit[]>
  }

  /**
   * Does changes in their order; they are found when it resolves. The checkpoint counts when all of them are in.
   *
   * @param checkpoint - null when the step of the feed goes on with the next call.
   * @throws SlurpError TOO_MANY, ROLE_UNKNOWN, SHUTTING_DOWN.
   */
  async apply(changes: readonly Change[], checkpoint: Checkpoint | null): Promise<void> {
    let part: Change[] = []
    let chars = 0
    for (const change of changes) {
      part.push(change)
      chars += change.kind === 'put' ? change.document.content.length + 1024 : 64
      if (chars < charsAtOnce) continue
      await this.#ask({ kind: 'apply', changes: part, checkpoint: null })
      part = []
      chars = 0
    }
    await this.#ask({ kind: 'apply', changes: part, checkpoint })
  }

  /** Takes out what the store does not have. @returns what it has and the index lacks. */
  reconcile(stock: Stock): Promise<Difference['missing']> {
    return this.#ask({ kind: 'reconcile', stock }) as Promise<Difference['missing']>
  }

  /** Up to where everything is in the index; null: nothing is known, the feed begins anew. */
  checkpoint(): Promise<Checkpoint | null> {
    return this.#ask({ kind: 'checkpoint' }) as Promise<Checkpoint | null>
  }

  /** The feed has handed in all there was: answers say from now on that they are complete. */
  async noteComplete(): Promise<void> {
    await this.#ask({ kind: 'noteComplete' })
  }

  /** Something is missing, and the feed begins anew: answers say so, and a bookmark is none until `noteComplete`. */
  async noteIncomplete(): Promise<void> {
    await this.#ask({ kind: 'noteIncomplete' })
  }

  async optimize(index?: string): Promise<void> {
    await this.#ask({ kind: 'optimize', ...(index !== undefined && { index }) })
  }

  async rebuild(index?: string): Promise<void> {
    await this.#ask({ kind: 'rebuild', ...(index !== undefined && { index }) })
  }

  verify(index?: string): Promise<{ pieces: number; damaged: number }> {
    return this.#ask({ kind: 'verify', ...(index !== undefined && { index }) }) as Promise<{
      pieces: number
      damaged: number
    }>
  }

  report(): Promise<SearchReport> {
    return this.#ask({ kind: 'report' }) as Promise<SearchReport>
  }

  /** Waits until nothing goes on in the background. */
  async settled(): Promise<void> {
    await this.#ask({ kind: 'settled' })
  }

  /**
   * Ends the worker. Level does not take it well when its thread ends while it is open, so there is no quicker way.
   *
   * @param storing - false: what is in the log only stays there, and is read again at the next start.
   */
  async close(storing = true): Promise<void> {
    if (this.#gone === null) await this.#ask({ kind: 'close', storing })
    this.#gone ??= new SlurpError('SHUTTING_DOWN', 'The search of this process has ended.')
    await this.#worker.terminate()
  }

  #ask(ask: Ask): Promise<unknown> {
    if (this.#gone !== null) return Promise.reject(this.#gone)
    if (this.#waiting.size >= searchLimits.waitingMax) {
      return Promise.reject(new SlurpError('TOO_MANY', 'Too many searches wait in this process.'))
    }
    const id = ++this.#lastId
    const promised = this.#promised(id)
    this.#worker.postMessage({ id, ask } satisfies Asked)
    return promised
  }

  #promised(id: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    return waiting.promise
  }

  #answered(answered: Answered): void {
    const waiting = this.#waiting.get(answered.id)
    this.#waiting.delete(answered.id)
    if ('error' in answered) waiting?.reject(errorFrom(answered.error))
    else waiting?.resolve(answered.answer)
  }

  /** @param cause - what ended the thread, where nobody asked for it. */
  #end(cause?: unknown): void {
    this.#gone ??= new SlurpError('SHUTTING_DOWN', 'The search of this process has ended.', { cause })
    for (const waiting of this.#waiting.values()) waiting.reject(this.#gone)
    this.#waiting.clear()
  }
}

/** The worker's file has the ending of this one: sources or compiled. */
const besideThis = (): URL =>
  new URL(import.meta.url.endsWith('.ts') ? './thread/thread.ts' : './thread/thread.js', import.meta.url)
