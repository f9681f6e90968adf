// Goal: sealing anew after a rotation goes on when the leader is killed in the middle of it, and nobody who reads or writes
// at the other doors notices. Method: three real processes; the leader is killed while it counts what is done.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Fleet, until } from './fleet.ts'

type Work = { phase: string; total: number | null; done: number }
type Member = { id: string; name: string }

const work = mkdtempSync(join(tmpdir(), 'slurp-rotation-'))
const contexts = 1_500
const atOnce = 32
const addressOf = (n: number) => `ucxl://any:developer@rotation:any/*^/file-${n}.ts`
const content = 'Chosen because the cache was cold, and the queue behind it was not. '.repeat(20)
let fleet: Fleet

before(async () => {
  fleet = await Fleet.start(join(work, 'fleet'), work, ['--empty', '--peers', '3'])
})
after(async () => {
  await fleet.stop()
  rmSync(work, { recursive: true, force: true })
})

async function eachContext(use: (n: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    for (let n = next++; n < contexts; n = next++) await use(n)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

const workAt = async (name: string): Promise<Work | null> =>
  (await fleet.call(name, 'GET', '/v1/roles')).body.reencryption as Work | null

async function leaderName(): Promise<string> {
  let found: string | undefined
  await until('a peer leads', async () => {
    const { leader, members } = (await fleet.call('p1', 'GET', '/v1/status')).body
    found = (members as Member[]).find(({ id, name }) => id === leader || name === leader)?.name
    return found !== undefined
  })
  return found!
}

async function keyVersionAt(name: string, n: number): Promise<number> {
  const { status, body } = await fleet.call(name, 'GET', fleet.context(addressOf(n)))
  assert.equal(status, 200, `file ${n} at ${name}: ${JSON.stringify(body)}`)
  return (body.roles as { keyVersion: number }[])[0]!.keyVersion
}

test('a leader that is killed in the middle leaves nothing undone, and no other door fails', async () => {
  await eachContext(async n => {
    const { status, body } = await fleet.call('p1', 'PUT', fleet.context(addressOf(n), '?roles=developer'), {
      title: `${n}`,
      content,
    })
    assert.equal(status, 200, JSON.stringify(body))
  })
  const leader = await leaderName()
  const others = ['p1', 'p2', 'p3'].filter(name => name !== leader)
  let isOver = false
  const failures: unknown[] = []
  let operations = 0
  const busy = others.map(async (name, at) => {
    for (let count = 0; !isOver; count++) {
      const own = fleet.context(`ucxl://any:developer@rotation:any/*^/busy-${at}.ts`)
      const wrote = await fleet.call(name, 'PUT', `${own}?roles=developer`, { title: `${count}` })
      const read = await fleet.call(name, 'GET', fleet.context(addressOf(count % contexts)))
      for (const { status, body } of [wrote, read]) {
        operations += 1
        if (status !== 200) failures.push(body)
      }
    }
  })

  const rotated = await fleet.call(others[0]!, 'POST', '/v1/roles/developer/rotate', {})
  assert.equal(rotated.status, 200, JSON.stringify(rotated.body))
  let before: Work | null = null
  await until(
    'some are sealed anew',
    async () => {
      before = await workAt(leader)
      return before?.phase === 'sealing' && before.done > 0
    },
    120_000,
  )
  await fleet.kill(leader)
  assert.ok(before!.done < before!.total!, `killed in the middle: ${JSON.stringify(before)}`)

  await until(
    'what was left is sealed anew',
    async () => {
      for (const n of [0, 1, 2]) if ((await keyVersionAt(others[0]!, n)) !== 2) return false
      const now = await workAt(others[1]!)
      return now !== null && now.total !== null && now.phase !== 'sealing' && now.done === now.total
    },
    240_000,
  )
  isOver = true
  await Promise.all(busy)
  assert.deepEqual(failures, [])
  assert.ok(operations > 0)
  await eachContext(async n => assert.equal(await keyVersionAt(others[n % 2]!, n), 2, `file ${n}`))

  await fleet.revive(leader)
  await until(`${leader} is ready`, () => fleet.isReady(leader), 60_000)
  await eachContext(async n => {
    if (n % 50 === 0) assert.equal(await keyVersionAt(leader, n), 2, `file ${n}`)
  })
})
