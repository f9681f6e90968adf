// Goal: a process with the wall clock module tells the time that its file says, and its timers do not mind. Method: one
// small process, asked again after the file changed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { clockVariable } from '../../sim/chaos/fleet/wall-clock-file.ts'

const hourMs = 3_600_000

test('the wall clock of a process is off by what the file says, at its start and after each signal', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-clock-test-'))
  const file = join(dir, 'p1.clock')
  writeFileSync(file, String(-hourMs))
  const preload = new URL('../../sim/chaos/fleet/wall-clock.ts', import.meta.url).href
  const script = `
    const tell = () => console.log(JSON.stringify([Date.now(), new Date().getTime(), new Date(5).getTime(),
      new Date() instanceof Date]))
    tell()
    process.on('SIGUSR2', tell)
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, [`--import=${preload}`, '-e', script], {
    env: { ...process.env, [clockVariable]: file },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => {
    child.kill('SIGKILL')
    rmSync(dir, { recursive: true })
  })
  const lines = createInterface({ input: child.stdout })
  const isOffBy = async (ms: number) => {
    const [line] = (await once(lines, 'line')) as [string]
    const [now, made, given, isDate] = JSON.parse(line)
    for (const each of [now, made]) assert.ok(Math.abs(each - Date.now() - ms) < hourMs / 2, line)
    assert.deepEqual([given, isDate], [5, true])
  }
  await isOffBy(-hourMs)
  writeFileSync(file, String(hourMs))
  child.kill('SIGUSR2')
  await isOffBy(hourMs)
})
