// Goal: what is published works where it is installed: compiled, with its samples, without the sources. Method:
// pack a copy of the project, install the tarball in an empty folder, and run the command from there.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'slurp-package-'))
const [copy, elsewhere] = [join(folder, 'copy'), join(folder, 'elsewhere')]
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string }

// The Node that runs this test comes first, so that the installed command finds one that is new enough; nothing
// of this user's own fleets is read or written.
const environment = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
  HOME: folder,
  XDG_CACHE_HOME: join(folder, 'cache'),
  XDG_STATE_HOME: join(folder, 'state'),
  XDG_CONFIG_HOME: join(folder, 'config'),
}
const slurp = join(elsewhere, 'node_modules', '.bin', 'slurp')
let packed: string[]

before(() => {
  // A copy, as packing compiles into dist/ and must not disturb who works here.
  const left = new Set(['node_modules', 'dist', '.git', 'test', 'docs'].map(name => join(project, name)))
  cpSync(project, copy, { recursive: true, filter: source => !left.has(source) })
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'))
  const npm = (cwd: string, args: string[]) =>
    execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const listed = npm(copy, ['pack', '--json', '--pack-destination', folder])
  const report = JSON.parse(listed.slice(listed.search(/^[[{]/m))) as unknown
  const [made] = (Array.isArray(report) ? report : Object.values(report as object)) as {
    filename: string
    files: { path: string }[]
  }[]
  packed = made!.files.map(({ path }) => path)
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'package.json'), '{"private":true}')
  npm(elsewhere, ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, made!.filename)])
})
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

test('the package holds what runs and nothing else', () => {
  for (const path of [
    'bin/slurp.mjs',
    'dist/node/main.js',
    'dist/node/main.d.ts',
    'sample/contexts.ndjson',
    'LICENSE',
  ]) {
    assert.ok(packed.includes(path), path)
  }
  const strays = packed.filter(
    path => !/^(bin|dist|sample)\/|^(package\.json|LICENSE|README\.md)$/.test(path) || /\.test\./.test(path),
  )
  assert.deepEqual(strays, [])
  assert.ok(
    !packed.some(path => path.endsWith('.ts') && !path.endsWith('.d.ts')),
    'no source that needs stripping',
  )
})

test('the installed command says its version', () => {
  const done = spawnSync(slurp, ['--version'], { cwd: elsewhere, env: environment, encoding: 'utf8' })
  assert.equal(done.status, 0, done.stderr)
  assert.match(done.stdout, new RegExp(`(^|\\s|v)${version.replaceAll('.', '\\.')}\\s*$`))
})

test('the installed command starts a fleet that answers and ends with SIGTERM', async () => {
  const dir = join(folder, 'fleet')
  const demo = spawn(slurp, ['demo', '--peers', '3', '--dir', dir, '--no-input', '--json'], {
    cwd: elsewhere,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(demo, 'exit')
  try {
    const ready = await readyLine(demo, 120_000)
    assert.equal(ready.peers.length, 3)
    const token = readFileSync(ready.tokenFile, 'utf8').trim()
    const answer = await fetch(new URL('/v1/status', ready.url), {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(answer.status, 200)
    demo.kill('SIGTERM')
    await ended
    for (const { pid } of ready.peers) assert.ok(!isAlive(pid), 'no process is left behind')
    assert.ok(existsSync(dir), 'what it stored stays')
  } finally {
    demo.kill('SIGKILL')
  }
})

type Ready = { type: string; url: string; tokenFile: string; peers: { pid: number }[] }

/** The line that says that the fleet is usable. */
async function readyLine(demo: ChildProcess, withinMs: number): Promise<Ready> {
  let errors = ''
  demo.stderr!.on('data', text => {
    errors += text
  })
  const late = AbortSignal.timeout(withinMs)
  for await (const line of createInterface({ input: demo.stdout!, signal: late })) {
    const event = JSON.parse(line) as Ready
    if (event.type === 'ready') return event
  }
  throw new Error(`not ready within ${withinMs} ms or ended early: ${errors}`)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
