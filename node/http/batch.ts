import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { newAddressTemplate } from '../store/address-template.ts'
import type { ContextStore } from '../store/api.ts'
import { type BatchItem, batchStore } from '../store/batch.ts'
import { splitLines } from '../store/ndjson.ts'
import { audited } from './audited.ts'
import { readBody } from './batch-body.ts'
import type { QueryOf } from './contract.ts'
import type { Door } from './door.ts'
import { fromFramework } from './failures.ts'

type Query = QueryOf<'batchStore'>

/** How long a client that is told of an early end may go on sending. */
const hearingMs = 2000

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
    const body = readBody(request.raw, { closing: door.closing, idleMs: door.limits.batchIdleMs })
    const { store } = door.peer
    const lines: Pick<ContextStore, 'storeContext'> = {
      storeContext: (address, context, options = {}) =>
        audited(door, 'storeContext', { request, address, member: '', roles: options.roles }, () =>
          store.storeContext(address, context, options),
        ),
    }
    const summary = await batchStore(lines, splitLines(body), {
      ...(query.address === undefined ? {} : { template: query.address }),
      ...(query.concurrency === undefined ? {} : { concurrency: query.concurrency }),
      ...(query.roles === undefined ? {} : { roles: query.roles }),
      ...(query.timeoutMs === undefined ? {} : { timeoutMs: query.timeoutMs }),
      resent: query.resent === 'true',
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
    await untilHeard(request.raw)
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

/**
 * Takes in what the client still sends until it stops: closing a connection with unread bytes would make its
 * system throw away the answer.
 */
async function untilHeard(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, hearingMs)
  request
    .once('end', resolve)
    .once('close', resolve)
    .once('error', () => resolve())
  request.resume()
  await promise
  clearTimeout(timer)
}
