// Goal: a Node that cannot run SLURP says so instead of failing somewhere inside. Method: the command starts with
// a version number that pretends to be older.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('on a Node that is too old the command says so in one sentence', () => {
  const older =
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.0' } })"
  const args = [
    '--import',
    `data:text/javascript,${encodeURIComponent(older)}`,
    fileURLToPath(new URL('../../bin/slurp.mjs', import.meta.url)),
  ]
  const done = spawnSync(process.execPath, [...args, '--version'], { encoding: 'utf8' })
  assert.equal(done.status, 1)
  assert.equal(done.stdout, '')
  assert.match(done.stderr, /^[^\n]*24[^\n]*20\.11\.0[^\n]*\.\n$/)
})
