// Goal: the audit log is looked at from the command line, through a door and offline. Method: the command line in this
// process against a log in memory, and against folders that a real sink wrote.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allowed, openSink } from '../node/audit/sinks.ts'
import { openBench } from './run-command.ts'

const address = 'ucxl://any:any@notes:any/*^/a'

test('entries are printed, found, and exported', async t => {
  const { slurp } = await openBench(t)
  await slurp(['put', address, '--field', 'summary=one'])
  await slurp(['get', address])
  const tail = await slurp(['audit', 'tail'])
  assert.match(tail.out, /^1 .* allowed .* write .* token:[0-9a-f]{16}/)
  assert.match((await slurp(['audit', 'search', '--denied'])).out, /no entry fits/)
  const found = await slurp(['audit', 'search', '--address', address, '--operation', 'read', '--json'])
  assert.equal((found.json as unknown as { entries: unknown[] }).entries.length, 1)
  const lines = (await slurp(['audit', 'export', '--after', '1'])).out.trim().split('\n')
  assert.equal(JSON.parse(lines[0]!).seq, 2)
  assert.match((await slurp(['audit', 'verify'])).out, /^the log is whole/)
  const { code, err } = await slurp(['audit', 'search', '--since', 'yesterday'])
  assert.deepEqual([code, /It is a time/.test(err)], [2, true])
})

test('a folder is checked without a fleet, and a broken one exits with 8', async t => {
  const { slurp, dir } = await openBench(t)
  const folder = join(dir, 'p1', 'audit')
  mkdirSync(folder, { recursive: true })
  const { sink, identity } = await openSink(t, folder)
  for (let i = 0; i < 5; i++) await sink.decided(allowed)
  await sink.stop(1000)
  const whole = await slurp(['audit', 'verify', '--dir', join(dir, 'p1'), '--peer', identity.peerId], {
    environment: {},
  })
  assert.equal(whole.code, 0)
  assert.match(whole.out, /^the log is whole\n/)
  const path = join(folder, readdirSync(folder).find(name => name.endsWith('.audit'))!)
  const bytes = readFileSync(path)
  bytes[bytes.length - 200]! ^= 1
  writeFileSync(path, bytes)
  const broken = await slurp(['audit', 'verify', '--dir', folder], { environment: {} })
  assert.equal(broken.code, 8)
  assert.match(broken.out, /^BROKEN at entry \d+: Entry \d+ is changed/)
  const json = await slurp(['audit', 'verify', '--dir', folder, '--json'], { environment: {} })
  assert.equal(json.code, 8)
  assert.match(json.out, /"what":"changed"/)
  const nowhere = await slurp(['audit', 'verify', '--dir', join(dir, 'none')], { environment: {} })
  assert.deepEqual([nowhere.code, /no audit log/.test(nowhere.err)], [8, true])
  assert.equal(
    (await slurp(['audit', 'verify', '--dir', folder, '--peer', 'p1'], { environment: {} })).code,
    2,
  )
})
