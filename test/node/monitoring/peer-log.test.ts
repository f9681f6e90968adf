// Goal: the log of a peer stays within its bounds and never quotes what an error says. Method: a small bound, errors
// whose text is a canary.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlurpError } from '../../../base/errors.ts'
import { openPeerLog } from '../../../node/monitoring/peer-log.ts'

test('the log turns at its bound and keeps one file before', t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-log-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const path = join(dir, 'peer.log')
  const log = openPeerLog(path, { level: 'info', bytesMax: 10_000 })
  for (let n = 0; n < 500; n++) log.info({ n }, 'counting')
  log.debug({}, 'below the level')
  log.close()
  assert.deepEqual(readdirSync(dir).sort(), ['peer.log', 'peer.log.1'])
  for (const name of readdirSync(dir)) {
    assert.ok(statSync(join(dir, name)).size < 10_500)
    assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
  }
  const last = readFileSync(path, 'utf8').trim().split('\n').at(-1)
  assert.equal(JSON.parse(last ?? '').n, 499)
})

test('an error keeps its name and place, not its text', t => {
  const dir = mkdtempSync(join(tmpdir(), 'slurp-log-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const log = openPeerLog(join(dir, 'peer.log'), { level: 'info', bytesMax: 100_000 })
  const inner = new SyntaxError('canary in the text')
  log.error({ err: new SlurpError('INTERNAL', 'canary outside', { cause: inner }) }, 'it failed')
  log.close()
  const text = readFileSync(join(dir, 'peer.log'), 'utf8')
  assert.ok(!text.includes('canary'))
  const { err } = JSON.parse(text)
  assert.deepEqual([err.name, err.code, err.cause.name], ['SlurpError', 'INTERNAL', 'SyntaxError'])
  assert.match(err.frames[0], /peer-log\.test/)
})
