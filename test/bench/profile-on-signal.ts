import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { profileSignal } from './profile.ts'

// Loaded into the peers of a profiled fleet with --import: the first signal starts sampling, the second one writes
// what was seen. So starting up and stopping are left out.
const intervalUs = 500
const dir = process.env.SLURP_BENCH_PROFILES
let session: Session | null = null

if (dir !== undefined && isMainThread) {
  process.on(profileSignal, () => {
    if (session) return finish(session, dir)
    session = new Session()
    session.connect()
    session.post('Profiler.enable')
    session.post('Profiler.setSamplingInterval', { interval: intervalUs })
    session.post('Profiler.start')
  })
}

function finish(running: Session, folder: string): void {
  running.post('Profiler.stop', (failure, answer) => {
    if (failure) process.stderr.write(`${failure.message}\n`)
    else writeFileSync(join(folder, `${process.pid}.cpuprofile`), JSON.stringify(answer.profile))
    running.disconnect()
    session = null
  })
}
