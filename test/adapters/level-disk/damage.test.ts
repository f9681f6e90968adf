import assert from 'node:assert/strict'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { SlurpError } from '../../../base/errors.ts'
import type { Ballot, ContextKey, Digest, Hlc } from '../../../base/ids.ts'
import { type Random, seeded } from '../../../base/random.ts'
import { decodeHead, encodeChange } from '../../../node/driver/codec/records.ts'
import type { OpenedDisk } from '../../../node/ports/opened-disk.ts'
import type { DiskChange } from '../../../node/ports/ports.ts'
import type { Head } from '../../../replication/records.ts'
import { written } from '../../contracts/disk.ts'
import { copyOfFolder, emptyFolder, openIn, removeFolder } from './folders.ts'

const keys = 40
const rounds = 14
/** Damaged places tried in each file. */
const places = 12

const keyOf = (index: number): ContextKey => index.toString(16).padStart(2, '0').repeat(32) as ContextKey

function headOf(index: number, round: number): Head {
  const version = round.toString(16).padStart(24, '0') as Hlc
  return {
    accepted: (version + '0'.repeat(8)) as Ballot,
    value: {
      version,
      parent: null,
      kind: 'live',
      hash: 'ab'.repeat(32) as Digest,
      expiresAtMs: index,
      data: null,
      recentOps: Array.from({ length: 8 }, () => ({ id: version, answer: 'written' as const })),
      opsFloor: version,
    },
  }
}

const change = (index: number, round: number): DiskChange =>
  encodeChange({ kind: 'head', key: keyOf(index), head: headOf(index, round) })

async function fill(opened: OpenedDisk, fromRound: number, toRound: number): Promise<void> {
  for (let round = fromRound; round < toRound; round++) {
    for (let index = 0; index < keys; index++) {
      assert.equal(await written(opened.disk, change(index, round)), null)
    }
  }
}

/** Some rounds in a table file, the last ones in the log. */
async function closedDatabase(): Promise<string> {
  const folder = await emptyFolder()
  const first = await openIn(folder)
  assert.deepEqual(first.found, { fresh: true, lostTail: false, gaps: false })
  await fill(first, 0, rounds / 2)
  await first.close()
  const second = await openIn(folder, true)
  assert.deepEqual(second.found, { fresh: false, lostTail: false, gaps: false })
  await fill(second, rounds / 2, rounds)
  await second.close()
  return folder
}

/** How the loss of `folder` was noticed; null when nothing was lost. Throws when it was lost and not noticed. */
async function noticed(folder: string): Promise<string | null> {
  let opened: OpenedDisk
  try {
    opened = await openIn(folder, true)
  } catch (failure) {
    assert.ok(failure instanceof SlurpError, `opening threw ${failure}`)
    assert.ok(['INTEGRITY_FAILED', 'DATA_MISSING'].includes(failure.code), failure.code)
    return failure.code
  }
  try {
    const { lostTail, gaps } = opened.found
    if (lostTail || gaps) return lostTail ? 'lostTail' : 'gaps'
    let damaged = false
    for (let index = 0; index < keys; index++) {
      const { key } = change(index, 0)
      const stored = opened.disk.read(key)
      assert.notEqual(stored, null, `record ${index} vanished without a word`)
      const head = decodeHead(key, stored!)
      if (head === 'damaged') damaged = true
      else assert.deepEqual(head, headOf(index, rounds - 1), `record ${index} went back without a word`)
    }
    return damaged ? 'damaged record' : null
  } finally {
    await opened.close()
  }
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(folder, 'data'))
  const idle = ['LOCK', 'LOG', 'LOG.old']
  return [...names.filter(name => !idle.includes(name)).map(name => join('data', name)), 'data.watermark']
}

/** `along`: how far into the file, from 0 to below 1. */
type Damage = (path: string, along: number, random: Random) => Promise<string>

async function flipByte(path: string, along: number, random: Random): Promise<string> {
  const bytes = await readFile(path)
  const at = Math.floor(along * bytes.length)
  const flip = 1 + random.below(255)
  bytes[at]! ^= flip
  await writeFile(path, bytes)
  return `byte ${at} ^ ${flip}`
}

async function cutShort(path: string, along: number): Promise<string> {
  const length = Math.floor(along * (await readFile(path)).length)
  await truncate(path, length)
  return `cut to ${length} bytes`
}

async function removeFile(path: string): Promise<string> {
  await rm(path)
  return 'removed'
}

async function tryEverywhere(
  folder: string,
  damage: Damage,
  tries: number,
  kinds: RegExp,
): Promise<Map<string, number>> {
  const random = seeded(7)
  const verdicts = new Map<string, number>()
  for (const name of await filesOf(folder)) {
    if (!kinds.test(name)) continue
    for (let attempt = 0; attempt < tries; attempt++) {
      const copy = await copyOfFolder(folder)
      const what = await damage(join(copy, name), (attempt + random.next()) / tries, random)
      try {
        const verdict = (await noticed(copy)) ?? 'nothing lost'
        const line = `${name.replace(/\d+/, 'N')}: ${verdict}`
        verdicts.set(line, (verdicts.get(line) ?? 0) + 1)
      } catch (failure) {
        assert.fail(`${name}, ${what}: ${(failure as Error).message}`)
      } finally {
        await removeFolder(copy)
      }
    }
  }
  return verdicts
}

// Goal: no damage to the files of a closed database passes unnoticed: it is found at open, or the record says so
// itself, or nothing was lost. Method: flip, cut or remove at many places of a copy, open, compare every record.
test('a flipped byte anywhere loses nothing without a word', async t => {
  const folder = await closedDatabase()
  const verdicts = await tryEverywhere(folder, flipByte, places, /./)
  for (const [line, count] of verdicts) t.diagnostic(`${line} ${count}`)
  assert.ok(verdicts.has('data/N.log: gaps'), 'a log damaged in its middle is noticed')
  assert.ok(verdicts.has('data/N.log: lostTail'), 'a log damaged at its end is noticed')
  assert.ok(!verdicts.has('data/N.ldb: nothing lost'), 'a damaged table is always noticed')
  await removeFolder(folder)
})

test('a file cut anywhere loses nothing without a word', async t => {
  const folder = await closedDatabase()
  const verdicts = await tryEverywhere(folder, cutShort, places, /./)
  for (const [line, count] of verdicts) t.diagnostic(`${line} ${count}`)
  assert.ok(
    [...verdicts.keys()].some(line => /log: lostTail/.test(line)),
    'a cut log is noticed',
  )
  await removeFolder(folder)
})

test('a removed file is noticed, whichever it is', async () => {
  const folder = await closedDatabase()
  const verdicts = await tryEverywhere(folder, removeFile, 1, /./)
  assert.ok(![...verdicts.keys()].some(line => line.endsWith('nothing lost')), [...verdicts.keys()].join())
  await removeFolder(folder)
})

// Goal: damage is reported at every open until it was acknowledged, and never afterwards, whatever happens between.
for (const [title, damage, kinds] of [
  ['a cut log', cutShort, /\.log$/],
  ['a table with a flipped byte', flipByte, /\.ldb$/],
  ['a removed watermark', removeFile, /watermark$/],
] as const) {
  test(`${title} is reported until it is acknowledged`, async () => {
    const folder = await closedDatabase()
    const [victim] = (await filesOf(folder)).filter(name => kinds.test(name))
    await damage(join(folder, victim!), 0.4, seeded(3))
    for (let time = 0; time < 3; time++) {
      const opened = await openIn(folder, true)
      assert.ok(opened.found.lostTail || opened.found.gaps)
      await fill(opened, 0, 1)
      if (time === 2) await opened.acknowledgeDamage()
      if (time === 2) await fill(opened, 1, 2)
      await opened.close()
    }
    for (let time = 0; time < 2; time++) {
      const opened = await openIn(folder, true)
      assert.deepEqual(opened.found, { fresh: false, lostTail: false, gaps: false })
      await fill(opened, time, time + 1)
      await opened.close()
    }
    await removeFolder(folder)
  })
}

test('damage after an acknowledgement is reported again', async () => {
  const folder = await closedDatabase()
  const log = async () => join(folder, (await filesOf(folder)).find(name => name.endsWith('.log'))!)
  await truncate(await log(), 5000)
  const first = await openIn(folder, true)
  assert.ok(first.found.lostTail)
  await first.acknowledgeDamage()
  await fill(first, 0, rounds)
  await first.close()
  await truncate(await log(), 80_000)
  const second = await openIn(folder, true)
  assert.ok(second.found.lostTail)
  await second.close()
  await removeFolder(folder)
})
