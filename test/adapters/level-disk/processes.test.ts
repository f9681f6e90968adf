import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { recordsOf } from './batches.ts'
import { emptyFolder, openIn, removeFolder } from './folders.ts'

const program = fileURLToPath(new URL('./writing-process.ts', import.meta.url))

/** Runs until `enough` says so, then kills with SIGKILL. @returns what it printed. */
async function linesOf(
  child: ChildProcess,
  enough: (line: string, count: number) => boolean,
): Promise<string[]> {
  const lines: string[] = []
  let errors = ''
  child.stderr!.on('data', chunk => {
    errors += chunk
  })
  const ended = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout! })) {
    lines.push(line)
    if (enough(line, lines.length)) child.kill('SIGKILL')
  }
  await ended
  assert.equal(errors, '')
  return lines
}

// Goal: what was reported durable is there after kill -9, batches whole. Method: a real process, killed while it
// writes, several times over one database.
test('kill -9 loses nothing that was acknowledged', { timeout: 60_000 }, async () => {
  const folder = await emptyFolder()
  const acknowledged = new Set<number>()
  for (let round = 0; round < 4; round++) {
    const from = acknowledged.size === 0 ? 0 : Math.max(...acknowledged) + 100
    const child = spawn(process.execPath, [program, folder, String(from)])
    const lines = await linesOf(child, (_, count) => count >= 60 + round * 37)
    for (const line of lines) acknowledged.add(Number(line))
    const opened = await openIn(folder, true)
    assert.deepEqual(opened.found, { fresh: false, lostTail: false, gaps: false })
    for (const index of acknowledged) assert.equal(recordsOf(opened.disk, index), 2, `batch ${index}`)
    for (let index = 0; index < Math.max(...acknowledged) + 10; index++) {
      assert.notEqual(recordsOf(opened.disk, index), 1, `half of batch ${index}`)
    }
    await opened.close()
  }
  await removeFolder(folder)
})

// Goal: a full disk is reported, nothing after the failure is acknowledged, nothing before is lost. Method: a real
// process under a limit on the size of a file, which fails a write as a full disk does.
test('a full disk fails truthfully and loses nothing', {
  timeout: 60_000,
  skip: process.platform === 'win32',
}, async () => {
  const folder = await emptyFolder()
  const limited = 'trap "" XFSZ; ulimit -f 2048; exec "$@"'
  const child = spawn('sh', ['-c', limited, 'sh', process.execPath, program, folder, '0'])
  const lines = await linesOf(child, () => false)
  const failed = lines.findIndex(line => line.startsWith('failed'))
  assert.ok(failed > 0, 'it wrote until the limit')
  assert.ok(
    lines.slice(failed).every(line => line.startsWith('failed')),
    'and acknowledged nothing afterwards',
  )
  const opened = await openIn(folder, true)
  assert.deepEqual(opened.found, { fresh: false, lostTail: false, gaps: false })
  for (const line of lines.slice(0, failed))
    assert.equal(recordsOf(opened.disk, Number(line)), 2, `batch ${line}`)
  await opened.close()
  await removeFolder(folder)
})

// Goal: one process at a time. Method: try here first: a careless second open would give up this process's lock.
test('a second open is refused, in this process and in another, and disturbs nothing', {
  timeout: 60_000,
}, async () => {
  const folder = await emptyFolder()
  const opened = await openIn(folder)
  await assert.rejects(openIn(folder), { code: 'DIRECTORY_TAKEN' })
  const child = spawn(process.execPath, [program, folder, '0'])
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  await once(child, 'close')
  assert.match(errors, /DIRECTORY_TAKEN/)
  await opened.close()
  const again = await openIn(folder)
  assert.ok(again.found.fresh)
  await again.close()
  await removeFolder(folder)
})

// Goal: an empty database never takes the place of one that had data. Method: remove what an operator may lose.
test('data that is gone is missed', async () => {
  for (const lost of [
    ['data/CURRENT'],
    ['data'],
    ['data', 'data.watermark'],
    ['data/CURRENT', 'data.watermark'],
  ]) {
    const folder = await emptyFolder()
    const opened = await openIn(folder)
    await new Promise(resolve =>
      opened.disk.write([{ kind: 'put', key: Uint8Array.of(1), value: Uint8Array.of(2) }], resolve),
    )
    await opened.close()
    for (const name of lost) await rm(join(folder, name), { recursive: true })
    await assert.rejects(openIn(folder, true), { code: 'DATA_MISSING' }, lost.join())
    const nothingLeft = lost.includes('data') && lost.includes('data.watermark')
    if (!nothingLeft) await assert.rejects(openIn(folder, false), { code: 'DATA_MISSING' }, lost.join())
    await removeFolder(folder)
  }
})

test('a disk that was opened and never written is fresh again', async () => {
  const folder = await emptyFolder()
  await (await openIn(folder)).close()
  const opened = await openIn(folder)
  assert.deepEqual(opened.found, { fresh: true, lostTail: false, gaps: false })
  await opened.close()
  await removeFolder(folder)
})
