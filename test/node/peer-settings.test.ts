// Goal: peer.json and the token are private, whole, and refused in words when they are not. Method: a scratch directory.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlurpError } from '../../base/errors.ts'
import {
  newToken,
  peerFilePath,
  readPeerFile,
  readTokenOf,
  tokenPath,
  writePeerFile,
  writePrivately,
} from '../../node/peer-settings.ts'

const refusedWith = (code: string) => (thrown: unknown) =>
  thrown instanceof SlurpError && thrown.code === code

test('what is written is read back, by its owner only', t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-settings-'))
  t.after(() => rmSync(dir, { recursive: true }))
  assert.throws(() => readPeerFile(dir), refusedWith('DATA_MISSING'))
  assert.throws(() => readTokenOf(dir), refusedWith('DATA_MISSING'))
  writePeerFile(dir, { name: 'p1', settings: { port: 7 } })
  assert.deepEqual(readPeerFile(dir), { name: 'p1', settings: { port: 7 } })
  const token = newToken()
  assert.match(token, /^[\w-]{43}$/)
  assert.notEqual(token, newToken())
  writePrivately(tokenPath(dir), `${token}\n`)
  assert.equal(readTokenOf(dir), token)
  for (const path of [peerFilePath(dir), tokenPath(dir)]) assert.equal(statSync(path).mode & 0o777, 0o600)
  writeFileSync(tokenPath(dir), 'short')
  assert.throws(() => readTokenOf(dir), refusedWith('CONFIG_INVALID'))
  for (const [text, code] of [
    ['{"format":2,"name":"p1"}', 'FORMAT_UNKNOWN'],
    ['{"format":1}', 'CONFIG_INVALID'],
    ['nonsense', 'CONFIG_INVALID'],
  ] as const) {
    writeFileSync(peerFilePath(dir), text)
    assert.throws(() => readPeerFile(dir), refusedWith(code))
  }
})
