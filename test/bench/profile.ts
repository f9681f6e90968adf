import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export type Frame = { readonly functionName: string; readonly url: string; readonly lineNumber: number }
export type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: Frame
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Microseconds since the sample before, for the first since the start. */
  readonly timeDeltas: readonly number[]
  /** Microseconds of the clock that only goes on. */
  readonly startTime: number
  /** When the event loop had looked at everything that waited, in microseconds of that clock; some of those turns, empty when not asked for. */
  readonly turns: readonly number[]
}

/** Of the time in which the processes were not idle, 0 to 1. */
export type Cost = { readonly name: string; readonly share: number }

export type Costs = {
  readonly busySeconds: number
  /** Time spent itself by house, package or module of the runtime, callees left out. */
  readonly places: readonly Cost[]
  /** The same by function. */
  readonly functions: readonly Cost[]
  /** Everything below a frame of ours: what one step of the work costs as a whole. */
  readonly whole: readonly Cost[]
}

const preload = fileURLToPath(new URL('profile-on-signal.ts', import.meta.url))
const writtenWithinMs = 20_000

/** Not used for anything else by whom it may reach: nothing happens where nobody listens. */
export const profileSignal = 'SIGWINCH'

/**
 * Environment of processes that can be profiled with `sample`.
 *
 * @param turns - also notes turns of the event loop, which takes a little of the processor.
 */
export function profilable(dir: string, turns = false): NodeJS.ProcessEnv {
  mkdirSync(dir, { recursive: true })
  return {
    NODE_OPTIONS: `--import=${preload}`,
    SLURP_BENCH_PROFILES: dir,
    ...(turns ? { SLURP_BENCH_TURNS: '1' } : {}),
  }
}

/** Where the processes spend their time while `work` runs. */
export const sample = async (
  pids: readonly number[],
  dir: string,
  work: () => Promise<unknown>,
): Promise<Costs> => addUp(await profilesOf(pids, dir, work))

/** Samples the main threads of the processes while `work` runs. @returns in the order of the processes. */
export async function profilesOf(
  pids: readonly number[],
  dir: string,
  work: () => Promise<unknown>,
): Promise<Profile[]> {
  const fileOf = (pid: number) => join(dir, `${pid}.cpuprofile`)
  for (const pid of pids) rmSync(fileOf(pid), { force: true })
  for (const pid of pids) process.kill(pid, profileSignal)
  await work()
  for (const pid of pids) process.kill(pid, profileSignal)
  const deadline = Date.now() + writtenWithinMs
  for (;;) {
    const profiles = pids.map(pid => read(fileOf(pid))).filter(profile => profile !== null)
    if (profiles.length === pids.length) return profiles
    if (Date.now() > deadline) throw new Error('a profile was not written')
    await sleep(100)
  }
}

/** Null before it is written, and while it is. */
function read(path: string): Profile | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Profile
  } catch (failure) {
    if (failure instanceof SyntaxError || (failure as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw failure
  }
}

function addUp(profiles: readonly Profile[]): Costs {
  const places = new Map<string, number>()
  const functions = new Map<string, number>()
  const whole = new Map<string, number>()
  let busyUs = 0
  for (const { nodes, samples, timeDeltas } of profiles) {
    const frames = new Map(nodes.map(node => [node.id, node.callFrame]))
    const parents = new Map(
      nodes.flatMap(node => (node.children ?? []).map(child => [child, node.id] as const)),
    )
    samples.forEach((id, at) => {
      const frame = frames.get(id)!
      const us = timeDeltas[at] ?? 0
      if (frame.functionName === '(idle)') return
      busyUs += us
      add(places, placeOf(frame), us)
      add(functions, nameOf(frame), us)
      const seen = new Set<string>()
      for (let up: number | undefined = id; up !== undefined; up = parents.get(up)) {
        const above = frames.get(up)!
        if (houseOf(above.url) === null) continue
        const name = nameOf(above)
        if (!seen.has(name)) add(whole, name, us)
        seen.add(name)
      }
    })
  }
  const share = (costs: ReadonlyMap<string, number>) => sorted(costs, busyUs)
  return {
    busySeconds: busyUs / 1e6,
    places: share(places),
    functions: share(functions),
    whole: share(whole),
  }
}

const houses = /\/(base|dht|replication|crypto|node(?:\/[a-z-]+)*)\/[^/]+\.ts$/

const houseOf = (url: string): string | null =>
  url.includes('/node_modules/') ? null : (houses.exec(url)?.[1] ?? null)

/** A house of ours, a package, or the runtime. */
function placeOf({ functionName, url }: Frame): string {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'runtime outside of JavaScript'
  const installed = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)
  if (installed) return `package ${installed[1]}`
  if (url.startsWith('node:')) return url.replace('internal/', '').replace(/^(node:[a-z_0-9]+).*/, '$1')
  return houseOf(url) ?? 'runtime, called from JavaScript'
}

function nameOf({ functionName, url, lineNumber }: Frame): string {
  const short = url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/(?=(?:base|dht|replication|crypto|node)\/)/, '')
  return `${functionName || '(anonymous)'}${short === '' ? '' : ` ${short}:${lineNumber + 1}`}`
}

function add(costs: Map<string, number>, name: string, us: number): void {
  costs.set(name, (costs.get(name) ?? 0) + us)
}

const sorted = (costs: ReadonlyMap<string, number>, all: number): Cost[] =>
  [...costs].map(([name, us]) => ({ name, share: us / Math.max(1, all) })).sort((a, b) => b.share - a.share)
