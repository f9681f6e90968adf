// Goal: a fleet whose identities are sealed starts with the passphrase, typed or from a file, and not without it; and
// no process shows it. Method: the command line as processes, a real terminal by `script`, the files of /proc.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundledMain } from '../../scripts/bundle.mjs'
import { Fleet, runSlurp, until } from './fleet.ts'

const work = mkdtempSync(join(tmpdir(), 'slurp-sealed-'))
after(() => rmSync(work, { recursive: true, force: true }))

const main = await bundledMain(fileURLToPath(new URL('../..', import.meta.url)))
const passphrase = 'marmalade-quince-orbit-7'
const dir = join(work, 'fleet')
const key = join(dir, 'p1', 'identity.key')
const fileWith = (name: string, text: string) => {
  const path = join(work, name)
  writeFileSync(path, `${text}\n`, { mode: 0o600 })
  return path
}
const right = { SLURP_PASSPHRASE_FILE: fileWith('right', passphrase), XDG_STATE_HOME: work }
const wrong = { SLURP_PASSPHRASE_FILE: fileWith('wrong', 'another passphrase'), XDG_STATE_HOME: work }
const none = { XDG_STATE_HOME: work }
const codeOf = (out: string) => JSON.parse(out.trim().split('\n').at(-1)!).error.code

test('a fleet is made sealed, and nothing starts without the passphrase', async () => {
  const made = await runSlurp(['init', '--dir', dir, '--peers', '3', '--passphrase', '--json'], '', right)
  assert.equal(made.code, 0, made.out + made.err)
  assert.match(readFileSync(key, 'latin1'), /^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/)
  assert.equal(statSync(key).mode & 0o777, 0o600)
  const up = ['up', '--dir', join(dir, 'p1'), '--json']
  const unasked = await runSlurp(up, '', none)
  assert.deepEqual([unasked.code, codeOf(unasked.out)], [9, 'PASSPHRASE_NEEDED'])
  const denied = await runSlurp(up, '', wrong)
  assert.deepEqual([denied.code, codeOf(denied.out)], [6, 'PASSPHRASE_WRONG'])
  const demo = await runSlurp(['demo', '--no-input', '--json', '--dir', dir], '', none)
  assert.deepEqual([demo.code, codeOf(demo.out)], [9, 'PASSPHRASE_NEEDED'], demo.out)
})

test('its peers run with the passphrase, let a sealed one in, and show it nowhere', async () => {
  Object.assign(process.env, right)
  const fleet = await Fleet.start(dir, work, ['--empty'])
  try {
    const joined = await fleet.join('p1', join(work, 'p4'), ['join', '--passphrase'])
    assert.match(readFileSync(join(work, 'p4', 'identity.key'), 'latin1'), /^age-encryption\.org/)
    const address = 'ucxl://any:any@sealed:any/*^/first'
    assert.equal(
      (await fleet.call('p2', 'PUT', fleet.context(address), { summary: 'of a sealed fleet' })).status,
      200,
    )
    assert.equal(
      (await fleet.call(joined.name, 'GET', fleet.context(address))).status,
      200,
      'by the door of the new one',
    )
    for (const { pid, dir: home } of fleet.peers) {
      const seen = ['environ', 'cmdline'].map(name => readFileSync(`/proc/${pid}/${name}`, 'latin1'))
      assert.ok(![...seen, readFileSync(join(home, 'peer.log'), 'latin1')].join().includes(passphrase))
    }
    // Its data is gone: it comes back under another identity, which is sealed as well.
    const { dir: home } = fleet.peer('p2')
    await fleet.kill('p2')
    for (const gone of ['data', 'data.watermark']) rmSync(join(home, gone), { recursive: true, force: true })
    await fleet.revive('p2')
    for (const name of ['identity.key', 'identity.key.lost']) {
      assert.match(readFileSync(join(home, name), 'latin1'), /^age-encryption\.org/, name)
    }
    assert.ok(!readFileSync(join(home, 'identity.key')).equals(readFileSync(join(home, 'identity.key.lost'))))
  } finally {
    for (const name of Object.keys(right)) delete process.env[name]
    await fleet.stop()
  }
})

const found = spawnSync('script', ['--version']).status === 0
if (!found && process.env.CI) throw new Error('`script` is not installed: apt-get install bsdutils')
const skip = found ? false : 'NOT RUN: `script` is not installed (apt-get install bsdutils)'

/** A command of slurp on a terminal of its own. */
function onTerminal(args: string) {
  const command = `"${process.execPath}" "${main}" ${args}`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...none },
  })
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text
  })
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  return {
    shown: () => shown,
    shows: (text: string) =>
      until(
        () => `${args} shows ${text}, not only ${shown.slice(-400)}`,
        () => shown.includes(text),
        60_000,
      ),
    type: (text: string) => child.stdin.write(text),
    ended,
  }
}

test('a terminal is asked, and does not show what is typed', { skip }, async () => {
  const peer = onTerminal(`up --dir ${join(dir, 'p1')}`)
  await peer.shows('Passphrase of ')
  peer.type(`${passphrase}\n`)
  await peer.shows('token file')
  peer.type('\u0003')
  await peer.ended
  assert.ok(!peer.shown().includes(passphrase), peer.shown())
})

test('the demo asks once for all of its peers', { skip }, async () => {
  const demo = onTerminal(`demo --dir ${dir} --empty`)
  await demo.shows('Passphrase of ')
  demo.type(`${passphrase}\n`)
  await demo.shows('slurp> ')
  demo.type('exit\n')
  assert.equal(await demo.ended, 0)
  assert.equal(demo.shown().split('Passphrase of').length, 2)
  assert.ok(!demo.shown().includes(passphrase), demo.shown())
})

test('a seal is changed and taken off', { skip }, async () => {
  const change = onTerminal(`identity change --dir ${join(dir, 'p1')}`)
  await change.shows('Passphrase of ')
  change.type(`${passphrase}\n`)
  await change.shows('New passphrase: ')
  change.type('another passphrase\n')
  await change.shows('The same again: ')
  change.type('another passphrase\n')
  assert.equal(await change.ended, 0, change.shown())
  const at = ['--dir', join(dir, 'p1'), '--json']
  const again = await runSlurp(['identity', 'seal', ...at], '', wrong)
  assert.deepEqual([again.code, codeOf(again.out)], [2, 'CONFIG_INVALID'])
  assert.equal(codeOf((await runSlurp(['identity', 'unseal', ...at], '', right)).out), 'PASSPHRASE_WRONG')
  assert.equal((await runSlurp(['identity', 'unseal', ...at], '', wrong)).code, 0)
  const { isSealed, peerId } = JSON.parse((await runSlurp(['identity', 'show', ...at])).out)
  assert.equal(isSealed, false)
  const [shown] = JSON.parse(readFileSync(join(dir, 'p1', 'fleet.json'), 'utf8')).members
  assert.equal(peerId, shown.id)
  assert.ok(!existsSync(`${key}.draft`))
})
