import { Worker } from 'node:worker_threads'
import { inputBytesMax } from './mutator.ts'
import { type Finding, type Outcome, sharedHeaderBytes, type Task } from './worker.ts'

/** A thread that begins no further input for so long hangs; one that is only slow judges itself by its processor time. */
const silenceMs = 20_000
const lookEveryMs = 250
/** JavaScript heap of a thread; past it the thread ends, and with it the target. */
const heapMbMaxDefault = 512

/** Runs a target in a thread. It always ends: a hang, a crash or all memory taken is a finding like any other. */
export function runTarget(
  task: Task,
  patienceMs = silenceMs,
  heapMbMax = heapMbMaxDefault,
): Promise<Outcome> {
  const buffer = new SharedArrayBuffer(sharedHeaderBytes + Math.max(inputBytesMax, task.only?.length ?? 0))
  const header = new Int32Array(buffer, 0, 2)
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { task, buffer },
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
  })
  return new Promise(resolve => {
    let startedAt = performance.now()
    let begun = false
    let seen = 0
    let seenAt = performance.now()
    const end = (outcome: Outcome) => {
      clearInterval(watch)
      worker.terminate().then(() => resolve(outcome))
    }
    const broken = (kind: Finding['kind'], what: string) => {
      const [inputs = 0, length = 0] = header
      const input = new Uint8Array(buffer.slice(sharedHeaderBytes, sharedHeaderBytes + length))
      end({ inputs, taken: 0, ms: performance.now() - startedAt, findings: [{ kind, what, input }] })
    }
    const watch = setInterval(() => {
      const [inputs = 0] = header
      const now = performance.now()
      if (inputs !== seen || !begun) [seen, seenAt] = [inputs, now]
      else if (now - seenAt > patienceMs) broken('hangs', `no end within ${patienceMs} ms`)
    }, lookEveryMs)
    worker.on('message', (message: { kind: 'begun' } | { kind: 'done'; outcome: Outcome }) => {
      if (message.kind === 'done') return end(message.outcome)
      begun = true
      startedAt = seenAt = performance.now()
    })
    worker.on('error', failure => broken('died', String(failure)))
  })
}
