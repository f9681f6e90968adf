// Runs one target in a thread of its own, so that an input that hangs it, or takes all memory, ends this thread alone.
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { seeded } from '../../base/random.ts'
import { allTargets } from './all-targets.ts'
import { nextInput, smaller } from './mutator.ts'
import type { Target } from './target.ts'

export type Task = {
  readonly target: string
  /** Module with more targets, for tests of the fuzzer itself. */
  readonly module?: string
  readonly seed: number
  readonly inputs: number
  /** Wall time after which no further input is begun. */
  readonly forMs: number
  /** The one input to run, in the place of made ones. */
  readonly only?: Uint8Array
}

export type Finding = {
  readonly kind: 'failed' | 'slow' | 'memory' | 'hangs' | 'died'
  readonly what: string
  readonly input: Uint8Array
}
export type Outcome = {
  readonly inputs: number
  readonly taken: number
  readonly ms: number
  readonly findings: Finding[]
}

/** Processor time that one input may take, and memory that it may make the process grow by. */
export const inputCpuMsMax = 1_000
export const inputGrowthBytesMax = 192 * 2 ** 20
const findingsMax = 5
const minimiseMs = 5_000

/** Inputs begun, length of the one that runs; its bytes follow. */
export const sharedHeaderBytes = 8

type Shared = { readonly header: Int32Array; readonly bytes: Uint8Array }

async function failureOf(
  target: Target,
  input: Uint8Array,
): Promise<{ taken: boolean; failure: Pick<Finding, 'kind' | 'what'> | null }> {
  const cpu = process.threadCpuUsage()
  const [rss, peak] = [process.memoryUsage.rss(), process.resourceUsage().maxRSS]
  let taken = false
  try {
    taken = await target.run(Uint8Array.from(input))
  } catch (thrown) {
    const failure = thrown instanceof Error ? thrown : new Error(String(thrown))
    return { taken, failure: { kind: 'failed', what: `${failure.name}: ${failure.message}`.slice(0, 500) } }
  }
  const { user, system } = process.threadCpuUsage(cpu)
  // First, as filling much memory takes time, too. The peak shows what was given back already, what stands shows what is below an earlier peak.
  const growth = Math.max(process.memoryUsage.rss() - rss, (process.resourceUsage().maxRSS - peak) * 1_024)
  if (growth > inputGrowthBytesMax)
    return { taken, failure: { kind: 'memory', what: `${Math.round(growth / 2 ** 20)} MiB` } }
  if (user + system > inputCpuMsMax * 1_000)
    return { taken, failure: { kind: 'slow', what: `${Math.round((user + system) / 1_000)} ms` } }
  return { taken, failure: null }
}

/** Numbers and quoted text differ from input to input; what stays is the same trouble. */
const troubleOf = ({ kind, what }: Pick<Finding, 'kind' | 'what'>): string =>
  `${kind} ${what.replace(/\d+|"[^"]*"/g, '#')}`

async function minimised(target: Target, finding: Finding): Promise<Finding> {
  const until = performance.now() + minimiseMs
  let best = finding
  for (let shrunk = true; shrunk; ) {
    shrunk = false
    for (const input of smaller(best.input)) {
      if (performance.now() > until) return best
      const { failure } = await failureOf(target, input)
      if (failure === null || troubleOf(failure) !== troubleOf(finding)) continue
      best = { ...failure, input }
      shrunk = true
      break
    }
  }
  return best
}

/** Runs one target in this thread. */
export async function fuzz(task: Task, target: Target, shared: Shared): Promise<Outcome> {
  const random = seeded(createHash('sha256').update(`${task.seed} ${target.name}`).digest().readUInt32BE(0))
  const findings = new Map<string, Finding>()
  const start = performance.now()
  let inputs = 0
  let taken = 0
  while (inputs < task.inputs && performance.now() - start < task.forMs && findings.size < findingsMax) {
    const input = task.only ?? nextInput(random, target.seeds, target.words)
    shared.bytes.set(input)
    Atomics.store(shared.header, 1, input.length)
    inputs += 1
    Atomics.store(shared.header, 0, inputs)
    const { taken: isTaken, failure } = await failureOf(target, input)
    if (isTaken) taken += 1
    if (failure === null || findings.has(troubleOf(failure))) continue
    const finding = { ...failure, input }
    if (failure.kind === 'slow')
      return { inputs, taken, ms: performance.now() - start, findings: [...findings.values(), finding] }
    findings.set(troubleOf(failure), failure.kind === 'failed' ? await minimised(target, finding) : finding)
  }
  return { inputs, taken, ms: performance.now() - start, findings: [...findings.values()] }
}

if (parentPort !== null) {
  const { task, buffer } = workerData as { task: Task; buffer: SharedArrayBuffer }
  const shared = { header: new Int32Array(buffer, 0, 2), bytes: new Uint8Array(buffer, sharedHeaderBytes) }
  const more = task.module === undefined ? [] : ((await import(task.module)) as { targets: Target[] }).targets
  const target = [...more, ...(task.module === undefined ? await allTargets() : [])].find(
    each => each.name === task.target,
  )
  if (target === undefined) throw new Error(`no target ${task.target}`)
  // Every valid seed goes through once, unmeasured: what is loaded and compiled then is nobody's fault.
  for (const seed of target.seeds) await failureOf(target, seed)
  parentPort.postMessage({ kind: 'begun' })
  parentPort.postMessage({ kind: 'done', outcome: await fuzz(task, target, shared) })
}
