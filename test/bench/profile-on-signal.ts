import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { profileSignal } from './profile.ts'

// Loaded into the peers of a profiled fleet with --import: the first signal starts sampling, the second one writes
// what was seen. So starting up and stopping are left out.
const intervalUs = 500
const dir = process.env.SLURP_BENCH_PROFILES
const notesTurns = process.env.SLURP_BENCH_TURNS !== undefined
const turnMs = 1
let session: Session | null = null
let turns: number[] = []
let timer: NodeJS.Timeout | undefined

if (dir !== undefined && isMainThread) {
  process.on(profileSignal, () => {
    if (session) return finish(session, dir)
    session = new Session()
    session.connect()
    session.post('Profiler.enable')
    session.post('Profiler.setSamplingInterval', { interval: intervalUs })
    session.post('Profiler.start')
    turns = []
    // Immediates come after what waits for input was looked at.
    if (notesTurns) timer = setInterval(() => setImmediate(noteTurn), turnMs).unref()
  })
}

function noteTurn(): void {
  turns.push(Number(process.hrtime.bigint() / 1000n))
}

function finish(running: Session, folder: string): void {
  clearInterval(timer)
  running.post('Profiler.stop', (failure, answer) => {
    if (failure) process.stderr.write(`${failure.message}\n`)
    else
      writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify({ ...answer.profile, turns }))
    running.disconnect()
    session = null
  })
}
