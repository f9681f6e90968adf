import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { SlurpError } from '../../base/errors.ts'
import { newAddressTemplate } from '../store/address-template.ts'
import { type BatchItem, batchStore } from '../store/batch.ts'
import { splitLines } from '../store/ndjson.ts'
import type { QueryOf } from './contract.ts'
import type { Door } from './door.ts'
import { fromFramework } from './failures.ts'

type Query = QueryOf<'batchStore'>

/**
 * Stores the lines of a request and streams an answer for each as it is done. Reads no further ahead than the
 * store takes and the client reads: memory stays constant for a body of any length.
 *
 * The last line is the summary, or `aborted` when the peer stops: lines without an answer were not begun then.
 */
export async function streamBatch(
  door: Door,
  query: Query,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (query.address !== undefined) newAddressTemplate(query.address)
  const answers = new PassThrough()
  // Only a client that hung up breaks it; the lines it sent are finished all the same.
  answers.on('error', () => undefined)
  reply.type('application/x-ndjson; charset=utf-8')
  void carryOut(door, query, request, answers)
  return reply.send(answers)
}

async function carryOut(
  door: Door,
  query: Query,
  request: FastifyRequest,
  answers: PassThrough,
): Promise<void> {
  const say = (line: object) => write(answers, line, door.limits.batchIdleMs)
  try {
    const body = (request.body as AsyncIterable<Uint8Array> | undefined) ?? noBody()
    const summary = await batchStore(door.peer.store, splitLines(watched(body, door)), {
      ...(query.address === undefined ? {} : { template: query.address }),
      ...(query.concurrency === undefined ? {} : { concurrency: query.concurrency }),
      ...(query.roles === undefined ? {} : { roles: query.roles }),
      ...(query.timeoutMs === undefined ? {} : { timeoutMs: query.timeoutMs }),
      signal: door.closing,
      onItem: item => {
        door.metrics.batchItem('error' in item ? 'failed' : 'stored')
        return say(answerTo(item))
      },
    })
    await say({ type: 'summary', ...summary })
  } catch (thrown) {
    const failure = fromFramework(thrown)
    door.metrics.requestRefused(failure.code)
    if (failure.code === 'INTERNAL') door.log.error({ err: failure.cause }, 'a batch failed unexpectedly')
    await say({ type: 'aborted', ...failure.toBody() })
  } finally {
    answers.end()
  }
}

const answerTo = (item: BatchItem): object =>
  'error' in item
    ? { type: 'item', line: item.line, ...item.error.toBody() }
    : { type: 'item', line: item.line, address: item.address, version: item.version }

/** Resolves when there is room for more; a client that reads nothing for `idleMs` is hung up on. */
async function write(answers: PassThrough, line: object, idleMs: number): Promise<void> {
  if (answers.destroyed || answers.write(`${JSON.stringify(line)}\n`)) return
  const timer = setTimeout(() => answers.destroy(), idleMs)
  await Promise.race([once(answers, 'drain'), once(answers, 'close')]).catch(() => undefined)
  clearTimeout(timer)
}

/** The chunks of a body, ended by an error when the peer stops or the client sends nothing for too long. */
async function* watched(body: AsyncIterable<Uint8Array>, door: Door): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => undefined)
  const close = () => reject(new SlurpError('SHUTTING_DOWN', 'This peer is stopping.'))
  if (door.closing.aborted) close()
  door.closing.addEventListener('abort', close)
  const idleMs = door.limits.batchIdleMs
  const idle = () => reject(new SlurpError('REQUEST_TIMEOUT', `No line came for ${idleMs} ms.`))
  const timer = setTimeout(idle, idleMs)
  try {
    for (;;) {
      timer.refresh()
      const { done, value } = await Promise.race([chunks.next(), ended])
      if (done) return
      yield value
    }
  } finally {
    clearTimeout(timer)
    door.closing.removeEventListener('abort', close)
    // Not awaited: the request may have nothing more to give, ever.
    void chunks.return?.()
  }
}

async function* noBody(): AsyncGenerator<Uint8Array> {
  // A batch of nothing is a batch.
}
