import type { ClientRequest, IncomingMessage } from 'node:http'
import { type ErrorBody, SlurpError } from '../../../base/errors.ts'
import { type NumberedLine, splitLines } from '../../store/ndjson.ts'
import { type FleetClient, failureFrom, nothingListens, readAnswer } from '../client.ts'
import { Feed, type FeedOptions, type LineFeed, type SourceLine } from './feed.ts'
import { SecondFeed, SecondTries } from './second-try.ts'

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
 * Streams lines to `POST /v1/batch` and its answers back. Goes on at the next door when a peer is lost or stops: lines
 * that a peer never took are sent there, and lines whose answer never came as second tries, which store nothing that
 * is stored already.
 */
export async function sendBatch(
  client: FleetClient,
  lines: AsyncGenerator<NumberedLine>,
  options: SendOptions,
): Promise<SendResult> {
  const feed = new Feed(lines, options)
  const seconds = new SecondTries(options.address, Date.now())
  const onAcknowledged = (address: string, version: string) => seconds.acknowledged(address, version)
  let doubtful: SourceLine[] = []
  let why: SlurpError | null = null
  for (const url of client.urls) {
    if (doubtful.length > 0) {
      const again = new SecondFeed(doubtful, seconds, options)
      const exchange = new Exchange(client, url, again, { ...options, onAcknowledged, resent: true })
      why = await exchange.run()
      doubtful = again.left(exchange.doubtful)
      if (why !== null && isLoss(why)) continue
      if (why !== null) break
    }
    const exchange = new Exchange(client, url, feed, { ...options, onAcknowledged, resent: false })
    why = await exchange.run()
    doubtful = [...doubtful, ...exchange.doubtful]
    if (why === null || !isLoss(why)) break
    if (doubtful.length === 0 && (await feed.nextLine()) === null) break
  }
  const { error } = neverAnswered().toBody()
  for (const line of doubtful) await options.onFailed({ ...line, error })
  const stoppedAt = await feed.nextLine()
  return { stoppedAt, why: stoppedAt === null ? feed.failure : why }
}

const isLoss = (why: SlurpError): boolean => why.code === 'UNREACHABLE' || why.code === 'SHUTTING_DOWN'

const neverAnswered = () =>
  new SlurpError(
    'QUORUM_UNREACHED',
    'The peer was lost before it answered; outcome unknown: the line may or may not be stored.',
  )

type ExchangeOptions = SendOptions & {
  readonly onAcknowledged: (address: string, version: string) => void
  /** The lines are second tries. */
  readonly resent: boolean
}

/** One batch request to one door. */
class Exchange {
  readonly #client: FleetClient
  readonly #url: string
  readonly #feed: LineFeed
  readonly #options: ExchangeOptions
  /** By the number that the peer counts, from 1. */
  readonly #unanswered = new Map<number, SourceLine>()
  /** Lines of unknown outcome, once it has run. */
  doubtful: SourceLine[] = []
  #unansweredBytes = 0
  #sent = 0
  #ended = false
  #wake: (() => void) | null = null

  constructor(client: FleetClient, url: string, feed: LineFeed, options: ExchangeOptions) {
    this.#client = client
    this.#url = url
    this.#feed = feed
    this.#options = options
  }

  /** @returns null when every line that was fed got an answer, else why not. */
  async run(): Promise<SlurpError | null> {
    const { address, roles, concurrency, timeoutMs, resent } = this.#options
    const { request, response } = this.#client.open(
      this.#url,
      {
        method: 'POST',
        path: '/v1/batch',
        query: {
          address,
          roles: roles?.join(','),
          concurrency,
          timeoutMs,
          resent: resent ? 'true' : undefined,
        },
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
    this.#settle(why)
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
      await this.#write(request, line.text)
    }
    request.end()
  }

  /**
   * Resolves when there is room for more. That is told by the callback of the write, not by `drain`: a request counts
   * the bytes of text and its connection the letters, so that the request may hold back where the connection never does.
   */
  #write(request: ClientRequest, text: string): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        request.off('close', done)
        resolve()
      }
      request.on('close', done)
      if (request.write(`${text}\n`, done) || request.destroyed) done()
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
    if (said.error) await this.#options.onFailed({ ...this.#feed.original(line), error: said.error })
    else {
      if (said.address !== undefined && said.version !== undefined)
        this.#options.onAcknowledged(said.address, said.version)
      this.#options.onStored()
    }
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
  #settle(why: SlurpError | null): void {
    if (why === null) return
    // Where the peer itself ended the batch, it began none of the lines that it did not answer.
    if (why.code !== 'UNREACHABLE') return this.#takeBack()
    this.doubtful = [...this.#unanswered.values()]
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
