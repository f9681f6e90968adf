import { Worker } from 'node:worker_threads'
import { type ErrorCode, SlurpError } from '../../base/errors.ts'
import type { RoleKey } from '../../crypto/roles.ts'
import type { BodySealer } from './ports.ts'
import type { Answered, Asked, ThreadData } from './thread/messages.ts'

type Thread = { readonly worker: Worker; waiting: number }

/** By itself V8 takes 48 MB for what is new. */
const maxYoungGenerationSizeMb = 8

/** A few threads that seal anew, with the keys of this process as they were at the start. It is closed to be rid of them. */
export class WorkerPool implements BodySealer {
  readonly #threads: readonly Thread[]
  readonly #waiting = new Map<number, PromiseWithResolvers<Uint8Array>>()
  #lastId = 0
  #isClosed = false

  constructor(roleKeys: readonly RoleKey[], threads: number) {
    const workerData: ThreadData = {
      roleKeys: roleKeys.map(({ name, keyVersion, identity }) => ({
        name,
        keyVersion,
        identity: identity.secretText(),
      })),
    }
    this.#threads = Array.from({ length: threads }, () => {
      const worker = new Worker(besideThis(), {
        workerData,
        name: 'reseal',
        resourceLimits: { maxYoungGenerationSizeMb },
      })
      worker.on('message', (answered: Answered) => this.#answered(answered))
      worker.on('error', () => this.#end())
      worker.on('exit', () => this.#end())
      return { worker, waiting: 0 }
    })
  }

  /** A thread has ended by itself: the pool is of no use any more. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  async seal(data: Uint8Array, binding: Uint8Array, recipients: readonly string[]): Promise<Uint8Array> {
    const [thread] = [...this.#threads].sort((a, b) => a.waiting - b.waiting)
    if (this.#isClosed || thread === undefined) throw ended()
    const id = ++this.#lastId
    const promised = Promise.withResolvers<Uint8Array>()
    this.#waiting.set(id, promised)
    thread.waiting += 1
    thread.worker.postMessage({ id, data, binding, recipients } satisfies Asked)
    try {
      return await promised.promise
    } finally {
      thread.waiting -= 1
    }
  }

  /** The keys in the threads are wiped as far as that goes. */
  close(): void {
    this.#end()
    for (const { worker } of this.#threads) worker.postMessage('close')
  }

  #answered(answered: Answered): void {
    const promised = this.#waiting.get(answered.id)
    this.#waiting.delete(answered.id)
    if ('body' in answered) promised?.resolve(answered.body)
    else promised?.reject(new SlurpError(answered.code as ErrorCode, answered.message))
  }

  #end(): void {
    this.#isClosed = true
    for (const promised of this.#waiting.values()) promised.reject(ended())
    this.#waiting.clear()
  }
}

const ended = () => new SlurpError('SHUTTING_DOWN', 'Nothing is sealed anew in this process any more.')

/** The worker's file has the ending of this one: sources or compiled. */
const besideThis = (): URL =>
  new URL(
    import.meta.url.endsWith('.ts') ? './thread/reseal-thread.ts' : './thread/reseal-thread.js',
    import.meta.url,
  )
