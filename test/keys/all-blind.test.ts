// Goal: where all members are blind they sign memberships with a key that they share, which gives nobody a role, grants no
// agent anything and makes no role. Method: a real fleet in this process, through its doors.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import { KeyFleet, until } from './fleets.ts'

const fleet = await KeyFleet.make({ peers: 3, blind: ['p1', 'p2', 'p3'] })

before(async () => {
  await fleet.start()
  await fleet.ready()
})
after(() => fleet.close())

const sealed = (failure: unknown) => failure instanceof SlurpError && failure.code === 'SEALED'

test('members collect the key that signs memberships, and stay blind', async () => {
  for (const name of fleet.names) {
    const { grants, keys } = fleet.peer(name)
    await until(`${name} can sign`, () =>
      grants.delegate().then(
        () => true,
        () => false,
      ),
    )
    const { state, keys: held } = keys.status()
    assert.equal(state, 'blind')
    assert.deepEqual(
      held.map(({ name }) => name),
      ['@members'],
    )
  }
})

test('it makes no role', async () => {
  await assert.rejects(fleet.peer('p1').keys.createRole({ name: 'spy', peers: null, dryRun: true }), sealed)
})
