// Runs a script of the project on the pinned Node, installing what is missing first. Plain JavaScript: it starts on
// whatever Node the machine has (20 or newer), `npm start` on a fresh clone comes through here.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledMain } from './bundle.mjs'

const home = fileURLToPath(new URL('..', import.meta.url))
const node = join(home, 'node_modules', '.bin', 'node')

/** Whether node_modules is there and not older than the lock file. */
function isInstalled() {
  const installed = join(home, 'node_modules', '.package-lock.json')
  if (!existsSync(node) || !existsSync(installed)) return false
  return statSync(installed).mtimeMs >= statSync(join(home, 'package-lock.json')).mtimeMs
}

function install() {
  console.error('Installing the pinned Node and the packages (once; half a minute)…')
  // Not `npm ci`: it refuses where a registry lacks the builds for other platforms. --no-save leaves the lock alone.
  const done = spawnSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: home,
    stdio: ['ignore', 2, 2],
  })
  if (done.status !== 0) {
    console.error('The packages could not be installed; the lines above say why. Run `npm install` again.')
    process.exit(1)
  }
}

/** Runs one command to its end with this terminal; the exit code is the command's own, 128 + N after signal N. */
function run(command, args, cwd = home) {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd, stdio: 'inherit' })
    // A terminal sends Ctrl-C to the child as well; what is sent to this process alone is passed on.
    const pass = signal => child.kill(signal)
    const ignore = () => undefined
    process.on('SIGTERM', pass)
    process.on('SIGHUP', pass)
    process.on('SIGINT', process.stdin.isTTY ? ignore : pass)
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', pass)
      process.off('SIGHUP', pass)
      process.removeAllListeners('SIGINT')
      resolve(code ?? 128 + constants.signals[signal])
    })
  })
}

const bin = name => join(home, 'node_modules', '.bin', name)
const [what, ...args] = process.argv.slice(2)

/** The stages of `npm test`; a name after `--` runs one of them. */
const stages = {
  types: () => run(node, [bin('tsc'), '-p', join(home, 'tsconfig.json'), '--noEmit']),
  'pure types': () => run(node, [bin('tsc'), '-p', join(home, 'tsconfig.pure.json'), '--noEmit']),
  lint: () => run(node, [bin('biome'), 'check', '--diagnostic-level=warn', home]),
  tests: () =>
    runTests(
      2,
      '{architecture,attacks,docs,base,control,keys,dht,replication,driver,election,crypto,grants,agents,store,search,fleet-search,http,cli,adapters,contracts,sample,sim,chaos,node,peer,fuzz}',
    ),
  // Whole fleets of processes, which wait for each other most of the time.
  'end to end': () => runTests(2, '{e2e,package}'),
}

/** @param folders - of test/, as a pattern. */
function runTests(atOnce, folders) {
  // Hundreds of processes run the same sources: each is compiled once, not in every one of them.
  process.env.NODE_COMPILE_CACHE ??= join(home, 'node_modules', '.cache', 'slurp', 'compiled')
  return run(node, [join(home, 'scripts', 'run-tests.mjs'), String(atOnce), folders])
}

async function test(only) {
  if (only !== undefined && !(only in stages)) {
    console.error(`Unknown stage ${only}: one of ${Object.keys(stages).join(', ')}.`)
    return 2
  }
  for (const [name, stage] of Object.entries(stages)) {
    if (only !== undefined && only !== name) continue
    console.error(`\n== ${name}`)
    const code = await stage()
    if (code !== 0) {
      console.error(`== ${name} failed`)
      return code
    }
  }
  return 0
}

/** `search` and `knowledge` are stages of their own; without a name the comparison with etcd comes first, then both. */
async function bench([stage, ...more]) {
  const file = (...names) => join(home, 'test', 'bench', ...names)
  const stages = { search: file('search', 'main.ts'), knowledge: file('knowledge.ts') }
  if (stage in stages) return run(node, [stages[stage], ...more])
  const options = [stage, ...more].filter(option => option !== undefined)
  const shared = options.filter(option => ['--quick', '--dry-run', '--help'].includes(option))
  let code = await run(node, [file('main.ts'), ...options])
  for (const next of Object.values(stages)) code ||= await run(node, [next, ...shared])
  return code
}

if (!isInstalled()) install()
process.chdir(home)
// File names on the command line are meant from where it was typed.
const here = process.env.INIT_CWD ?? home
const scripts = {
  demo: async () => run(node, [await bundledMain(home), 'demo', ...args], here),
  slurp: async () => run(node, [await bundledMain(home), ...args], here),
  bench: () => bench(args),
  sim: () => run(node, [join(home, 'sim', 'seeds', 'main.ts'), ...args]),
  'sim:deep': () => run(node, [join(home, 'sim', 'seeds', 'deep.ts'), ...args], here),
  'sim:explore': () => run(node, [join(home, 'sim', 'explore', 'main.ts'), ...args]),
  scale: () => run(node, [join(home, 'scripts', 'scale-page', 'main.ts'), ...args]),
  chaos: async () =>
    run(node, [join(home, 'sim', 'chaos', 'main.ts'), await bundledMain(home), ...args], here),
  fuzz: () => run(node, [join(home, 'test', 'fuzz', 'main.ts'), ...args], here),
  sample: () => run(node, [join(home, 'scripts', 'make-sample.ts'), ...args]),
  test: () => test(args[0]),
}
const script = scripts[what]
if (script === undefined) {
  console.error(`Unknown script ${what}: one of ${Object.keys(scripts).join(', ')}.`)
  process.exit(2)
}
process.exitCode = await script()
