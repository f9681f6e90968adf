// Goal: an operator with the stock `age` tool and a role's identity can always get at a context. Method: seal here
// and open there, seal there and open here, with files of several sizes and several recipients.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openWith, sealTo } from '../../crypto/sealing.ts'
import { X25519Identity } from '../../crypto/x25519.ts'
import { directoryFor } from './fixtures.ts'

const found = spawnSync('age', ['--version']).status === 0
if (!found && process.env.CI) throw new Error('`age` is not installed: apt-get install age')
const skip = found ? false : 'NOT RUN: the `age` tool is not installed (apt-get install age)'

const run = (args: readonly string[], input: Uint8Array): Buffer => {
  const { status, stdout, stderr } = spawnSync('age', args, { input, maxBuffer: 1 << 24 })
  assert.equal(status, 0, stderr.toString())
  return stdout
}

test('the stock tool opens what we seal, and we open what it seals', { skip }, async context => {
  const dir = await directoryFor(context)
  const identities = [X25519Identity.generate(), X25519Identity.generate()]
  const files = identities.map((_, place) => join(dir, `identity-${place}`))
  for (const [place, identity] of identities.entries()) {
    await writeFile(files[place]!, `${identity.secretText()}\n`, { mode: 0o600 })
  }
  const recipients = identities.map(identity => identity.recipient.text)
  for (const size of [0, 300, 64 * 1024, 200_000]) {
    const plaintext = randomBytes(size)
    const ours = await sealTo(recipients, plaintext)
    for (const file of files) assert.deepEqual(run(['--decrypt', '-i', file], ours), plaintext)
    const theirs = run(['--encrypt', ...recipients.flatMap(text => ['-r', text])], plaintext)
    for (const identity of identities) {
      assert.deepEqual(Buffer.from(await openWith([identity], theirs)), plaintext)
    }
  }
})

test('keys of the stock tool are keys of ours', { skip }, () => {
  const { stdout } = spawnSync('age-keygen')
  const secret = /^AGE-SECRET-KEY-1.*$/m.exec(stdout.toString())![0]
  const recipient = /public key: (age1.*)/.exec(stdout.toString())![1]
  assert.equal(new X25519Identity(secret).recipient.text, recipient)
})
