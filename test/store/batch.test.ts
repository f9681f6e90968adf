// Goal: a batch writes the records of one address in order and others side by side, within its bounds, and tells
// of each line once. Method: a store that ends its writes in an order drawn at random.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SlurpError } from '../../base/errors.ts'
import { seeded } from '../../base/random.ts'
import type { ContextStore, StoreOptions } from '../../node/store/api.ts'
import { type BatchItem, type BatchOptions, batchStore, resentLine } from '../../node/store/batch.ts'
import type { NumberedLine } from '../../node/store/ndjson.ts'

/** Of everything that a held store stores. */
const storedVersion = '2'.repeat(24)

type Begun = { address: string; context: Record<string, unknown>; options: StoreOptions; end: () => void }

/** Holds every write until the test lets one go. Refuses contexts with `refuse`. */
class HeldStore implements Pick<ContextStore, 'storeContext'> {
  readonly running: Begun[] = []
  readonly ended: Begun[] = []
  mostRunning = 0

  async storeContext(address: string, context: unknown, options: StoreOptions = {}) {
    const gate = Promise.withResolvers<void>()
    const write = { address, context: context as Record<string, unknown>, options, end: gate.resolve }
    this.running.push(write)
    this.mostRunning = Math.max(this.mostRunning, this.running.length)
    await gate.promise
    this.running.splice(this.running.indexOf(write), 1)
    this.ended.push(write)
    if (write.context.refuse) throw new SlurpError('CONTEXT_INVALID', 'refused')
    return { address, version: storedVersion, parent: null, acks: 2, replicas: 3, roles: [] }
  }
}

async function* linesFrom(texts: readonly string[], read = { lines: 0 }): AsyncGenerator<NumberedLine> {
  for (const [index, text] of texts.entries()) {
    read.lines = index + 1
    yield { line: index + 1, text }
  }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Lets writes end one by one, drawn from `seed`, until the batch is done. */
async function runBatch(texts: readonly string[], options: BatchOptions, seed = 1) {
  const store = new HeldStore()
  const items: BatchItem[] = []
  const random = seeded(seed)
  let done = false
  const whole = batchStore(store, linesFrom(texts), { ...options, onItem: item => void items.push(item) })
  const summary = whole.finally(() => {
    done = true
  })
  while (!done) {
    await turn()
    if (store.running.length > 0) random.pick(store.running).end()
  }
  return { summary: await summary, items, store }
}

const record = (path: string, more: object = {}) => JSON.stringify({ project: 'p', path, ...more })

test('lines of one address stay in order whatever ends first, and each line is told once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(4), fc.boolean()), { maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(),
      async (plan, concurrency, seed) => {
        const texts = plan.map(([path, refuse], index) => record(`f${path}`, { index, refuse }))
        const { summary, items, store } = await runBatch(texts, { concurrency }, seed)
        ok(store.mostRunning <= concurrency)
        for (let path = 0; path <= 4; path++) {
          const of = store.ended
            .filter(write => write.address.endsWith(`/f${path}`))
            .map(write => write.context.index)
          deepEqual(
            of,
            [...of].sort((a, b) => Number(a) - Number(b)),
          )
        }
        deepEqual(
          items.map(item => item.line).sort((a, b) => a - b),
          texts.map((_, index) => index + 1),
        )
        const failed = plan.filter(([, refuse]) => refuse).length
        deepEqual(summary, { stored: plan.length - failed, failed })
      },
    ),
    { numRuns: 60 },
  )
})

test('runs of versions of one path do not leave places empty', async () => {
  const texts = Array.from({ length: 40 }, (_, index) => record(`f${Math.floor(index / 5)}`))
  const { store } = await runBatch(texts, { concurrency: 8 })
  equal(store.mostRunning, 8)
})

test('a failed line is told with its number and reason, and later versions of its path go on', async () => {
  const texts = [record('a', { refuse: true }), record('a'), '{broken', '[]', '{"project":"p"}', record('b')]
  const told = new Map<number, string | null>()
  const store: Pick<ContextStore, 'storeContext'> = {
    storeContext: async (address, context) => {
      if ((context as { refuse?: boolean }).refuse) throw new SlurpError('TOO_LARGE', 'too large')
      return { address, version: storedVersion, parent: null, acks: 1, replicas: 1, roles: [] }
    },
  }
  const codes = new Map<number, string>()
  async function* lines(): AsyncGenerator<NumberedLine> {
    yield* linesFrom(texts)
    yield { line: 7, failure: new SlurpError('TOO_LARGE', 'long line') }
  }
  const summary = await batchStore(store, lines(), {
    onItem: (item, text) => {
      told.set(item.line, text)
      codes.set(item.line, 'error' in item ? item.error.code : item.address)
    },
  })
  deepEqual(summary, { stored: 2, failed: 5 })
  deepEqual(Object.fromEntries(codes), {
    1: 'TOO_LARGE',
    2: 'ucxl://any:any@p:any/*^/a',
    3: 'JSON_INVALID',
    4: 'CONTEXT_INVALID',
    5: 'ADDRESS_INVALID',
    6: 'ucxl://any:any@p:any/*^/b',
    7: 'TOO_LARGE',
  })
  equal(told.get(3), '{broken')
  equal(told.get(7), null)
})

test('what a line holds is not repeated in its error', async () => {
  const errors: string[] = []
  await batchStore(new HeldStore(), linesFrom(['{"title": canary}']), {
    onItem: item => void errors.push('error' in item ? item.error.message : ''),
  })
  equal(errors.length, 1)
  ok(!errors[0]!.includes('canary'))
})

test('reading ahead is bounded', async () => {
  const store = new HeldStore()
  const read = { lines: 0 }
  const texts = Array.from({ length: 1000 }, () => record('same'))
  const whole = batchStore(store, linesFrom(texts, read), { concurrency: 2 })
  while (store.running.length === 0) await turn()
  for (let i = 0; i < 50; i++) await turn()
  ok(read.lines <= 2 * 8 + 2 + 1, `${read.lines} lines were read ahead`)
  while (store.ended.length < 1000) {
    store.running[0]?.end()
    await turn()
  }
  deepEqual(await whole, { stored: 1000, failed: 0 })
})

test('roles come from the record, unless the batch names them', async () => {
  const texts = [record('a', { roles: ['tester'] }), record('b')]
  const own = await runBatch(texts, {})
  deepEqual(own.store.ended.map(write => write.options.roles).sort(), [['tester'], undefined])
  const named = await runBatch(texts, { roles: ['admin'] })
  deepEqual(
    named.store.ended.map(write => write.options.roles),
    [['admin'], ['admin']],
  )
})

test('an abort ends the reading, what was begun is told', async () => {
  const stop = new AbortController()
  const items: BatchItem[] = []
  const store = new HeldStore()
  async function* lines(): AsyncGenerator<NumberedLine> {
    yield { line: 1, text: record('a') }
    while (store.running.length === 0) await turn()
    stop.abort()
    yield { line: 2, text: record('b') }
  }
  const whole = batchStore(store, lines(), { signal: stop.signal, onItem: item => void items.push(item) })
  while (!stop.signal.aborted) await turn()
  store.running[0]!.end()
  deepEqual(await whole, { stored: 1, failed: 0 })
  equal(items.length, 1)
})

test('a source or a listener that fails ends the batch with its error after what runs has ended', async () => {
  const store = new HeldStore()
  async function* lines(): AsyncGenerator<NumberedLine> {
    yield { line: 1, text: record('a') }
    while (store.running.length === 0) await turn()
    store.running[0]!.end()
    throw new Error('the disk is gone')
  }
  await rejects(batchStore(store, lines()), /the disk is gone/)
  equal(store.ended.length, 1)
  const listener = batchStore(store, linesFrom(['{']), {
    onItem: () => Promise.reject(new Error('nobody listens')),
  })
  await rejects(listener, /nobody listens/)
  await rejects(batchStore(store, linesFrom([]), { concurrency: 0 }), { code: 'USAGE' })
  await rejects(batchStore(store, linesFrom([]), { template: 'nonsense' }), { code: 'USAGE' })
})

test('second tries name the version after which they count, those of one address each other', async () => {
  const after = '1'.repeat(24)
  const texts = [
    resentLine(after, record('a')),
    resentLine(after, record('a')),
    resentLine('f'.repeat(24), record('b')),
    record('c'),
    resentLine(after, 'broken'),
  ]
  const { items, store } = await runBatch(texts, { resent: true }, 3)
  const bounds = (path: string) =>
    store.ended
      .filter(write => write.address.endsWith(`/${path}`))
      .map(write => write.options.unlessStoredAfter)
  deepEqual(bounds('a'), [after, storedVersion])
  deepEqual(bounds('b'), ['f'.repeat(24)])
  const failed = items.filter(item => 'error' in item).map(item => [item.line, item.error.code])
  deepEqual(
    failed.sort(([a], [b]) => Number(a) - Number(b)),
    [
      [4, 'CONTEXT_INVALID'],
      [5, 'JSON_INVALID'],
    ],
  )
})
