// Compiles the sources to dist/ for the published package, as Node strips no types inside node_modules. Plain
// JavaScript, as npm may start it on an older Node.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const home = fileURLToPath(new URL('..', import.meta.url))
const bin = name => join(home, 'node_modules', '.bin', name)

rmSync(join(home, 'dist'), { recursive: true, force: true })
const done = spawnSync(bin('node'), [bin('tsc'), '-p', join(home, 'tsconfig.build.json')], {
  cwd: home,
  stdio: ['ignore', 2, 2],
})
if (done.error !== undefined) console.error(`The compiler could not be started: ${done.error.message}`)
process.exitCode = done.status ?? 1
