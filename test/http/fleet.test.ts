// Goal: the paths that change the fleet hold requests to their schemas and caps, hand them to the control of the peer,
// and answer with its objects and stable codes. Method: a door on a control in memory that follows the real rules.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryMembers } from './memory-control.ts'
import { openTestDoor } from './open-door.ts'

const request = {
  id: '12D3KooWnew',
  name: null,
  zone: null,
  weight: 1,
  recipient: 'age1new',
  roles: true,
  fleet: null,
  versions: { from: 2, to: 2 },
}
const send = (method: string, body: unknown): RequestInit => ({ method, body: JSON.stringify(body) })
const post = (body: unknown) => send('POST', body)

/** The fields of all answers, of which each has some. */
type Said = {
  error: { code: string }
  name: string
  epoch: number
  pending: number
  leaving: string[]
  plan: string
  settings: Record<string, unknown>
  moving: { waitsFor: { peer: string }[] }[]
  leader: string | null
  steppedDown: boolean
  members: { name: string; weight: number; leaving: boolean }[]
}

async function openFleetDoor(t: Parameters<typeof openTestDoor>[0]) {
  const opened = await openTestDoor(t)
  const ask = async (path: string, init?: RequestInit): Promise<{ status: number; said: Said }> => {
    const { status, text } = await opened.ask(path, init)
    return { status, said: JSON.parse(text) as Said }
  }
  return { ...opened, ask, control: opened.memory.control }
}

test('a peer joins, once however often it asks, and gets its ticket', async t => {
  const { ask, control } = await openFleetDoor(t)
  const first = await ask('/v1/peers', post(request))
  assert.deepEqual([first.status, first.said.name], [200, 'p5'])
  const again = await ask('/v1/peers', post(request))
  assert.deepEqual(again.said, first.said)
  assert.equal(control.view.members.length, 5)
  assert.deepEqual(control.requests[0], request)
})

test('a new peer takes the place of a lost one', async t => {
  const { ask, control } = await openFleetDoor(t)
  assert.equal((await ask('/v1/peers/p4/replace', post({ ...request, name: 'p9' }))).said.name, 'p9')
  assert.deepEqual(control.view.leaving, [memoryMembers[3]?.id])
  assert.equal((await ask('/v1/peers/p7/replace', post(request))).said.error.code, 'MEMBER_UNKNOWN')
})

test('a peer is drained or removed by name or id, and gets another weight and zone', async t => {
  const { ask } = await openFleetDoor(t)
  const changed = await ask('/v1/peers/p1', send('PATCH', { weight: 0.5, zone: 'rack-a' }))
  assert.deepEqual([changed.status, changed.said.epoch], [200, 2])
  const { id } = memoryMembers[1]!
  const drained = await ask(`/v1/peers/${id}/leave`, post({ how: 'drain' }))
  assert.deepEqual([drained.status, drained.said.leaving], [200, ['p2']])
  const status = await ask('/v1/status')
  const told = status.said.members.map(({ name, weight, leaving }) => [name, weight, leaving])
  assert.deepEqual(told.slice(0, 2), [
    ['p1', 0.5, false],
    ['p2', 1, true],
  ])
  const refused = await ask('/v1/peers/p3/leave', post({ how: 'remove' }))
  assert.deepEqual([refused.status, refused.said.error.code], [409, 'TOO_FEW_PEERS'])
})

test('moves are planned, begun, steered and shown', async t => {
  const { ask, control } = await openFleetDoor(t)
  control.movesGoOn = false
  await ask('/v1/peers', post(request))
  const plan = await ask('/v1/ring/plan')
  assert.equal((await ask('/v1/ring/apply', post({ plan: plan.said.plan }))).status, 200)
  const stale = await ask('/v1/ring/apply', post({ plan: plan.said.plan }))
  assert.deepEqual([stale.status, stale.said.error.code], [409, 'VIEW_CHANGED'])
  const steered = { paused: true, bytesPerSecond: 1000, atOnceMax: 3, replaceAfterMs: 0 }
  assert.equal((await ask('/v1/ring/moves', post(steered))).status, 200)
  assert.deepEqual((await ask('/v1/ring/progress')).said.settings, steered)
  await ask('/v1/ring/moves', post({ paused: false }))
  const { said } = await ask('/v1/ring/progress')
  assert.ok(said.moving.some(({ waitsFor }) => waitsFor[0]?.peer === 'p5'))
})

test('who leads is told, and lets go once', async t => {
  const { ask } = await openFleetDoor(t)
  assert.equal((await ask('/v1/leader')).said.leader, 'p1')
  assert.deepEqual((await ask('/v1/leader/step-down', { method: 'POST' })).said, {
    steppedDown: true,
    leader: 'p1',
  })
  assert.deepEqual((await ask('/v1/leader/step-down', { method: 'POST' })).said, {
    steppedDown: false,
    leader: 'p2',
  })
})

const wrong: [string, string, unknown][] = [
  ['POST', '/v1/peers', {}],
  ['POST', '/v1/peers', []],
  ['POST', '/v1/peers', { ...request, colour: 'red' }],
  ['POST', '/v1/peers', { ...request, name: 'P 5' }],
  ['POST', '/v1/peers', { ...request, name: '-x' }],
  ['POST', '/v1/peers', { ...request, name: 'x'.repeat(33) }],
  ['POST', '/v1/peers', { ...request, zone: '' }],
  ['POST', '/v1/peers', { ...request, zone: 'a/b' }],
  ['POST', '/v1/peers', { ...request, weight: 0 }],
  ['POST', '/v1/peers', { ...request, weight: 1025 }],
  ['POST', '/v1/peers', { ...request, weight: '1' }],
  ['POST', '/v1/peers', { ...request, id: 'x'.repeat(129) }],
  ['POST', '/v1/peers', { ...request, recipient: 'x'.repeat(257) }],
  ['POST', '/v1/peers', { ...request, fleet: 'f' }],
  ['POST', '/v1/peers', { ...request, versions: { from: 0, to: 2 } }],
  ['POST', '/v1/peers', { ...request, versions: { from: 1, to: 65_536 } }],
  ['POST', '/v1/peers/p4/replace', { ...request, roles: 'yes' }],
  ['POST', '/v1/peers/p4/leave', {}],
  ['POST', '/v1/peers/p4/leave', { how: 'explode' }],
  ['POST', '/v1/peers/p4/leave', { how: 'drain', force: true }],
  ['PATCH', '/v1/peers/p4', {}],
  ['PATCH', '/v1/peers/p4', { weight: -1 }],
  ['PATCH', '/v1/peers/p4', { name: 'p9' }],
  ['POST', '/v1/ring/apply', {}],
  ['POST', '/v1/ring/apply', { plan: '' }],
  ['POST', '/v1/ring/apply', { plan: 'x'.repeat(65) }],
  ['POST', '/v1/ring/moves', {}],
  ['POST', '/v1/ring/moves', { paused: 'no' }],
  ['POST', '/v1/ring/moves', { bytesPerSecond: 0 }],
  ['POST', '/v1/ring/moves', { bytesPerSecond: 1.5 }],
  ['POST', '/v1/ring/moves', { atOnceMax: 4097 }],
  ['POST', '/v1/ring/moves', { replaceAfterMs: -1 }],
  ['POST', '/v1/ring/moves', { speed: 1 }],
]

test('a body that does not fit is refused in a sentence and changes nothing', async t => {
  const { ask, control } = await openFleetDoor(t)
  const before = control.view
  for (const [method, path, body] of wrong) {
    const { status, said } = await ask(path, send(method, body))
    assert.deepEqual([status, said.error.code], [400, 'USAGE'], `${method} ${path} ${JSON.stringify(body)}`)
  }
  assert.equal((await ask('/v1/peers', { method: 'POST' })).said.error.code, 'USAGE')
  assert.equal((await ask('/v1/peers', { method: 'POST', body: '{"id"' })).said.error.code, 'JSON_INVALID')
  const large = await ask('/v1/peers', post({ ...request, id: 'x'.repeat(20_000) }))
  assert.deepEqual([large.status, large.said.error.code], [413, 'TOO_LARGE'])
  assert.equal(control.view, before)
})

test('a name that no member can have is refused and not repeated', async t => {
  const { ask } = await openFleetDoor(t)
  for (const name of ['%20', '%3Cscript%3E', 'x'.repeat(200), '..%2F']) {
    const { status, said } = await ask(`/v1/peers/${name}/leave`, post({ how: 'drain' }))
    assert.deepEqual([status, said.error.code], [404, 'MEMBER_UNKNOWN'])
    assert.ok(!JSON.stringify(said).includes('script') && !JSON.stringify(said).includes('xxx'))
  }
})

const refusals: [object, number, string][] = [
  [{ fleet: 'a'.repeat(64) }, 409, 'FLEET_WRONG'],
  [{ versions: { from: 7, to: 9 } }, 409, 'VERSION_UNSUPPORTED'],
  [{ name: 'p1' }, 409, 'MEMBER_KNOWN'],
  [{ id: memoryMembers[0]!.id, name: 'p9' }, 409, 'MEMBER_KNOWN'],
]

test('what the fleet refuses has its code, a hint, and changes nothing', async t => {
  const { ask, control } = await openFleetDoor(t)
  for (const [change, wanted, code] of refusals) {
    const { status, said } = await ask('/v1/peers', post({ ...request, ...change }))
    assert.deepEqual([status, said.error.code], [wanted, code])
  }
  assert.equal(control.view.epoch, 1)
})
