import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'
import type { Held, Told } from './loops.ts'

// Loaded into the peers with --import: from one SIGUSR2 to the next it is watched for how long the event loop is held up, by
// the clock, and how much of the processor its thread had between two turns of a timer. Where the machine is busy the
// first is mostly waiting for a core; the second is what this process did itself. To watch takes the processor too.
const dir = process.env.SLURP_BENCH_LOOPS
const resolutionMs = 2

if (dir !== undefined && isMainThread) {
  let turn = 0
  let end: (() => Held) | null = null
  process.on('SIGUSR2', () => {
    turn += 1
    const held = end?.() ?? null
    end = end === null ? watch() : null
    writeFileSync(join(dir, `${process.pid}.json`), JSON.stringify({ turn, held } satisfies Told))
  })
}

function watch(): () => Held {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let [usedMs, busiestMs] = [processorMs(), 0]
  const timer = setInterval(() => {
    const nowMs = processorMs()
    busiestMs = Math.max(busiestMs, nowMs - usedMs)
    usedMs = nowMs
  }, resolutionMs).unref()
  return () => {
    delay.disable()
    clearInterval(timer)
    return { longestMs: delay.max / 1e6, busiestMs }
  }
}

function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
