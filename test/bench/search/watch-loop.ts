import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

// Loaded into the peers with --import: at SIGUSR2 it is written for how long the event loop was held up since the last time.
const dir = process.env.SLURP_BENCH_LOOPS
const resolutionMs = 2

if (dir !== undefined && isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  let turn = 0
  process.on('SIGUSR2', () => {
    turn += 1
    const held = { turn, longestMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6 }
    writeFileSync(join(dir, `${process.pid}.json`), JSON.stringify(held))
    delay.reset()
  })
}
