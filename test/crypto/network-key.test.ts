// Goal: a network key is written once, for its owner only, in libp2p's form, and anything else is refused. Method:
// files, and the package that uses them.
import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { preSharedKey } from '@libp2p/pnet'
import { newNetworkKey, openNetworkKey, readNetworkKey, writeNetworkKey } from '../../crypto/network-key.ts'
import { sealTo } from '../../crypto/sealing.ts'
import { directoryFor, newIdentity, refusedAs } from './fixtures.ts'

test('a network key is for its owner only, and never replaced', async context => {
  const dir = await directoryFor(context)
  assert.equal(await readNetworkKey(dir), null)
  const key = newNetworkKey()
  await writeNetworkKey(dir, key)
  const path = join(dir, 'network.key')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(await readFile(path), key)
  assert.deepEqual(await readNetworkKey(dir), key)
  await assert.rejects(writeNetworkKey(dir, newNetworkKey()), refusedAs('DIRECTORY_TAKEN'))
  await chmod(path, 0o644)
  await assert.rejects(readNetworkKey(dir), refusedAs('CONFIG_INVALID'))
  assert.ok(preSharedKey({ psk: key })())
})

test('what is no network key is refused, whoever sealed it', async context => {
  const identity = await newIdentity()
  const dir = await directoryFor(context)
  const good = newNetworkKey()
  assert.deepEqual(
    Buffer.from(await openNetworkKey(await sealTo([identity.ageRecipient], good), identity)),
    good,
  )
  const text = Buffer.from(good).toString()
  const wrongs = [
    '',
    'x',
    text.slice(0, -2),
    `${text}0`,
    text.replace('base16', 'base64'),
    text.toUpperCase(),
  ]
  for (const [place, wrong] of wrongs.entries()) {
    const sealed = await sealTo([identity.ageRecipient], Buffer.from(wrong))
    await assert.rejects(openNetworkKey(sealed, identity), refusedAs('INTEGRITY_FAILED'))
    const home = join(dir, String(place))
    await mkdir(home)
    await writeFile(join(home, 'network.key'), wrong, { mode: 0o600 })
    await assert.rejects(readNetworkKey(home), refusedAs('INTEGRITY_FAILED'))
  }
})
