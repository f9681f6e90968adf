// Goal: a fleet that was down for longer than its grants last wakes by itself, without its authority. Method: a real fleet
// in this process, whose grants were signed so long ago that they have ended before its first start.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadAuthority } from '../../crypto/authority.ts'
import { verifyFleetRecord } from '../../crypto/fleet-record.ts'
import { encodeGrantFile } from '../../crypto/grants/chain-text.ts'
import { openDelegate } from '../../crypto/grants/grant-chain.ts'
import { certify, memberLimits, membershipIdOf, signMembership } from '../../crypto/grants/membership.ts'
import { KeyFleet, until } from './fleets.ts'
import { signingKeyOn } from './stolen.ts'

const dayMs = 86_400_000

test('every grant has ended: the first is renewed with shares of grants that ended, the rest by the first', async t => {
  const fleet = await KeyFleet.make({ peers: 3, blind: ['p3'], roles: ['tester'] })
  t.after(() => fleet.close())
  const longAgo = Date.now() - 40 * dayMs
  const dirs = fleet.names.map(name => join(fleet.dir, name))
  const authority = await loadAuthority(join(fleet.dir, 'authority', 'authority.key'))
  const { view } = verifyFleetRecord(readFileSync(join(dirs[0]!, 'fleet.json')))
  const key = await signingKeyOn(dirs, view.fleet)
  const delegate = await certify(authority, key.publicKey, longAgo)
  const issuer = await openDelegate(delegate, authority.publicKey)
  for (const { id: peer, name } of view.members) {
    const limits = memberLimits(name !== 'p3')
    const membership = { peer, name, limits, id: membershipIdOf(view.fleet, peer) }
    const grant = await signMembership(key, issuer, membership, longAgo)
    writeFileSync(join(fleet.dir, name, 'grant.json'), encodeGrantFile({ delegate, grant }))
  }
  await fleet.start()
  const { grants } = fleet.peer('p1')
  for (const { id } of view.members)
    await until('its grant is renewed', () =>
      grants.list().some(each => each.subject === id && each.state === 'valid'),
    )
  await fleet.ready()
  const address = 'ucxl://any:any@asleep:any/*^/x'
  // The others know of a renewal a moment before its holder goes by it.
  await until('p2 goes by its own', () =>
    fleet
      .peer('p2')
      .store.storeContext(address, { title: 'awake' })
      .then(
        () => true,
        failure => {
          assert.equal(failure.code, 'GRANT_DENIED')
          return false
        },
      ),
  )
  assert.equal((await fleet.peer('p1').store.retrieveContext(address)).context.title, 'awake')
})
