// Goal: an import stores what can be stored, tells each line that cannot be with its number and reason, keeps
// those lines for a retry, and goes on when a peer is lost. Method: files made here, doors that fail on purpose.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { describeProgress } from '../../node/cli/batch/progress.ts'
import { rememberFleet } from '../../node/cli/last-fleet.ts'
import { openTestDoor } from '../http/open-door.ts'
import { openBench } from './run-command.ts'

const record = (path: string, more: object = {}) =>
  JSON.stringify({ project: 'notes', path, summary: 'x', ...more })
const many = (count: number) => Array.from({ length: count }, (_, i) => record(`r${i}`)).join('\n')

test('plain, gzip and gzip of several members are imported', async t => {
  const { slurp, dir, memory } = await openBench(t)
  const members = [
    gzipSync(`${record('a')}\n${record('b').slice(0, 9)}`),
    gzipSync(`${record('b').slice(9)}\n`),
  ]
  const files: [string, string | Buffer, number][] = [
    ['plain.ndjson', many(300), 300],
    ['one.ndjson.gz', gzipSync(many(50)), 50],
    ['two.ndjson.gz', Buffer.concat(members), 2],
  ]
  let total = 0
  for (const [name, bytes, count] of files) {
    writeFileSync(join(dir, name), bytes)
    const { code, json, out } = await slurp(['batch', 'import', join(dir, name), '--json'])
    assert.equal(code, 0, out)
    assert.deepEqual([json.stored, json.failed, json.failures], [count, 0, null])
    total += count
  }
  assert.equal(memory.versionsKept(), total)
  const piped = await slurp(['batch', 'import', '-'], { input: many(3) })
  assert.match(piped.out, /^stored 3 in /)
})

test('lines that fail are told, kept and tried again', async t => {
  const { slurp, dir, memory } = await openBench(t)
  const file = join(dir, 'mixed.ndjson')
  const lines = [record('a'), '{"broken', record('b', { roles: ['wizard'] }), record('c')]
  writeFileSync(file, lines.join('\n'))
  const first = await slurp(['batch', 'import', file, '--json'])
  assert.equal(first.code, 3)
  assert.deepEqual([first.json.stored, first.json.failed], [2, 2])
  const told = first.out
    .trim()
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line))
  assert.deepEqual(told.map(({ line, error }) => [line, error.code]).sort(), [
    [2, 'JSON_INVALID'],
    [3, 'ROLE_UNKNOWN'],
  ])
  const failures = join(dir, 'mixed.failed.ndjson')
  assert.equal(first.json.failures, failures)
  const again = await slurp(['batch', 'retry', failures])
  assert.equal(again.code, 3)
  assert.match(again.err, /line 3: .*ROLE_UNKNOWN/)
  // What was wrong is put right in the file.
  writeFileSync(
    failures,
    readFileSync(failures, 'utf8')
      .replace('{\\"broken', '{\\"project\\":\\"p\\",\\"path\\":\\"q\\"}')
      .replace('wizard', 'architect'),
  )
  const last = await slurp(['batch', 'retry', failures, '--json'])
  assert.deepEqual([last.code, last.json.stored, last.json.failures], [0, 2, null])
  assert.equal(existsSync(failures), false)
  assert.equal(memory.versionsKept(), 4)
})

test('--dry-run checks every line and stores none; a line to start from leaves out the others', async t => {
  const { slurp, dir, memory } = await openBench(t)
  const file = join(dir, 'some.ndjson')
  writeFileSync(file, [record('a'), record('b'), '[]', record('d')].join('\n'))
  const rehearsed = await slurp(['batch', 'import', file, '--dry-run', '--json'])
  assert.deepEqual([rehearsed.code, rehearsed.json.wouldStore, rehearsed.json.failed], [3, 3, 1])
  assert.equal(memory.versionsKept(), 0)
  const rest = await slurp(['batch', 'import', file, '--from-line', '4', '--json'])
  assert.deepEqual([rest.code, rest.json.stored], [0, 1])
})

test('damaged gzip, a wrong template, a missing file: one sentence, nothing stored twice', async t => {
  const { slurp, dir } = await openBench(t)
  const file = join(dir, 'cut.ndjson.gz')
  writeFileSync(file, gzipSync(many(2000)).subarray(0, 900))
  const cut = await slurp(['batch', 'import', file, '--json'])
  assert.deepEqual([cut.code, cut.json.error.code], [8, 'INTEGRITY_FAILED'])
  const template = await slurp(['batch', 'import', file, '--address', 'nonsense', '--json'])
  assert.deepEqual([template.code, template.json.error.code], [2, 'USAGE'])
  const missing = await slurp(['batch', 'import', join(dir, 'none'), '--json'])
  assert.deepEqual([missing.code, missing.json.error.code], [2, 'USAGE'])
  const notFailures = await slurp(['batch', 'retry', file, '--json'])
  assert.deepEqual([notFailures.code, notFailures.json.error.code], [2, 'USAGE'])
})

/** A door that acknowledges `taken` lines of a batch and is gone. */
async function dyingDoor(t: TestContext, taken: number): Promise<string> {
  const dying = createServer((request, response) => {
    response.writeHead(200)
    request.once('data', () => {
      for (let line = 1; line <= taken; line++) {
        response.write(`${JSON.stringify({ type: 'item', line, address: 'x', version: 'y' })}\n`)
      }
      response.write('', () => setImmediate(() => request.socket.destroy()))
    })
  })
  await new Promise<void>(resolve => dying.listen(0, '127.0.0.1', resolve))
  t.after(() => dying.close())
  const at = dying.address()
  return `http://127.0.0.1:${typeof at === 'object' ? at?.port : 0}`
}

test('where no door is left, lines without an answer are failed with an unknown outcome', async t => {
  const { slurp, dir, environment } = await openBench(t)
  const url = await dyingDoor(t, 10)
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  rememberFleet(plain, { url, others: [], tokenFile: environment.SLURP_TOKEN_FILE ?? '', pid: 7 })
  const file = join(dir, 'many.ndjson')
  writeFileSync(file, many(100))
  const { code, json, out } = await slurp(['batch', 'import', file, '--json'], { environment: plain })
  // How much was sent before the reset, and which answers were lost with it, is the network's affair.
  const sent = (json.stoppedAt ?? 101) - 1
  assert.deepEqual([code, json.stored + json.failed], [3, sent])
  assert.ok(json.stored <= 10)
  assert.match(out, /outcome unknown/)
  const kept = readFileSync(json.failures ?? '', 'utf8')
    .trim()
    .split('\n')
  assert.equal(kept.length, json.failed + 1)
})

test('a peer that is lost costs nothing: what it did not answer is settled at the next door', async t => {
  const { slurp, dir, door, environment, memory } = await openBench(t)
  const taken = 10
  const url = await dyingDoor(t, taken)
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  rememberFleet(plain, { url, others: [door.url], tokenFile: environment.SLURP_TOKEN_FILE ?? '', pid: 7 })
  const file = join(dir, 'many.ndjson')
  const total = 20_000
  writeFileSync(file, many(total))
  const { code, json, out } = await slurp(['batch', 'import', file, '--json'], { environment: plain })
  assert.deepEqual([code, json.stored, json.failed, json.stoppedAt], [0, total, 0, null], out)
  assert.equal(memory.versionsKept(), total - taken)
})

test('a stopping peer hands its lines to the next door and nothing fails', async t => {
  const { slurp, dir, door, environment, memory } = await openBench(t)
  const other = await openTestDoor(t)
  const plain = { XDG_STATE_HOME: environment.XDG_STATE_HOME }
  const tokenFile = environment.SLURP_TOKEN_FILE ?? ''
  rememberFleet(plain, { url: door.url, others: [other.door.url], tokenFile, pid: 7 })
  const file = join(dir, 'many.ndjson')
  const total = 20_000
  writeFileSync(file, many(total))
  const running = slurp(['batch', 'import', file, '--json'], { environment: plain })
  while (memory.versionsKept() === 0) await new Promise(resolve => setImmediate(resolve))
  await door.stop(5000)
  const { code, json } = await running
  assert.deepEqual([code, json.stored, json.failed], [0, total, 0])
  assert.equal(memory.versionsKept() + other.memory.versionsKept(), total)
})

test('progress shows share, rate and time left', () => {
  const shown = describeProgress({ stored: 90, failed: 10, bytesRead: 500, bytesTotal: 1000 }, 10)
  assert.equal(shown, '[############............] 50%  100 done, 10 failed  10/s  10 s left')
  assert.equal(describeProgress({ stored: 5, failed: 0, bytesRead: 1, bytesTotal: null }, 1), '5 done  5/s')
})

test('an import is held back by a slow door and goes on, whatever alphabet its lines are in', async t => {
  const { slurp, dir, memory } = await openBench(t)
  // Two bytes a letter, and more of them than the system takes in for a door that reads slowly.
  const content = 'ž'.repeat(20_000)
  const lines = Array.from({ length: 600 }, (_, i) => record(`r${i}`, { content }))
  const file = join(dir, 'letters.ndjson')
  writeFileSync(file, lines.join('\n'))
  let letThrough = memory.holdWrites()
  const slowly = setInterval(() => {
    const next = memory.holdWrites()
    letThrough()
    letThrough = next
  }, 3)
  t.after(() => clearInterval(slowly))
  const { code, json, out } = await slurp(['batch', 'import', file, '--concurrency', '1', '--json'])
  assert.equal(code, 0, out)
  assert.equal(json.stored, lines.length)
})

test('a failures file that cannot be written is told once every line was sent', async t => {
  const { slurp, dir } = await openBench(t)
  const file = join(dir, 'broken.ndjson')
  writeFileSync(file, Array.from({ length: 2000 }, () => '{"broken').join('\n'))
  const failures = join(dir, 'none', 'failures.ndjson')
  const { code, json } = await slurp(['batch', 'import', file, '--failures', failures, '--json'])
  assert.deepEqual([code, json.error.code], [2, 'CONFIG_INVALID'])
})
