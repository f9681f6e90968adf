import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

// Loaded into the peers with --import: at SIGUSR2 it is written for how long the event loop was held up since the last
// time: by the clock, and how much of the processor its thread had between two turns of a timer. Where the machine is busy the
// first is mostly waiting for a core; the second is what this process did itself.
const dir = process.env.SLURP_BENCH_LOOPS
const resolutionMs = 2

if (dir !== undefined && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let turn = 0
  let [usedMs, busiestMs] = [processorMs(), 0]
  setInterval(() => {
    const nowMs = processorMs()
    busiestMs = Math.max(busiestMs, nowMs - usedMs)
    usedMs = nowMs
  }, resolutionMs).unref()
  process.on('SIGUSR2', () => {
    turn += 1
    const held = { turn, longestMs: delay.max / 1e6, busiestMs }
    writeFileSync(join(dir, `${process.pid}.json`), JSON.stringify(held))
    delay.reset()
    busiestMs = 0
  })
}

function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
