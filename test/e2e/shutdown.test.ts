// Goal: SIGTERM drains and leaves nothing behind. Method: stop a busy fleet, watch its processes and its directory.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fleet, isAlive, Process, runSlurp } from './fleet.ts'

test('SIGTERM under load: whatever was acknowledged is there afterwards, no process stays', async () => {
  const work = mkdtempSync(join(tmpdir(), 'slurp-stop-'))
  try {
    const first = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
    const acknowledged: number[] = []
    let stopped = false
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = writer; !stopped; n += 8) {
        try {
          const address = `ucxl://any:any@stop:any/*^/${n}`
          const { status } = await first.call(`p${(n % 3) + 1}`, 'PUT', first.context(address), {
            summary: `${n}`,
          })
          if (status === 200) acknowledged.push(n)
        } catch {
          return
        }
      }
    })
    while (acknowledged.length < 200) await new Promise(resolve => setImmediate(resolve))
    const pids = [first.demoPid, ...first.peers.map(peer => peer.pid)]
    const askedAt = Date.now()
    assert.equal(await first.stop(), 0)
    assert.ok(Date.now() - askedAt < 10_000, 'within ten seconds')
    stopped = true
    await Promise.all(writers)
    assert.deepEqual(pids.filter(isAlive), [])
    const again = await Fleet.start(join(work, 'fleet'), work)
    for (const n of acknowledged) {
      const { status, body } = await again.call('p1', 'GET', again.context(`ucxl://any:any@stop:any/*^/${n}`))
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal((body.context as { summary: string }).summary, `${n}`)
    }
    await again.stop()
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
})

test('a peer that cannot start says why and ends, whoever holds its standard input', async () => {
  const work = mkdtempSync(join(tmpdir(), 'slurp-stop-'))
  try {
    const dir = join(work, 'fleet')
    assert.equal((await runSlurp(['init', '--dir', dir, '--peers', '1', '--replicas', '1'])).code, 0)
    // An address that no machine has (RFC 5737).
    const flags = ['--child', '--json', '--dir', join(dir, 'p1'), '--host', '203.0.113.1']
    const peer = new Process(['up', ...flags], process.env)
    await once(peer.child, 'close', { signal: AbortSignal.timeout(30_000) })
    assert.equal(peer.child.exitCode, 2)
    const { error } = peer.lines[0] as { error: { code: string; message: string; hint: string } }
    assert.equal(error.code, 'CONFIG_INVALID')
    assert.match(error.message, /203\.0\.113\.1/)
    assert.match(error.hint, /slurp up --host/)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
})
