import type { IncomingMessage } from 'node:http'
import { SlurpError } from '../../base/errors.ts'
import { misuse } from './failures.ts'

export type BodyWatch = {
  /** Aborts when the peer begins to stop. */
  readonly closing: AbortSignal
  /** Longest wait for a chunk. */
  readonly idleMs: number
}

/**
 * The chunks of a body, one at a time: nothing more is read from the connection until the next one is asked for.
 *
 * @throws SlurpError SHUTTING_DOWN when the peer stops, REQUEST_TIMEOUT when nothing comes, USAGE when the
 * client hangs up in the middle. The request itself stays open, so that an answer can still be sent.
 */
export async function* readBody(request: IncomingMessage, watch: BodyWatch): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = []
  let failure: SlurpError | null = null
  let wake: (() => void) | null = null
  const fail = (thrown: SlurpError) => {
    failure ??= thrown
    wake?.()
  }
  const take = (chunk: Uint8Array) => {
    request.pause()
    chunks.push(chunk)
    wake?.()
  }
  const end = () => wake?.()
  const close = () => fail(new SlurpError('SHUTTING_DOWN', 'This peer is stopping.'))
  const hangUp = () => {
    if (request.readableEnded) end()
    else fail(misuse('The request ended before its body did.'))
  }
  const idle = () => fail(new SlurpError('REQUEST_TIMEOUT', `No line came for ${watch.idleMs} ms.`))
  request.on('data', take).on('end', end).on('close', hangUp).on('error', hangUp)
  watch.closing.addEventListener('abort', close)
  if (watch.closing.aborted) close()
  try {
    for (;;) {
      if (chunks.length === 0 && !request.readableEnded && failure === null) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        const timer = setTimeout(idle, watch.idleMs)
        if (request.destroyed) hangUp()
        else request.resume()
        await promise
        clearTimeout(timer)
        continue
      }
      if (failure !== null) throw failure
      const chunk = chunks.shift()
      if (chunk === undefined) return
      yield chunk
    }
  } finally {
    request.off('data', take).off('end', end).off('close', hangUp).off('error', hangUp)
    watch.closing.removeEventListener('abort', close)
  }
}
