import type { ClientRequest, IncomingMessage } from 'node:http'
import { type ErrorBody, SlurpError } from '../../../base/errors.ts'
import { type NumberedLine, splitLines } from '../../store/ndjson.ts'
import { type FleetClient, failureFrom, nothingListens, readAnswer } from '../client.ts'
import { Feed, type FeedOptions, type SourceLine } from './feed.ts'

export type SendOptions = FeedOptions & {
  readonly address: string | undefined
  readonly roles: readonly string[] | undefined
  readonly concurrency: number
  readonly timeoutMs: number | undefined
  readonly onStored: () => void
}

/** `stoppedAt`: number of the first line that was not sent, null when all were. */
export type SendResult = { readonly stoppedAt: number | null; readonly why: SlurpError | null }

/** Lines sent and not answered yet, kept for the failures file. */
const unansweredMax = 4096
const unansweredBytesMax = 64 * 1024 * 1024

/**
 * Streams lines to `POST /v1/batch` and its answers back. Goes on at the next door when a peer is lost or
 * stops: lines whose answer never came are failed with an unknown outcome, lines that a peer never took are
 * sent again.
 */
export async function sendBatch(
  client: FleetClient,
  lines: AsyncGenerator<NumberedLine>,
  options: SendOptions,
): Promise<SendResult> {
  const feed = new Feed(lines, options)
  let why: SlurpError | null = null
  for (const url of client.urls) {
    const exchange = new Exchange(client, url, feed, options)
    why = await exchange.run()
    const stoppedAt = await feed.nextLine()
    if (why === null || stoppedAt === null) return { stoppedAt, why: feed.failure }
    if (!isLoss(why)) break
  }
  return { stoppedAt: await feed.nextLine(), why }
}

const isLoss = (why: SlurpError): boolean => why.code === 'UNREACHABLE' || why.code === 'SHUTTING_DOWN'

/** One batch request to one door. */
class Exchange {
  readonly #client: FleetClient
  readonly #url: string
  readonly #feed: Feed
  readonly #options: SendOptions
  /** By the number that the peer counts, from 1. */
  readonly #unanswered = new Map<number, SourceLine>()
  #unansweredBytes = 0
  #sent = 0
  #ended = false
  #wake: (() => void) | null = null

  constructor(client: FleetClient, url: string, feed: Feed, options: SendOptions) {
    this.#client = client
    this.#url = url
    this.#feed = feed
    this.#options = options
  }

  /** @returns null when every line that was fed got an answer, else why not. */
  async run(): Promise<SlurpError | null> {
    const { address, roles, concurrency, timeoutMs } = this.#options
    const { request, response } = this.#client.open(
      this.#url,
      {
        method: 'POST',
        path: '/v1/batch',
        query: { address, roles: roles?.join(','), concurrency, timeoutMs },
      },
      null,
    )
    const pumped = this.#pump(request)
    let why: SlurpError | null = null
    try {
      why = await this.#readAnswers(await response)
    } catch (thrown) {
      why = await this.#lost(thrown)
    }
    this.#ended = true
    this.#wake?.()
    request.destroy()
    await pumped
    await this.#settle(why)
    return why
  }

  async #pump(request: ClientRequest): Promise<void> {
    while (!this.#ended) {
      if (this.#unanswered.size >= unansweredMax || this.#unansweredBytes >= unansweredBytesMax) {
        await new Promise<void>(resolve => (this.#wake = resolve))
        continue
      }
      const line = await this.#feed.next()
      if (line === null) break
      if (this.#ended) {
        this.#feed.giveBack([line])
        return
      }
      this.#sent += 1
      this.#unanswered.set(this.#sent, line)
      this.#unansweredBytes += line.text.length
      if (!request.write(`${line.text}\n`)) await this.#untilDrained(request)
    }
    request.end()
  }

  #untilDrained(request: ClientRequest): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        request.off('drain', done).off('close', done)
        resolve()
      }
      request.on('drain', done).on('close', done)
      if (request.destroyed) done()
    })
  }

  async #readAnswers(response: IncomingMessage): Promise<SlurpError | null> {
    if (response.statusCode !== 200) {
      await readAnswer(response, this.#url)
      throw new SlurpError('UNREACHABLE', `What answers at ${this.#url} is not a SLURP peer.`)
    }
    // What breaks it is thrown by reading; once enough is read nobody listens any more.
    response.on('error', () => undefined)
    for await (const answer of splitLines(response)) {
      if ('failure' in answer) throw answer.failure
      const said = JSON.parse(answer.text) as BatchAnswer
      if (said.type === 'aborted') return failureFrom({ error: said.error })
      if (said.type === 'summary') return null
      await this.#answered(said)
    }
    throw new SlurpError('UNREACHABLE', `The answer of ${this.#url} ended early.`)
  }

  async #answered(said: ItemAnswer): Promise<void> {
    const line = this.#unanswered.get(said.line)
    if (!line) return
    this.#unanswered.delete(said.line)
    this.#unansweredBytes -= line.text.length
    this.#wake?.()
    if (said.error) await this.#options.onFailed({ ...line, error: said.error })
    else this.#options.onStored()
  }

  async #lost(thrown: unknown): Promise<SlurpError> {
    const neverTaken = nothingListens(thrown)
    const why = this.#client.describe(thrown, this.#url, 'POST')
    if (neverTaken) this.#takeBack()
    return why
  }

  #takeBack(): void {
    this.#feed.giveBack([...this.#unanswered.values()])
    this.#unanswered.clear()
  }

  /** Lines left without an answer: not carried out where the peer said so, else of unknown outcome. */
  async #settle(why: SlurpError | null): Promise<void> {
    if (why === null) return
    if (why.code !== 'UNREACHABLE') return this.#takeBack()
    const message = `The peer was lost before it answered; outcome unknown: the line may or may not be stored.`
    const error = new SlurpError('QUORUM_UNREACHED', message).toBody().error
    for (const line of this.#unanswered.values()) await this.#options.onFailed({ ...line, error })
    this.#unanswered.clear()
  }
}

type ItemAnswer = {
  type: 'item'
  line: number
  address?: string
  version?: string
  error?: ErrorBody['error']
}
type BatchAnswer = ItemAnswer | { type: 'summary' } | { type: 'aborted'; error: ErrorBody['error'] }
