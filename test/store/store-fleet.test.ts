// Goal: an import of real records into a fleet loses and changes nothing, a dead peer or not, and a lost quorum ends
// every call in time. Method: production drivers on virtual ports; what was acknowledged is read back version by
// version and held against its line.
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BatchItem, batchStore } from '../../node/store/batch.ts'
import type { RunningContextStore } from '../../node/store/context-store.ts'
import type { NumberedLine } from '../../node/store/ndjson.ts'
import { roleKeys, roleRecipients } from './identities.ts'
import { type RealRecord, realRecords } from './real-records.ts'
import { refusal } from './refusal.ts'
import { keysFor, newAddress, storeOn, withTime } from './stores.ts'
import { openWorldBench, type WorldBench } from './world-bench.ts'

const patient = { timeoutMs: 60_000 }
let bench: WorldBench
let stores: RunningContextStore[]
let sample: RealRecord[]

before(async () => {
  bench = await openWorldBench(5, 7)
  stores = bench.processes.map(process =>
    storeOn(bench, process, { keys: keysFor(roleKeys.map(key => key.name)) }),
  )
  sample = pathsWithManyVersions(await realRecords(), 60)
})
after(() => bench.close())

/** All versions of the first paths that have at least four, in the order of the file. */
function pathsWithManyVersions(records: readonly RealRecord[], paths: number): RealRecord[] {
  const counts = new Map<string, number>()
  for (const { path } of records) counts.set(path, (counts.get(path) ?? 0) + 1)
  const chosen = new Set(
    [...counts]
      .filter(([, count]) => count >= 4)
      .slice(0, paths)
      .map(([path]) => path),
  )
  return records.filter(record => chosen.has(record.path))
}

async function* linesOf(
  records: readonly RealRecord[],
  reached: (line: number) => void,
): AsyncGenerator<NumberedLine> {
  for (const [index, record] of records.entries()) {
    reached(index + 1)
    yield { line: index + 1, text: JSON.stringify(record) }
  }
}

/** The record as it went in: what a context has no field for comes back from its metadata. */
function recordFrom(context: Record<string, unknown>, roles: readonly string[]): Record<string, unknown> {
  const { metadata, ...fields } = context
  return { ...fields, ...(metadata as object), roles }
}

test('every version of an import reads back equal to its line, though a peer died half way', async () => {
  const roles = roleRecipients.map(role => role.name).sort()
  const items = new Map<number, BatchItem>()
  const half = Math.floor(sample.length / 2)
  const summary = await batchStore(
    stores[0]!,
    linesOf(sample, line => {
      if (line === half) bench.kill(4)
    }),
    { roles, ...patient, onItem: item => void items.set(item.line, item) },
  )
  deepEqual(summary, { stored: sample.length, failed: 0 })

  for (const path of new Set(sample.map(record => record.path))) {
    const lines = [...sample.entries()].filter(([, record]) => record.path === path)
    const stored = lines.map(([index]) => items.get(index + 1)!)
    const { address } = stored[0] as { address: string }
    const history = await stores[1]!.contextHistory(address, patient)
    deepEqual(
      history.versions.map(entry => entry.version).reverse(),
      stored.map(item => ('version' in item ? item.version : 'failed')),
    )
    deepEqual(
      history.versions.map(entry => [entry.author, entry.decision]).reverse(),
      lines.map(([, record]) => [record.agent, record.decision]),
    )
    for (const [number, [, record]] of lines.entries()) {
      const read = await stores[2]!.retrieveContext(withTime(address, `^^${number}`), patient)
      deepEqual(recordFrom(read.context, record.roles), record)
    }
    const latest = await stores[3]!.retrieveContext(address, patient)
    deepEqual(recordFrom(latest.context, lines.at(-1)![1].roles), lines.at(-1)![1])
  }
})

test('writers in several processes on one address: each write is carried out once, in one chain', async () => {
  const address = newAddress()
  const writes = Array.from({ length: 24 }, (_, index) =>
    stores[index % 3]!.storeContext(address, { title: `w${index}` }, patient),
  )
  const stored = await Promise.all(writes)
  const titles = new Set<unknown>()
  for (let hop = 0; hop < writes.length; hop++)
    titles.add((await stores[3]!.retrieveContext(withTime(address, `~~${hop}`), patient)).context.title)
  equal(titles.size, writes.length)
  equal(new Set(stored.map(each => each.parent)).size, writes.length)
})

test('without a quorum every call ends in time and says what is known', async () => {
  const address = newAddress()
  await stores[0]!.storeContext(address, { title: '1' }, patient)
  bench.kill(3)
  bench.kill(2)
  bench.kill(1)
  const { clock } = bench.processes[0]!
  const begunMs = clock.monotonicMs()
  const store = stores[0]!
  const failures = await Promise.all([
    refusal(store.storeContext(address, { title: '2' })),
    refusal(store.storeContext(address, { title: '3' }, { ifVersion: 'none' })),
    refusal(store.deleteContext(address)),
    refusal(store.retrieveContext(address)),
    refusal(store.contextHistory(address)),
    refusal(store.retrieveContext(withTime(address, '*~'))),
  ])
  ok(clock.monotonicMs() - begunMs < 6_000, `${clock.monotonicMs() - begunMs} ms of the fleet's time`)
  for (const [index, { code, message }] of failures.entries()) {
    equal(code, 'QUORUM_UNREACHED')
    match(message, index < 3 ? /outcome unknown/i : /^No quorum/)
  }
})
