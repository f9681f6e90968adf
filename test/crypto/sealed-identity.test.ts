// Goal: an identity sealed by a passphrase opens with that one alone, by us and by the stock tools, and never asks for
// more work than the cap. Method: files sealed here and there, wrong passphrases, headers that were changed.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Decrypter, Encrypter } from 'age-encryption'
import { createIdentity, inspectIdentity, loadIdentity, resealIdentity } from '../../crypto/identity.ts'
import { workFactor, workFactorMax } from '../../crypto/scrypt-stanza.ts'
import { isSealedKey, openSealedKey, passphraseBytesMax, sealKey } from '../../crypto/sealed-key.ts'
import { directoryFor, flipped, refusedAs } from './fixtures.ts'

const passphrase = Buffer.from('correct horse battery staple – ß')
const other = Buffer.from('incorrect horse battery staple')
const key = Buffer.from('the bytes of a key')
/** Little work, where the work is not what is tested. */
const factor = 4
const always = (bytes: Uint8Array) => async () => bytes

test('a sealed identity is the same one, opens with its passphrase alone, and is bare again when told', async context => {
  const path = join(await directoryFor(context), 'identity.key')
  const { peerId } = await createIdentity(path)
  const bare = await readFile(path)
  assert.deepEqual(await inspectIdentity(path), { isSealed: false, workFactor: null, peerId })
  assert.equal((await resealIdentity(path, always(other), always(passphrase))).peerId, peerId)
  assert.deepEqual(await inspectIdentity(path), { isSealed: true, workFactor, peerId: null })
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const sealed = await readFile(path)
  assert.ok(!sealed.includes(bare.subarray(4, 36)), 'the seed is not in the file')
  assert.equal((await loadIdentity(path, always(passphrase))).peerId, peerId)
  await assert.rejects(loadIdentity(path), refusedAs('PASSPHRASE_NEEDED'))
  await assert.rejects(loadIdentity(path, always(other)), refusedAs('PASSPHRASE_WRONG', String(other)))
  await assert.rejects(resealIdentity(path, always(other), null), refusedAs('PASSPHRASE_WRONG'))
  assert.deepEqual(await readFile(path), sealed, 'a wrong passphrase changes nothing')
  await resealIdentity(path, always(passphrase), always(other))
  assert.equal((await loadIdentity(path, always(other))).peerId, peerId)
  await resealIdentity(path, always(other), null)
  assert.deepEqual(await readFile(path), bare)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
})

test('a replacement that a crash cut off leaves the old file, and its draft goes with the next one', async context => {
  const dir = await directoryFor(context)
  const path = join(dir, 'identity.key')
  const { peerId } = await createIdentity(path, passphrase)
  await writeFile(`${path}.draft`, 'half a k', { mode: 0o600 })
  assert.equal((await loadIdentity(path, always(passphrase))).peerId, peerId)
  await resealIdentity(path, always(passphrase), null)
  assert.deepEqual(await readdir(dir), ['identity.key'])
})

test('a sealed file that others may read is refused, and one that was changed is damaged', async context => {
  const path = join(await directoryFor(context), 'identity.key')
  const sealed = sealKey(key, passphrase, factor)
  await writeFile(path, sealed)
  await chmod(path, 0o644)
  await assert.rejects(loadIdentity(path, always(passphrase)), refusedAs('CONFIG_INVALID'))
  await chmod(path, 0o600)
  // It opens, and what is inside is no key.
  await assert.rejects(loadIdentity(path, always(passphrase)), refusedAs('INTEGRITY_FAILED', String(key)))
  for (let at = 0; at < sealed.length; at++) {
    const changed = flipped(sealed, at)
    if (!isSealedKey(changed)) continue
    assert.throws(
      () => openSealedKey(changed, passphrase, 'file'),
      failure => refusedAs('INTEGRITY_FAILED')(failure) || refusedAs('PASSPHRASE_WRONG')(failure),
    )
  }
})

test('more work than the cap is refused before any of it is done', () => {
  const sealed = Buffer.from(sealKey(key, passphrase, factor)).toString('latin1')
  for (const asked of [String(workFactorMax + 1), '63', '999', '0', '04', '-1', '4 4', '1e1']) {
    const file = Buffer.from(sealed.replace(/^(-> scrypt \S+) \d+$/m, `$1 ${asked}`), 'latin1')
    assert.throws(() => openSealedKey(file, passphrase, 'file'), refusedAs('INTEGRITY_FAILED'))
  }
})

test('a passphrase that protects nothing is refused', () => {
  for (const wrong of ['', 'short', 'ßßßßßßß', 'x'.repeat(passphraseBytesMax + 1)]) {
    assert.throws(() => sealKey(key, Buffer.from(wrong), factor), refusedAs('CONFIG_INVALID'))
  }
})

test('the age package opens what we seal, and we open what it seals', async () => {
  const decrypter = new Decrypter()
  decrypter.addPassphrase(passphrase.toString())
  assert.deepEqual(Buffer.from(await decrypter.decrypt(sealKey(key, passphrase, 10))), key)
  const encrypter = new Encrypter()
  encrypter.setPassphrase(passphrase.toString())
  encrypter.setScryptWorkFactor(10)
  const theirs = await encrypter.encrypt(key)
  assert.deepEqual(Buffer.from(openSealedKey(theirs, passphrase, 'file')), key)
})

const terminal = spawnSync('script', ['--version']).status === 0
const found = terminal && spawnSync('age', ['--version']).status === 0
if (!found && process.env.CI)
  throw new Error('`age` or `script` is not installed: apt-get install age bsdutils')
const skip = found ? false : 'NOT RUN: `age` or `script` is not installed (apt-get install age bsdutils)'

/** Runs a command on a terminal of its own, on which the passphrase is typed as often as it is asked for. */
function onTerminal(command: string): void {
  const typed = `${passphrase}\n${passphrase}\n`
  const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { input: typed })
  assert.equal(status, 0, stdout.toString())
}

test('the stock tool opens a sealed identity, and we open one that it sealed', { skip }, async context => {
  const dir = await directoryFor(context)
  const [path, bare, theirs] = ['identity.key', 'bare', 'theirs'].map(name => join(dir, name)) as [
    string,
    string,
    string,
  ]
  const { peerId, privateKey } = await createIdentity(path, passphrase)
  onTerminal(`age --decrypt -o ${bare} ${path}`)
  await chmod(bare, 0o600)
  assert.ok((await loadIdentity(bare)).privateKey.equals(privateKey))
  onTerminal(`age --encrypt --passphrase -o ${theirs} ${bare}`)
  await chmod(theirs, 0o600)
  assert.equal((await loadIdentity(theirs, always(passphrase))).peerId, peerId)
})
