// Goal: a fleet with a network key runs and lets peers in, and a peer that has lost the key says so in its log and in
// that of the others. Method: real processes; one is started again without its network.key.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Fleet, runSlurp, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-private-'))
after(() => rmSync(work, { recursive: true, force: true }))

test('a private fleet runs, hands its key on, and names a peer without it', async () => {
  const dir = join(work, 'fleet')
  const made = await runSlurp(['init', '--dir', dir, '--peers', '3', '--private-network', '--json'])
  assert.equal(made.code, 0, made.out)
  const keyOf = (home: string) => join(home, 'network.key')
  const fleet = await Fleet.start(dir, work, ['--empty'])
  try {
    const joined = await fleet.join('p1', join(work, 'p4'))
    await fleet.settled()
    assert.equal(readFileSync(keyOf(joined.dir), 'utf8'), readFileSync(keyOf(join(dir, 'p1')), 'utf8'))
    assert.equal(statSync(keyOf(joined.dir)).mode & 0o777, 0o600)
    const path = fleet.context('ucxl://any:any@private:any/*^/first')
    assert.equal((await fleet.call('p4', 'PUT', path, { summary: 'by the new one' })).status, 200)
    assert.equal((await fleet.call('p2', 'GET', path)).status, 200)

    await fleet.kill('p3')
    rmSync(keyOf(fleet.peer('p3').dir))
    await fleet.revive('p3')
    const says = (name: string, text: string) =>
      until(`the log of ${name} says: ${text}`, () =>
        readFileSync(join(fleet.peer(name).dir, 'peer.log'), 'utf8').includes(text),
      )
    await says('p3', 'this peer has none: its network.key is missing')
    await until('one of the others says it too', () =>
      ['p1', 'p2', 'p4'].some(name =>
        readFileSync(join(fleet.peer(name).dir, 'peer.log'), 'utf8').includes('a caller has no network key'),
      ),
    )
    assert.equal(await fleet.isReady('p3'), false)
  } finally {
    await fleet.stop()
  }
})
