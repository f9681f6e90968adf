// Goal: a fleet that runs gets a new role: its peers use it at once, nobody else can open it, and nothing else changes;
// and keys of roles are replaced when they are due, once for each cause. Method: a real fleet in this process, one peer of
// which is blind.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { KeyFleet, until } from './fleets.ts'

const place = (name: string): string => `ucxl://any:any@keys:roles/*^/${name}`
const codeOf = (code: string) => (failure: unknown) => (failure as { code?: string }).code === code

const reading = {
  kind: 'agent',
  operations: ['read'],
  projects: 'any',
  paths: 'any',
  networks: 'any',
  hours: 'any',
  ttlSeconds: 600,
  dryRun: false,
} as const

let fleet: KeyFleet

before(async () => {
  fleet = await KeyFleet.make({ peers: 4, blind: ['p4'], roles: ['architect', 'tester'] })
  await fleet.start()
  await fleet.ready()
})

after(() => fleet.close())

const roleAt = (peer: string, role: string) =>
  fleet
    .peer(peer)
    .keys.roles()
    .roles.find(({ name }) => name === role)
const versionsAt = (peer: string, role: string) => roleAt(peer, role)?.keys.length ?? 0
const make = (peer: string, name: string, peers: readonly string[] | null = null, dryRun = false) =>
  fleet.peer(peer).keys.createRole({ name, peers, dryRun })
const write = (peer: string, path: string, role: string) =>
  fleet.peer(peer).store.storeContext(place(path), { title: path }, { roles: [role] })

test('a rehearsal changes nothing, and a role that cannot be is refused with its reason', async () => {
  assert.deepEqual(await make('p1', 'auditor', null, true), {
    name: 'auditor',
    keyVersion: 1,
    fingerprint: null,
    entitled: ['p1', 'p2', 'p3'],
  })
  assert.equal(roleAt('p1', 'auditor'), undefined)
  await assert.rejects(make('p1', 'tester'), codeOf('VERSION_CONFLICT'))
  await assert.rejects(make('p1', '@signing'), codeOf('USAGE'))
  await assert.rejects(make('p1', 'Über'), codeOf('USAGE'))
  await assert.rejects(make('p1', 'auditor', []), codeOf('USAGE'))
  await assert.rejects(make('p1', 'auditor', ['p9']), codeOf('MEMBER_UNKNOWN'))
  await assert.rejects(make('p1', 'auditor', ['p1', 'p4']), codeOf('ROLE_DENIED'))
  await assert.rejects(make('p4', 'auditor'), codeOf('SEALED'))
  assert.equal(roleAt('p1', 'auditor'), undefined)
})

test('a new role is used by its peers at once, and by nobody else', async () => {
  const made = await make('p1', 'auditor', ['p1', 'p2'])
  assert.deepEqual(made.entitled, ['p1', 'p2'])
  const stored = await write('p2', 'report', 'auditor')
  assert.deepEqual(stored.roles, [{ name: 'auditor', keyVersion: 1 }])
  for (const peer of ['p1', 'p2'])
    assert.equal((await fleet.peer(peer).store.retrieveContext(place('report'))).context.title, 'report')
  await assert.rejects(fleet.peer('p3').store.retrieveContext(place('report')), codeOf('ROLE_DENIED'))
  assert.equal(roleAt('p2', 'auditor')!.keys[0]!.fingerprint, made.fingerprint)
  assert.deepEqual(roleAt('p4', 'auditor')!.entitled, ['p1', 'p2'])
  await assert.rejects(make('p2', 'auditor'), codeOf('VERSION_CONFLICT'))
  const { secrets } = fleet.peer('p4').keys.shares()
  assert.ok(secrets.find(({ name }) => name === 'auditor')!.isHeldHere, 'the blind one holds a share of it')
})

test('two who make one role at once make one role', async () => {
  const outcomes = await Promise.allSettled([make('p1', 'twice'), make('p2', 'twice')])
  const done = outcomes.flatMap(each => (each.status === 'fulfilled' ? [each.value.fingerprint] : []))
  assert.equal(done.length, 1)
  for (const each of outcomes)
    if (each.status === 'rejected') assert.ok(codeOf('VERSION_CONFLICT')(each.reason), String(each.reason))
  await until('p3 knows it', () => versionsAt('p3', 'twice') === 1)
  assert.equal(roleAt('p3', 'twice')!.keys[0]!.fingerprint, done[0])
})

test('a role that was made here survives a restart of all, and is rotated like others', async () => {
  await fleet.stop()
  await fleet.start()
  await fleet.ready()
  assert.equal((await fleet.peer('p2').store.retrieveContext(place('report'))).context.title, 'report')
  assert.equal((await fleet.peer('p2').keys.rotate('auditor')).keyVersion, 2)
  await assert.rejects(fleet.peer('p3').keys.rotate('auditor'), codeOf('SEALED'))
})

test('without the key that vouches for it no role is made, nor a grant', async () => {
  const { keys, grants, rights } = fleet.peer('p3')
  keys.seal()
  const order = { ...reading, subject: 'ci', roles: 'any', bearer: false } as const
  await assert.rejects(grants.create(rights.self, order), codeOf('SEALED'))
  await assert.rejects(make('p3', 'late'), codeOf('SEALED'))
  await keys.unseal()
  assert.equal((await grants.create(rights.self, order)).grant.state, 'valid')
})

test('a schedule says when a key is due, for all roles or for one', async () => {
  const { keys } = fleet.peer('p1')
  await assert.rejects(keys.scheduleRotation(null, 0), codeOf('USAGE'))
  await assert.rejects(keys.scheduleRotation('nobody', 5), codeOf('ROLE_UNKNOWN'))
  await keys.scheduleRotation('tester', 30)
  await keys.scheduleRotation(null, 90)
  const dueIn = (role: string) => {
    const { keys: all, rotationDue } = roleAt('p1', role)!
    return rotationDue === null
      ? null
      : (Date.parse(rotationDue) - Date.parse(all[0]!.createdAt!)) / 86_400_000
  }
  assert.deepEqual([dueIn('tester'), dueIn('architect')], [30, 90])
  await until('the others are told', () => roleAt('p4', 'architect')!.everyDays === 90)
  await keys.scheduleRotation(null, null)
  assert.deepEqual([dueIn('tester'), dueIn('architect')], [30, null])
})

test('a revocation has the keys replaced that its holder may have had, once, and those only', async () => {
  const { grants, rights, ring } = fleet.peer('p1')
  const counts = () => ['architect', 'tester'].map(role => versionsAt('p2', role))
  const before = counts()
  const subject = ring().members[3]!.id
  // A door token gives its holder no key.
  await grants.create(rights.self, { ...reading, subject: 'door', roles: 'any', bearer: true })
  assert.deepEqual((await grants.revoke('door', { sinceMs: null, rotate: true, dryRun: false })).rotates, [])
  const agent = await grants.create(rights.self, { ...reading, subject, roles: ['tester'], bearer: false })
  const ask = (rotate: boolean, dryRun: boolean) =>
    grants.revoke(agent.grant.id, { sinceMs: null, rotate, dryRun }).then(({ rotates }) => rotates)
  assert.deepEqual([await ask(true, true), await ask(false, true)], [['tester'], []])
  assert.deepEqual(await ask(true, false), ['tester'])
  await until('the leader has rotated it', () => versionsAt('p2', 'tester') > before[1]!, 90_000)
  // Asked for once more, and looked at by every peer as if it led: the cause has had its key.
  assert.deepEqual(await ask(true, false), ['tester'])
  await fleet.peer('p2').store.storeContext(place('after'), { title: 'x' }, { roles: ['tester'] })
  assert.deepEqual(counts(), [before[0], before[1]! + 1])
  assert.equal(roleAt('p1', 'tester')!.rotationDue === null, false, 'only its schedule is left')
  assert.ok(Date.parse(roleAt('p1', 'tester')!.rotationDue!) > Date.now())
})
