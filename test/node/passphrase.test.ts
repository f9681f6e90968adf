// Goal: a passphrase comes from a file that only its owner reads or from a terminal that does not show it, and without
// either a clear error comes at once. Method: files of every kind, and a terminal in raw mode played by a stream.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import { askOnTerminal, ProcessPassphrase, passphraseIn } from '../../node/passphrase.ts'
import { refusedAs } from '../crypto/fixtures.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-passphrase-'))
after(() => rmSync(work, { recursive: true, force: true }))

function file(content: string | Uint8Array, mode = 0o600): string {
  const path = join(work, 'passphrase')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

test('one line end is cut off a passphrase file, and nothing else', async () => {
  for (const [content, passphrase] of [
    ['six random words', 'six random words'],
    ['six random words\n', 'six random words'],
    ['six random words\r\n', 'six random words'],
    [' two lines\n\n', ' two lines\n'],
    ['ßß\n', 'ßß'],
  ] as const) {
    assert.equal(Buffer.from(await passphraseIn(file(content))).toString(), passphrase)
  }
})

test('a passphrase file that is missing, empty, too large or open to others is refused', async () => {
  await assert.rejects(passphraseIn(join(work, 'none')), refusedAs('CONFIG_INVALID'))
  for (const content of ['', '\n', 'x'.repeat(1025), 'x'.repeat(300_000)]) {
    await assert.rejects(passphraseIn(file(content)), refusedAs('CONFIG_INVALID'))
  }
  for (const mode of [0o640, 0o604, 0o622]) {
    await assert.rejects(
      passphraseIn(file('six random words', mode)),
      refusedAs('CONFIG_INVALID', 'six random'),
    )
  }
})

/** A terminal: what is typed goes in, what was shown comes out. */
function openTerminal() {
  const modes: boolean[] = []
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
  })
  const output = new PassThrough()
  let text = ''
  output.on('data', chunk => {
    text += chunk
  })
  const shown = () => text
  return { input, output, modes, shown, ask: () => askOnTerminal({ input, output }, 'Passphrase: ') }
}

test('what is typed is taken back letter by letter or all at once, and never shown', async () => {
  const { input, modes, shown, ask } = openTerminal()
  const asked = ask()
  input.write('thrown away\u0015ab')
  input.write(Buffer.from('ß').subarray(0, 1))
  input.write(Buffer.concat([Buffer.from('ß').subarray(1), Buffer.from('\u007f\u007fc\r')]))
  assert.equal(Buffer.from(await asked).toString(), 'ac')
  assert.deepEqual(modes, [true, false], 'the terminal is as it was')
  assert.equal(shown(), 'Passphrase: \n')
})

test('answers that come in one piece answer one question each', async () => {
  const { input, ask } = openTerminal()
  const parts = { environment: {}, ask }
  input.write('the same words\nthe same words\n')
  assert.equal(Buffer.from(await new ProcessPassphrase(parts).choose()).toString(), 'the same words')
  input.write('the same words\nother words\n')
  await assert.rejects(new ProcessPassphrase(parts).choose(), refusedAs('PASSPHRASE_WRONG', 'other words'))
})

test('without a terminal, or when nothing is typed, a passphrase is missing', async () => {
  const { input, ask, modes } = openTerminal()
  const interrupted = ask()
  input.write('half a passphr\u0003')
  await assert.rejects(interrupted, refusedAs('PASSPHRASE_NEEDED', 'half'))
  const closed = ask()
  input.end()
  await assert.rejects(closed, refusedAs('PASSPHRASE_NEEDED'))
  assert.deepEqual(modes, [true, false, true, false])
  const pipe = { input: new PassThrough(), output: new PassThrough() }
  const passphrase = new ProcessPassphrase({
    environment: {},
    ask: async question => askOnTerminal(pipe, question),
  })
  await assert.rejects(passphrase.of('identity.key'), refusedAs('PASSPHRASE_NEEDED'))
})

test('a passphrase is asked for once, and the file comes before the terminal', async () => {
  let asked = 0
  const ask = async () => Buffer.from(`typed ${++asked}`)
  const typed = new ProcessPassphrase({ environment: {}, ask })
  assert.deepEqual(await typed.of('a'), await typed.of('b'))
  assert.equal(asked, 1)
  const environment = { SLURP_PASSPHRASE_FILE: file('of the file\n') }
  assert.equal(
    Buffer.from(await new ProcessPassphrase({ environment, ask }).of('a')).toString(),
    'of the file',
  )
  assert.equal(asked, 1)
})
