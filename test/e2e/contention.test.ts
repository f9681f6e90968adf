// Goal: compare-and-set and a lost quorum behave as promised through the doors. Method: two writers race on one
// address of a real fleet of three; then two of its peers are killed.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-race-'))
const address = 'ucxl://any:any@race:any/*^/file.ts'
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

test('of two writers with the same ifVersion exactly one wins, the other learns the current version', async () => {
  let current = String(
    (await fleet.call('p1', 'PUT', fleet.context(address), { summary: 'start' })).body.version,
  )
  for (let round = 0; round < 20; round++) {
    const put = (peer: string) =>
      fleet.call(peer, 'PUT', fleet.context(address, `?ifVersion=${current}`), {
        summary: `${peer} ${round}`,
      })
    const answers = await Promise.all([put('p1'), put('p2')])
    const won = answers.filter(each => each.status === 200)
    const lost = answers.filter(each => each.status === 409)
    assert.equal(won.length, 1, JSON.stringify(answers))
    assert.equal(lost.length, 1)
    const version = String(won[0]!.body.version)
    assert.deepEqual(lost[0]!.body.current, { version })
    current = version
  }
})

test('the loser at the command line gets exit 5 and the current version', async () => {
  const { code, out } = await fleet.slurp(
    'p2',
    ['put', address, '--if-version', 'none', '--json'],
    '{"summary":"no"}',
  )
  assert.equal(code, 5)
  const { error, current } = JSON.parse(out) as { error: { code: string }; current: { version: string } }
  assert.equal(error.code, 'VERSION_CONFLICT')
  assert.match(current.version, /^[0-9a-f]{24}$/)
})

test('without a quorum a write says that its outcome is unknown and a read that nobody answered, exit 7, in time', async () => {
  await Promise.all([fleet.kill('p2'), fleet.kill('p3')])
  const write = await fleet.slurp('p1', ['put', address, '--json'], '{"summary":"nobody hears this"}')
  assert.equal(write.code, 7, write.out + write.err)
  assert.match(
    (JSON.parse(write.out) as { error: { message: string } }).error.message,
    /outcome unknown|outcome is unknown/i,
  )
  const read = await fleet.slurp('p1', ['get', address, '--json'])
  assert.equal(read.code, 7, read.out + read.err)
})

test('when the peers are back the same fleet serves again', async () => {
  await Promise.all([fleet.revive('p2'), fleet.revive('p3')])
  await fleet.settled()
  const { code, err } = await fleet.slurp('p3', ['put', address, '--json'], '{"summary":"back"}')
  assert.equal(code, 0, err)
  const { out } = await fleet.slurp('p1', ['get', address, '--json'])
  assert.equal((JSON.parse(out) as { context: { summary: string } }).context.summary, 'back')
})
