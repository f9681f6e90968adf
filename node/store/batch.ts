import { asSlurpError, SlurpError } from '../../base/errors.ts'
import { canonicalOf, formatAddress } from './address.ts'
import { defaultAddressTemplate, newAddressTemplate } from './address-template.ts'
import type { ContextStore, StoreOptions } from './api.ts'
import { recordToContext } from './import-record.ts'
import { isPlainObject } from './json-values.ts'
import { Lanes } from './lanes.ts'
import { type NumberedLine, parseLine } from './ndjson.ts'

/** Records of one batch that are being written at once, unless told otherwise. */
export const batchConcurrencyDefault = 64
export const batchConcurrencyMax = 1024
/**
 * Lines read ahead per record being written, and bytes of them: versions of one path stand next to each other and
 * are written one by one, so that without reading on most of the places would stay empty.
 */
const readAheadFactor = 8
const readAheadCharsMax = 32 * 1024 * 1024

/** A batch is after throughput: one slow line is worth waiting for longer than a person would. */
const lineTimeoutMs = 30_000

export type BatchItem =
  | { readonly line: number; readonly address: string; readonly version: string }
  | { readonly line: number; readonly error: SlurpError }

export type BatchOptions = {
  /** Address with `{field}` in it; by default {@link defaultAddressTemplate}. */
  readonly template?: string
  /** 1 to 1024, by default 64. */
  readonly concurrency?: number
  /** Readers of every record, whatever its own `roles` say. */
  readonly roles?: readonly string[]
  readonly ifVersion?: string
  /** For one record. */
  readonly timeoutMs?: number
  /**
   * The lines are second tries, each as {@link resentLine} writes it: what was stored after the version that it names
   * and says the same is the line itself, and is not stored again.
   */
  readonly resent?: boolean
  /** No further line is begun once it is aborted; what was begun is finished and told. */
  readonly signal?: AbortSignal
  /**
   * Told of every line in the order of completion, once. `text` is the line for a retry, null when it was not
   * kept. A promise holds the batch back until it settles; a rejection ends the batch.
   */
  readonly onItem?: (item: BatchItem, text: string | null) => void | Promise<void>
}

export type BatchSummary = { readonly stored: number; readonly failed: number }

/**
 * Stores one record a line, with memory bounded by the window and not by the input. Records of one address are
 * written in the order of their lines, a failed one does not stop those behind it, others run side by side.
 *
 * @throws SlurpError USAGE for options that cannot work, and whatever reading `lines` or `onItem` throws; what was
 * begun is finished first. A failed line is an item, never a rejection.
 */
export async function batchStore(
  store: Pick<ContextStore, 'storeContext'>,
  lines: AsyncIterable<NumberedLine>,
  options: BatchOptions = {},
): Promise<BatchSummary> {
  const concurrency = options.concurrency ?? batchConcurrencyDefault
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > batchConcurrencyMax)
    throw new SlurpError(
      'USAGE',
      `The concurrency of a batch is a whole number from 1 to ${batchConcurrencyMax}.`,
    )
  const template = newAddressTemplate(options.template ?? defaultAddressTemplate)
  const lanes = new Lanes({
    running: concurrency,
    waiting: concurrency * readAheadFactor,
    size: readAheadCharsMax,
  })
  const settings = storeOptions(options)
  const tally = { stored: 0, failed: 0 }

  const report = async (item: BatchItem, text: string | null): Promise<void> => {
    if ('error' in item) tally.failed += 1
    else tally.stored += 1
    await options.onItem?.(item, text)
  }
  /** Where the lines of one address have come to, so that two that say the same are not taken for one. */
  const settledTo = new Map<string, string>()
  const begin = (line: number, text: string): { lane: string; run: () => Promise<void> } => {
    try {
      const parsed = parseLine(text)
      const { after, record } = options.resent ? takeResent(parsed) : { after: '', record: parsed }
      const { context, roles } = recordToContext(record)
      const address = template.expand(context)
      const full = formatAddress(address)
      const wanted = options.roles ?? roles
      const lane = canonicalOf(address)
      const unlessStoredAfter = () => {
        const settled = settledTo.get(lane) ?? ''
        return options.resent ? { unlessStoredAfter: settled > after ? settled : after } : {}
      }
      return {
        lane,
        run: async () => {
          const item = await storeOne(store, line, full, context, {
            ...settings,
            ...unlessStoredAfter(),
            ...(wanted === undefined ? {} : { roles: wanted }),
          })
          if (options.resent && 'version' in item) settledTo.set(lane, item.version)
          await report(item, text)
        },
      }
    } catch (thrown) {
      return { lane: '', run: () => report({ line, error: asSlurpError(thrown) }, text) }
    }
  }

  try {
    for await (const numbered of lines) {
      if (options.signal?.aborted === true) break
      const { line } = numbered
      if ('failure' in numbered) {
        await report({ line, error: numbered.failure }, null)
        continue
      }
      const { lane, run } = begin(line, numbered.text)
      await lanes.add(lane, numbered.text.length, run)
    }
  } finally {
    await lanes.drain()
  }
  return tally
}

/** A line that may have been stored before, after the version `after`. @param text - valid JSON or not: it is checked as a line is. */
export const resentLine = (after: string, text: string): string => `{"after":"${after}","record":${text}}`

function takeResent(parsed: unknown): { after: string; record: unknown } {
  if (isPlainObject(parsed) && typeof parsed.after === 'string' && 'record' in parsed) {
    return { after: parsed.after, record: parsed.record }
  }
  throw new SlurpError('CONTEXT_INVALID', 'A line that is sent again must be {"after":VERSION,"record":{…}}.')
}

function storeOptions(options: BatchOptions): StoreOptions {
  const { ifVersion, timeoutMs } = options
  return {
    ...(ifVersion === undefined ? {} : { ifVersion }),
    timeoutMs: timeoutMs ?? lineTimeoutMs,
  }
}

async function storeOne(
  store: Pick<ContextStore, 'storeContext'>,
  line: number,
  address: string,
  context: unknown,
  options: StoreOptions,
): Promise<BatchItem> {
  try {
    const stored = await store.storeContext(address, context, options)
    return { line, address: stored.address, version: stored.version }
  } catch (thrown) {
    return { line, error: asSlurpError(thrown) }
  }
}
