// Goal: a peer whose disk is gone comes back by itself, as another one, and everything that was acknowledged is on three
// peers again (rules 3 and 10). Method: three real processes; one is killed while others write, its data folder is
// removed, and `slurp up` runs on its directory as a supervisor would do it.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

type Ring = {
  members: { id: string; name: string }[]
  leaving: string[]
  partitions: { stage: string; owners: string[] }[]
}

const work = mkdtempSync(join(tmpdir(), 'slurp-lost-disk-'))
const count = 60
const addressOf = (n: number) => `ucxl://any:any@lost:any/*^/file-${n}.ts`
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

async function write(n: number, text: string): Promise<boolean> {
  const { status } = await fleet.call('p1', 'PUT', fleet.context(addressOf(n)), { summary: text })
  return status === 200
}

const ringAt = async (name: string): Promise<Ring> =>
  (await fleet.call(name, 'GET', '/v1/ring')).body as unknown as Ring

test('a lost disk is rebuilt under a new id, and nothing that was acknowledged is missing', async () => {
  for (let n = 0; n < count; n++) assert.ok(await write(n, `first ${n}`))
  const old = fleet.peer('p2')
  const keyBefore = readFileSync(join(old.dir, 'identity.key'))
  await fleet.kill('p2')
  for (const gone of ['data', 'data.watermark']) rmSync(join(old.dir, gone), { recursive: true, force: true })
  for (let n = 0; n < count; n += 2) assert.ok(await write(n, `second ${n}`), 'two of three are enough')

  await fleet.revive('p2')
  const { body } = await fleet.call('p2', 'GET', '/v1/status')
  const { id, name } = body.peer as { id: string; name: string }
  assert.notEqual(id, old.id, 'never again under the old id')
  assert.equal(name, 'p2.2')
  assert.ok(!readFileSync(join(old.dir, 'identity.key')).equals(keyBefore))
  assert.ok(existsSync(join(old.dir, 'identity.key.lost')))
  assert.ok(existsSync(join(old.dir, `audit.lost.${old.id}`)), 'what the old one recorded is kept')
  const log = (await fleet.call('p2', 'GET', '/v1/audit/verify')).body
  assert.deepEqual([log.broken, log.peer, log.firstSeq], [null, id, 1])

  await until(
    'every partition is stable on the three that are there, and the old id is gone',
    async () => {
      const { members, partitions, leaving } = await ringAt('p1')
      return (
        leaving.length === 0 &&
        !members.some(member => member.id === old.id) &&
        partitions.every(each => each.stage === 'stable' && each.owners.includes(id))
      )
    },
    120_000,
  )
  // With another one away, what the new peer holds is one half of every quorum.
  await fleet.kill('p3')
  for (let n = 0; n < count; n++) {
    const { status, body: found } = await fleet.call('p2', 'GET', fleet.context(addressOf(n)))
    assert.equal(status, 200, `file ${n}`)
    assert.equal((found.context as { summary: string }).summary, n % 2 === 0 ? `second ${n}` : `first ${n}`)
  }
  const { body: history } = await fleet.call('p2', 'GET', fleet.context(addressOf(0), '/history'))
  assert.equal((history.versions as unknown[]).length, 2, 'the history came along')
})
