// Goal: how long `resolve` of a path ten levels deep and `decisions` with five hops take, over the contexts of the test data, and
// how long a written context takes until it is found. Method: three real peers, one client that waits for each answer, all
// doors in turn.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { importInto, startFleet } from './fleet.ts'
import { runLoad, type Shot, send } from './http-load.ts'
import { describeMachine } from './machine.ts'
import { table, writeSections } from './page.ts'

const usage = `usage: npm run bench -- knowledge [--quick] [--seconds N] [--dry-run]
  --quick      3 s each
  --seconds N  how long each is asked (default 20)
  --dry-run    print, but leave docs/BENCHMARKS.md alone`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(usage)
  process.exit(0)
}

const ms = Number(options.seconds ?? (options.quick ? 3 : 20)) * 1000
const depth = 10
const hops = 5
const aims = { resolveP99Ms: 10, decisionsP99Ms: 50 }
const corpus = fileURLToPath(new URL('../../../shared/data/contexts.ndjson.gz', import.meta.url))
if (!existsSync(corpus)) throw new Error(`${corpus} is missing`)

const scratch = mkdtempSync(join(tmpdir(), 'slurp-knowledge-'))
const stateDir = join(scratch, 'state')
mkdirSync(stateDir)
const machine = await describeMachine()
const rows: string[][] = [['', 'p50 ms', 'p99 ms', 'aim']]
const fleet = await startFleet({ peers: 3, dir: join(scratch, 'fleet'), stateDir })
const addressOf = (project: string, path: string) => `ucxl://any:any@${project}:any/*^/${path}`
const pathOf = (address: string) => fleet.read(address).path
const say = (text: string) => process.stderr.write(`${text}\n`)
const get = (path: string): Shot => ({ ...fleet.read(''), path })
try {
  await run()
} finally {
  await fleet.stop()
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}

async function run(): Promise<void> {
  const { stored, failed, wallSeconds } = await importInto(fleet, corpus, stateDir)
  say(`imported ${stored} versions in ${wallSeconds.toFixed(0)} s, ${failed} failed`)
  await resolving()
  for (const door of fleet.side.doors) await untilWhole(door)
  await walking(await imported())
  await finding()
  if (options['dry-run']) return
  writeSections(asMarkdown(stored))
  say('wrote docs/BENCHMARKS.md')
}

async function resolving(): Promise<void> {
  const deep = Array.from({ length: depth }, (_, at) => `level${at}`)
  for (let length = 0; length <= depth; length++) {
    const context = JSON.stringify({ summary: `of level ${length}`, tags: [`tag${length}`] })
    await answer(fleet.put(addressOf('deep', deep.slice(0, length).join('/')), context, 'developer'))
  }
  const path = pathOf(addressOf('deep', deep.join('/')))
  const { resolveP99Ms } = aims
  await measure(`resolve, ${depth} levels, of the quorum`, resolveP99Ms, () =>
    get(`${path}/resolve?explain=1`),
  )
  await measure(`resolve, ${depth} levels, cached`, resolveP99Ms, () =>
    get(`${path}/resolve?consistency=cached`),
  )
}

async function walking(addresses: readonly string[]): Promise<void> {
  const walk = (address: string) => get(`${pathOf(address)}/decisions?hops=${hops}`)
  let widest = 0
  for (const address of addresses.slice(0, 200)) {
    const graph = (await answer(walk(address))) as { nodes: unknown[] }
    widest = Math.max(widest, graph.nodes.length)
  }
  let at = 0
  const what = `decisions, ${hops} hops, of each of ${addresses.length} contexts, the largest graph of 200 has ${widest}`
  await measure(what, aims.decisionsP99Ms, () => walk(addresses[at++ % addresses.length]!))
}

/** What a door says, once. @throws Error when it is no success. */
async function answer(shot: Shot): Promise<unknown> {
  const { status, text } = await send(fleet.side.doors[0]!, fleet.side.agent, shot)
  if (status !== 200) throw new Error(`${shot.method} ${shot.path}: ${status} ${text}`)
  return JSON.parse(text)
}

/** A door that was never asked looks through its disk first. */
async function untilWhole(door: URL): Promise<void> {
  for (;;) {
    const { status, text } = await send(door, fleet.side.agent, get('/v1/tree?depth=0'))
    const { coverage } = JSON.parse(text) as { coverage?: { partitions: number; partitionsTotal: number } }
    if (status === 200 && coverage?.partitions === coverage?.partitionsTotal) return
    await sleep(200)
  }
}

/** Every context of the test data. */
async function imported(): Promise<string[]> {
  const found: string[] = []
  for (const project of ['kubernetes-enhancements', 'openshift-enhancements', 'rust-rfcs', 'python-peps']) {
    let cursor: string | null = null
    do {
      const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = (await answer(get(`/v1/contexts?prefix=${project}&limit=1000${more}`))) as {
        contexts: { address: string }[]
        cursor: string | null
      }
      found.push(...page.contexts.map(({ address }) => address))
      cursor = page.cursor
    } while (cursor !== null)
  }
  return found
}

async function measure(what: string, aimP99Ms: number, next: () => Shot): Promise<void> {
  // Compilers get time to finish.
  await runLoad(fleet.side, { clients: 3, ms: ms / 2, next })
  const { count, failed, complaint, p50Ms, p99Ms } = await runLoad(fleet.side, { clients: 1, ms, next })
  if (failed > 0) throw new Error(`${what}: ${failed} of ${count} failed: ${complaint}`)
  note(what, p50Ms, p99Ms, `p99 under ${aimP99Ms}: ${p99Ms < aimP99Ms ? 'met' : 'missed'}`)
}

function note(what: string, p50Ms: number, p99Ms: number, aim: string): void {
  rows.push([what, p50Ms.toFixed(1), p99Ms.toFixed(1), aim])
  console.log(rows.at(-1)!.join('; '))
}

/** How long after its acknowledgement a context is found at another door. */
async function finding(): Promise<void> {
  const waits: number[] = []
  for (let number = 0; number < 100; number++) {
    const word = `knowledgecanary${number}`
    await answer(fleet.put(addressOf('found', word), JSON.stringify({ title: word }), 'developer'))
    const beganMs = performance.now()
    const body = JSON.stringify({ query: word })
    const asked: Shot = { ...get('/v1/search'), method: 'POST', body }
    const door = fleet.side.doors[number % fleet.side.doors.length]!
    for (;;) {
      const { text } = await send(door, fleet.side.agent, asked)
      if ((JSON.parse(text) as { total: number }).total === 1) break
      await sleep(5)
    }
    waits.push(performance.now() - beganMs)
  }
  waits.sort((a, b) => a - b)
  note('found after it was stored, nothing else written', waits[50]!, waits[98]!, '')
}

function asMarkdown(stored: number): string {
  return `## Resolving and walking decisions

Written by \`npm run bench -- knowledge\` on ${new Date().toISOString().slice(0, 10)}, ${machine.commit}: ${machine.cpu}, ${machine.cores} cores; Node ${machine.node};
${Math.round(machine.otherLoad * 100)} % of all cores busy with other work just before, and for ${Math.round(machine.stalled * 100)} % of the time a loop that only counts got through less than
half its work. Three peers with three replicas, the ${stored} contexts of the test data imported, one client that waits for each answer, all doors in turn.

${table(rows)}
`
}
