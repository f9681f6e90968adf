// Goal: how fast a running fleet finds among 100,000 contexts of 1 KB, how soon it finds what was just stored, what that
// takes in memory, and for how long the event loop of a peer is held up by it. Method: three peers as processes, random
// words by Zipf's law imported as a user would; questions at all doors over HTTP, at a fixed rate and from clients that wait.

import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seeded } from '../../../base/random.ts'
import { type BenchFleet, importInto, startFleet } from '../fleet.ts'
import { describeMachine, processorSeconds, residentMb } from '../machine.ts'
import { writeSections } from '../page.ts'
import { profilable, profilesOf, sample } from '../profile.ts'
import { startBareDoor } from './bare-door.ts'
import { indexed, indexesOf } from './fleet-index.ts'
import { closedLoad, openLoad, writeLoad } from './load.ts'
import { heldUnder } from './loops.ts'
import { type Kind, makeCorpus } from './questions.ts'
import { asMarkdown, asText, type SearchReport } from './report.ts'
import { longestOfSearch } from './stretches.ts'

const usage = `usage: npm run bench -- search [--quick] [--contexts N] [--seconds N] [--dry-run] [--profile] [--dir DIR]
  --quick       10,000 contexts, 3 s a kind of question
  --contexts N  how many contexts (default 100000)
  --seconds N   how long each kind of question is asked (default 20)
  --dry-run     print, but leave docs/BENCHMARKS.md alone
  --profile     say where the time of the peers goes, and measure nothing else
  --dir DIR     keep the fleet in DIR; one that is there is opened again and not filled`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    contexts: { type: 'string' },
    seconds: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    dir: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(usage)
  process.exit(0)
}

const contexts = Number(options.contexts ?? (options.quick ? 10_000 : 100_000))
const seconds = Number(options.seconds ?? (options.quick ? 3 : 20))
const aims = {
  openRate: 300,
  p50Ms: 3,
  p99Ms: 15,
  clients: 16,
  perSecond: 800,
  writeRate: 200,
  stretchMs: 20,
}
const { openRate, clients, writeRate } = aims
const watchedEvery = 100
/** How long the event loops are watched under each load. */
const watchedSeconds = seconds / 3
/** Compilers get time to finish, which takes them most of a minute: peers run for weeks. */
const warmUpSeconds = options.quick ? 4 : 60
const idleMs = 12_000
/** A peer that compares and counts what it has is no measure of one that runs for weeks: of a core, all together, for so long. */
const calmShare = 0.4
const calmMs = 5_000
/** So often in a row: indexes begin to tidy themselves after ten seconds in which nothing came in. */
const calmTimes = 4
const calmWithinMs = 300_000

const scratch = mkdtempSync(join(tmpdir(), 'slurp-bench-search-'))
const dir = options.dir ?? join(scratch, 'fleet')
const loops = join(scratch, 'loops')
const profiles = join(scratch, 'profiles')
const stateDir = join(scratch, 'state')
for (const folder of [loops, stateDir]) mkdirSync(folder)
const say = (text: string) => process.stderr.write(`${text}\n`)
const profiled = profilable(profiles, !options.profile)
const watched = {
  ...profiled,
  NODE_OPTIONS: `${profiled.NODE_OPTIONS} --import=${new URL('watch-loop.ts', import.meta.url).pathname}`,
  SLURP_BENCH_LOOPS: loops,
}
const corpus = makeCorpus()
const kinds = Object.entries(corpus.kinds)
const asked = Object.values(corpus.kinds)
const running: BenchFleet[] = []

try {
  await run()
} finally {
  await Promise.all(running.map(fleet => fleet.stop()))
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}

async function run(): Promise<void> {
  const machine = await describeMachine()
  const isThere = existsSync(dir)
  const env = options.profile ? { profiled } : { env: watched }
  const fleet = await startFleet({ peers: 3, dir, stateDir, ...env })
  running.push(fleet)
  const emptyMb = fleet.peers.map(({ pid }) => residentMb(pid))
  const filled = isThere ? null : await fill(fleet)
  say('waiting for the indexes')
  await indexed(fleet, contexts)
  say('waiting until the peers have done what follows a start')
  await calm(fleet)
  // First, as peers that are asked nothing meanwhile give back what they had made of their code.
  const bare = await bareDoor(fleet)
  say('warming up')
  await warmUp(fleet)
  if (options.profile) return await profile(fleet)
  const report: SearchReport = {
    date: new Date().toISOString().slice(0, 10),
    machine,
    contexts,
    filled,
    bare,
    ...(await questions(fleet)),
    ...(await writes(fleet)),
    ...(await memory(fleet, emptyMb)),
    ...(await stretches(fleet)),
    aims,
  }
  console.log(asText(report))
  if (options['dry-run']) return
  writeSections(asMarkdown(report))
  say('wrote docs/BENCHMARKS.md')
}

async function fill(fleet: BenchFleet): Promise<SearchReport['filled']> {
  const file = join(scratch, 'contexts.ndjson')
  const out = createWriteStream(file)
  let textBytes = 0
  for (let number = 0; number < contexts; number++) {
    const context = corpus.context(number)
    const { title, summary, purpose, insights, content } = context
    textBytes += Buffer.byteLength([title, summary, purpose, ...insights, content].join(' '))
    if (!out.write(`${JSON.stringify(context)}\n`)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
  say(`importing ${contexts} contexts`)
  const before = cpuSeconds(fleet)
  const { stored, seconds: took } = await importInto(fleet, file, stateDir)
  await indexed(fleet, contexts)
  return {
    perSecond: stored / took,
    processorMs: ((cpuSeconds(fleet) - before) * 1000) / stored,
    textBytes: textBytes / contexts,
  }
}

/** @throws Error when they do not come to rest. */
async function calm(fleet: BenchFleet): Promise<void> {
  let times = 0
  for (const endMs = performance.now() + calmWithinMs; performance.now() < endMs; ) {
    const before = cpuSeconds(fleet)
    await sleep(calmMs)
    times = cpuSeconds(fleet) - before < (calmShare * calmMs) / 1_000 ? times + 1 : 0
    if (times === calmTimes) return
  }
  throw new Error('the peers do not come to rest')
}

async function warmUp(fleet: BenchFleet): Promise<void> {
  await closedLoad(fleet, asked, clients, warmUpSeconds)
}

/** The same load on a door that does nothing: what of the waits is none of the peers'. */
async function bareDoor(fleet: BenchFleet): Promise<SearchReport['bare']> {
  const [[, kind]] = kinds as [(typeof kinds)[number]]
  const door = await startBareDoor(fleet, kind(seeded(5)))
  try {
    await openLoad(door, kind, openRate, seconds / 4)
    const before = processorSeconds(door.pid)
    const latencies = await openLoad(door, kind, openRate, seconds)
    return { latencies, processorMs: ((processorSeconds(door.pid) - before) * 1000) / latencies.count }
  } finally {
    door.stop()
    door.side.agent.destroy()
  }
}

async function questions(fleet: BenchFleet): Promise<Pick<SearchReport, 'open' | 'closed' | 'held'>> {
  const open: SearchReport['open'][number][] = []
  for (const [name, kind] of kinds) {
    const before = cpuSeconds(fleet)
    const latencies = await openLoad(fleet, kind, openRate, seconds)
    const processorMs = ((cpuSeconds(fleet) - before) * 1000) / latencies.count
    const held = await heldUnder(fleet, loops, () => openLoad(fleet, kind, openRate, watchedSeconds))
    open.push({ name, latencies, processorMs, held })
    say(
      `${name}: p50 ${latencies.p50Ms.toFixed(1)} ms, p99 ${latencies.p99Ms.toFixed(1)} ms, ${processorMs.toFixed(2)} ms of processor`,
    )
  }
  const before = cpuSeconds(fleet)
  const closed = await closedLoad(fleet, asked, clients, seconds)
  const processorMs = ((cpuSeconds(fleet) - before) * 1000) / closed.count
  say(`${clients} clients: ${closed.perSecond.toFixed(0)} a second`)
  return {
    open,
    closed: { ...closed, processorMs },
    held: await heldUnder(fleet, loops, () => closedLoad(fleet, asked, clients, watchedSeconds)),
  }
}

async function writes(fleet: BenchFleet): Promise<Pick<SearchReport, 'writes'>> {
  const { written, failed, foundMs } = await write(fleet, seconds)
  const at = (part: number) =>
    foundMs[Math.min(foundMs.length - 1, Math.floor(foundMs.length * part))] ?? Number.NaN
  say(`stored contexts are found within ${at(1).toFixed(0)} ms`)
  const held = await heldUnder(fleet, loops, () => write(fleet, watchedSeconds))
  return { writes: { written, failed, watched: foundMs.length, p50Ms: at(0.5), mostMs: at(1), held } }
}

function write(fleet: BenchFleet, forSeconds: number): ReturnType<typeof writeLoad> {
  return writeLoad(fleet, corpus.context, {
    from: contexts + Math.floor(Date.now() % 1e9),
    rate: writeRate,
    seconds: forSeconds,
    watchedEvery,
  })
}

/** Last, as whoever samples takes more of the processor than whoever watches. */
async function stretches(fleet: BenchFleet): Promise<Pick<SearchReport, 'stretches'>> {
  const under = async (work: () => Promise<unknown>) =>
    longestOfSearch(await profilesOf(pidsOf(fleet), profiles, work))
  const anyKind: Kind = by => by.pick(asked)(by)
  return {
    stretches: {
      open: await under(() => openLoad(fleet, anyKind, openRate, watchedSeconds)),
      closed: await under(() => closedLoad(fleet, asked, clients, watchedSeconds)),
      writes: await under(() => write(fleet, watchedSeconds)),
    },
  }
}

async function memory(fleet: BenchFleet, emptyMb: readonly number[]): Promise<Pick<SearchReport, 'memory'>> {
  await sleep(idleMs)
  const all = await indexesOf(fleet)
  const megabyte = 1024 ** 2
  const worst = Math.max(...all.map(({ memoryBytes }) => memoryBytes)) / megabyte
  const segmentsOf = ({ indexes }: (typeof all)[number]) =>
    indexes.flatMap(({ shelves }) => shelves).reduce((sum, one) => sum + one.memoryBytes, 0)
  return {
    memory: {
      emptyMb: Math.max(...emptyMb),
      residentMb: Math.max(...fleet.peers.map(({ pid }) => residentMb(pid))),
      threadMb: worst,
      segmentsMb: Math.max(...all.map(segmentsOf)) / megabyte,
    },
  }
}

async function profile(fleet: BenchFleet): Promise<void> {
  const costs = await sample(pidsOf(fleet), profiles, () => closedLoad(fleet, asked, clients, seconds))
  for (const [name, list] of Object.entries(costs)) {
    if (typeof list === 'number') continue
    console.log(`\n${name}`)
    for (const { name: what, share } of list.slice(0, 40))
      console.log(`${(share * 100).toFixed(1).padStart(6)} ${what}`)
  }
}

function pidsOf(fleet: BenchFleet): number[] {
  return fleet.peers.map(({ pid }) => pid)
}

function cpuSeconds(fleet: BenchFleet): number {
  return fleet.peers.reduce((sum, { pid }) => sum + processorSeconds(pid), 0)
}
