// Goal: a certificate that cannot be used is refused before the door opens. Method: settings and files of all wrong kinds.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readTls } from '../../node/tls-files.ts'
import { directoryFor, refusedAs } from '../crypto/fixtures.ts'

test('no certificate is none; half of one, a missing one and one that is none are refused', async t => {
  const dir = await directoryFor(t)
  assert.equal(readTls({ httpTlsCert: '', httpTlsKey: '' }), null)
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const wrong = refusedAs('CONFIG_INVALID', 'canary')
  assert.throws(() => readTls({ httpTlsCert: cert, httpTlsKey: '' }), wrong)
  assert.throws(() => readTls({ httpTlsCert: '', httpTlsKey: key }), wrong)
  assert.throws(() => readTls({ httpTlsCert: cert, httpTlsKey: key }), wrong)
  writeFileSync(cert, 'canary')
  writeFileSync(key, '-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n')
  assert.throws(() => readTls({ httpTlsCert: cert, httpTlsKey: key }), wrong)
})
