// Goal: enough custodians put the authority together and fewer learn nothing; it is on no disk. Method: a fleet made with
// custodians, their shares opened with their own keys, and shares that are too few, twice, changed or of another fleet.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { joinAuthority } from '../../crypto/authority-shares.ts'
import { createFleet } from '../../crypto/fleet-creation.ts'
import { openWith } from '../../crypto/sealing.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import { directoryFor, refusedAs } from './fixtures.ts'

test('an authority in shares', async context => {
  const work = await directoryFor(context)
  const keys = ['alice', 'bob', 'carol'].map(name => ({ name, identity: X25519Identity.generate() }))
  const custodians = keys.map(({ name, identity }) => ({ name, recipient: identity.recipient.text }))
  const sharesOf = async (name: string) => {
    const dir = join(work, name)
    const rolesOf = () => ['tester']
    const custody = { threshold: 2, custodians }
    const { fleet } = await createFleet({
      dir,
      memberNames: ['p1'],
      roles: ['tester'],
      replicas: 1,
      rolesOf,
      custody,
    })
    const files = await readdir(join(dir, 'authority'))
    assert.deepEqual(files.sort(), ['alice.share.age', 'bob.share.age', 'carol.share.age', 'fleet.json'])
    const open = async (each: (typeof keys)[0]) => {
      const sealed = await readFile(join(dir, 'authority', `${each.name}.share.age`))
      return Buffer.from(await openWith([each.identity], sealed)).toString()
    }
    return { fleet, texts: await Promise.all(keys.map(open)) }
  }
  const { fleet, texts } = await sharesOf('one')
  const [a = '', b = '', c = ''] = texts
  for (const some of [
    [a, b],
    [c, a],
    [a, b, c],
  ])
    assert.equal((await joinAuthority(some)).fleet, fleet)
  const other = await sharesOf('two')
  const refused = [[], [a], [a, a], [a, other.texts[1]!], [a, b.replace('.2.', '.1.')], [a, 'nothing']]
  for (const some of refused) await assert.rejects(joinAuthority(some), refusedAs('USAGE', a.split('.')[3]!))
})
