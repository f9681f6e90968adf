// Goal: what one process's search reaches with 100,000 contexts of 1 KB: latency of each kind of question, questions a
// second, memory, documents a second, and for how long its main thread is held up. Method: a worker as in production, random
// words by Zipf's law; first the index is filled, then questions come at a fixed rate whether or not the ones before are
// answered, then from clients that wait. Run it with `node test/bench/search/engine.ts [--contexts N] [--seconds N]`.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import type { RoleName } from '../../../base/ids.ts'
import { type Random, seeded } from '../../../base/random.ts'
import { newRoleKey } from '../../../crypto/roles.ts'
import { SearchHost } from '../../../node/search/search-host.ts'
import { indexed } from './corpus.ts'
import { type Kind, makeCorpus } from './questions.ts'

const { values } = parseArgs({
  options: { contexts: { type: 'string', default: '100000' }, seconds: { type: 'string', default: '4' } },
})
const contexts = Number(values.contexts)
const seconds = Number(values.seconds)
const perApply = 64
const openRate = 300
const clients = 16
const roles = ['developer', 'architect', 'devops', 'tester'] as RoleName[]

const random = seeded(1)
const { context, kinds } = makeCorpus()
const documentAt = (number: number) => indexed(context(number), number)
const keys = roles.map(name => newRoleKey(name))

const quantile = (sorted: readonly number[], part: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN).toFixed(2)

const row = (name: string, more: string) => console.log(`  ${name.padEnd(26)} ${more}`)
const latencies = (name: string, ms: number[]) => {
  ms.sort((a, b) => a - b)
  row(
    name,
    `${String(ms.length).padStart(6)}   p50 ${quantile(ms, 0.5)}   p99 ${quantile(ms, 0.99)}   most ${quantile(ms, 1)} ms`,
  )
}

const delay = monitorEventLoopDelay({ resolution: 1 })
const longestMs = () => {
  const most = delay.max / 1e6
  delay.reset()
  return `${most.toFixed(1)} ms at most`
}

const dir = await mkdtemp(join(tmpdir(), 'slurp-bench-'))
const start = {
  dir: join(dir, 'index'),
  bindingSecret: randomBytes(32),
  roleKeys: keys,
  recipients: keys.map(({ name, keyVersion, identity }) => ({
    name,
    keyVersion,
    recipient: identity.recipient.text,
  })),
}
const host = await SearchHost.start(start)
const before = process.memoryUsage().rss
console.log(
  `${contexts} contexts on ${cpus().length} cores, load before ${loadavg()[0]!.toFixed(1)}, Node ${process.version}`,
)

let inWorkerMs = 0
const cpuBefore = process.cpuUsage()
const startedMs = performance.now()
let bytes = 0
for (let from = 0; from < contexts; from += perApply) {
  const documents = Array.from({ length: Math.min(perApply, contexts - from) }, (_, i) =>
    documentAt(from + i),
  )
  for (const document of documents) {
    bytes +=
      document.content.length + document.summary.length + document.purpose.length + document.title.length
  }
  const appliedMs = performance.now()
  await host.apply(
    documents.map(document => ({ kind: 'put', document })),
    { source: 'bench', sequence: from },
  )
  inWorkerMs += performance.now() - appliedMs
}
await host.noteComplete()
const cpu = process.cpuUsage(cpuBefore)
row(
  'filled',
  `${(contexts / (inWorkerMs / 1000)).toFixed(0)} a second, ${((performance.now() - startedMs) / 1000).toFixed(0)} s, ${(cpu.user / 1e6).toFixed(0)} s of processor, ${(bytes / contexts).toFixed(0)} bytes of text each`,
)

async function report(when: string): Promise<void> {
  const { memory, indexes } = await host.report()
  const shelves = indexes[0]!.shelves
  const inSegments = shelves.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  const segments = shelves.reduce((sum, one) => sum + one.segments, 0)
  row(
    `memory ${when}`,
    `segments ${mb(inSegments)} (${segments}), heap of the worker ${mb(memory.heapUsed)}, outside of heaps ${mb(memory.arrayBuffers)}, process ${mb(process.memoryUsage().rss - before)} more than when empty`,
  )
}
const mb = (value: number) => `${(value / 1024 / 1024).toFixed(0)} MB`

async function ask(kind: Kind, by: Random): Promise<number> {
  const sentMs = performance.now()
  await host.search({ roles: ['developer' as RoleName], ...kind(by) })
  return performance.now() - sentMs
}

/** Questions at a fixed rate. */
async function openLoad(kind: Kind): Promise<number[]> {
  const by = seeded(5)
  const asked: Promise<number>[] = []
  const beganMs = performance.now()
  while (performance.now() - beganMs < seconds * 1000) {
    while (asked.length < ((performance.now() - beganMs) / 1000) * openRate) asked.push(ask(kind, by))
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  return Promise.all(asked)
}

/** Clients that ask as soon as they have an answer. */
async function closedLoad(chosen: readonly Kind[]): Promise<{ rate: number; ms: number[] }> {
  const by = seeded(6)
  const ms: number[] = []
  const beganMs = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() - beganMs < seconds * 1000) ms.push(await ask(by.pick(chosen), by))
    }),
  )
  return { rate: ms.length / seconds, ms }
}

async function questions(when: string): Promise<void> {
  console.log(`\n${when}`)
  for (const kind of Object.values(kinds)) for (let i = 0; i < 50; i++) await ask(kind, random)
  delay.enable()
  delay.reset()
  for (const [name, kind] of Object.entries(kinds))
    latencies(`${name}, ${openRate} a second`, await openLoad(kind))
  const { rate, ms } = await closedLoad(Object.values(kinds))
  latencies(`all kinds, ${clients} clients`, ms)
  row('', `${rate.toFixed(0)} a second; load of the machine ${loadavg()[0]!.toFixed(1)}`)
  row('main thread held up', longestMs())
}

await report('after filling')
await questions('As it was filled')
console.log('\nWhile 200 contexts a second are written')
let writing = true
const written = (async () => {
  const foundMs: number[] = []
  for (let number = contexts; writing; number += 20) {
    const beganMs = performance.now()
    const documents = Array.from({ length: 20 }, (_, i) => documentAt(number + i))
    await host.apply(
      documents.map(document => ({ kind: 'put', document })),
      { source: 'bench', sequence: number },
    )
    foundMs.push(performance.now() - beganMs)
    await new Promise(resolve => setTimeout(resolve, Math.max(0, 100 - (performance.now() - beganMs))))
  }
  return foundMs
})()
for (const name of ['common', 'OR of 5', 'fuzzy'])
  latencies(`${name}, ${openRate} a second`, await openLoad(kinds[name]!))
writing = false
latencies('20 written are found', await written)
row('main thread held up', longestMs())
const optimizedMs = performance.now()
await host.settled()
await host.optimize()
row('optimized', `${((performance.now() - optimizedMs) / 1000).toFixed(1)} s`)
await report('after optimizing')
await questions('Optimized')
const closedMs = performance.now()
await host.close()
row('closed', `${(performance.now() - closedMs).toFixed(0)} ms`)
const openedMs = performance.now()
const again = await SearchHost.start(start)
row('opened', `${(performance.now() - openedMs).toFixed(0)} ms`)
await again.close()
await rm(dir, { recursive: true, force: true })
