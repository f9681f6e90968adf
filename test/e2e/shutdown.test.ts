// Goal: SIGTERM drains and leaves nothing behind. Method: stop a busy fleet, watch its processes and its directory.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fleet, isAlive } from './fleet.ts'

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
