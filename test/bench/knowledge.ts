// Goal: how long `resolve` of a path ten levels deep and `decisions` with five hops take, over the contexts of the test data, and
// how long a written context takes until it is found. Method: three real peers, one client that waits for each answer, all
// doors in turn. Run: node test/bench/knowledge.ts [--seconds N]
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

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } })
const ms = Number(values.seconds) * 1000
const depth = 10
const hops = 5
const corpus = fileURLToPath(new URL('../../../shared/data/contexts.ndjson.gz', import.meta.url))
if (!existsSync(corpus)) throw new Error(`${corpus} is missing`)

const scratch = mkdtempSync(join(tmpdir(), 'slurp-knowledge-'))
const stateDir = join(scratch, 'state')
mkdirSync(stateDir)
const { otherLoad, ...machine } = await describeMachine()
console.log(`${JSON.stringify(machine)}, others used ${(otherLoad * 100).toFixed(0)} % before`)
const fleet = await startFleet({ peers: 3, dir: join(scratch, 'fleet'), stateDir })
const addressOf = (project: string, path: string) => `ucxl://any:any@${project}:any/*^/${path}`
const pathOf = (address: string) => fleet.read(address).path
const get = (path: string): Shot => ({ ...fleet.read(''), path })
try {
  await run()
} finally {
  await fleet.stop()
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 })
}

async function run(): Promise<void> {
  const { stored, failed, wallSeconds } = await importInto(fleet, corpus, stateDir)
  console.log(`imported ${stored} versions in ${wallSeconds.toFixed(0)} s, ${failed} failed`)
  const deep = Array.from({ length: depth }, (_, at) => `level${at}`)
  for (let length = 0; length <= depth; length++) {
    const context = JSON.stringify({ summary: `of level ${length}`, tags: [`tag${length}`] })
    await answer(fleet.put(addressOf('deep', deep.slice(0, length).join('/')), context, 'developer'))
  }
  const leaf = addressOf('deep', deep.join('/'))
  await measure(`resolve, ${depth} levels, of the quorum`, () => get(`${pathOf(leaf)}/resolve?explain=1`))
  await measure(`resolve, ${depth} levels, cached`, () => get(`${pathOf(leaf)}/resolve?consistency=cached`))
  for (const door of fleet.side.doors) await untilWhole(door)
  const addresses = await imported()
  const path = (at: number) => `${pathOf(addresses[at % addresses.length]!)}/decisions?hops=${hops}`
  let at = 0
  await measure(`decisions, ${hops} hops, ${addresses.length} contexts`, () => get(path(at++)))
  let widest = 0
  for (const address of addresses.slice(0, 200)) {
    const graph = (await answer(get(`${pathOf(address)}/decisions?hops=${hops}`))) as { nodes: unknown[] }
    widest = Math.max(widest, graph.nodes.length)
  }
  console.log(`  the largest graph of 200 has ${widest} contexts`)
  await measureFound()
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

async function measure(what: string, next: () => Shot): Promise<void> {
  // Compilers get time to finish.
  await runLoad(fleet.side, { clients: 3, ms: ms / 2, next })
  const { count, failed, complaint, p50Ms, p99Ms } = await runLoad(fleet.side, { clients: 1, ms, next })
  const trouble = failed === 0 ? '' : `, ${failed} failed: ${complaint}`
  console.log(`  ${what}: ${count} in all, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms${trouble}`)
}

/** How long after its acknowledgement a context is found at another door. */
async function measureFound(): Promise<void> {
  const waits: number[] = []
  for (let number = 0; number < 50; number++) {
    const word = `knowledgecanary${number}`
    await answer(fleet.put(addressOf('found', word), JSON.stringify({ title: word }), 'developer'))
    const beganMs = performance.now()
    const body = JSON.stringify({ query: word })
    const asked: Shot = { ...get('/v1/search'), method: 'POST', body }
    for (;;) {
      const door = fleet.side.doors[number % fleet.side.doors.length]!
      const { text } = await send(door, fleet.side.agent, asked)
      if ((JSON.parse(text) as { total: number }).total === 1) break
      await sleep(5)
    }
    waits.push(performance.now() - beganMs)
  }
  waits.sort((a, b) => a - b)
  console.log(`  found after ${waits[25]!.toFixed(0)} ms in the middle, ${waits[49]!.toFixed(0)} ms at most`)
}
