// Puts the sources and the packages that they import into a few files, so that a command does not have to find and
// read some 1,200: five peers start in half the time (docs/decisions/050). Plain JavaScript: it starts on whatever
// Node the machine has.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const houses = ['base', 'dht', 'replication', 'election', 'crypto', 'node', 'sim']
const prefix = 'bundle-'
const keptMs = 24 * 3_600_000

/**
 * The bundled main of the command line, built when a source changed since. Bundles are named by what they are made
 * of, so that commands that start at the same time agree, and one that runs keeps what it started from.
 *
 * @param home - folder of the project, packages installed.
 * @returns path of the file to run.
 */
export async function bundledMain(home) {
  const shelf = join(home, 'node_modules', '.cache', 'slurp')
  const folder = join(shelf, prefix + stampOf(home))
  const main = join(folder, 'main.js')
  if (existsSync(main)) return main
  const { build } = await import(pathToFileURL(join(home, 'node_modules', 'esbuild', 'lib', 'main.js')).href)
  mkdirSync(shelf, { recursive: true })
  const draft = mkdtempSync(join(shelf, 'draft-'))
  try {
    await build({
      absWorkingDir: home,
      // Threads lie beside what starts them as they do in the sources.
      entryPoints: {
        main: join('node', 'main.ts'),
        'thread/thread': join('node', 'search', 'thread', 'thread.ts'),
        'thread/reseal-thread': join('node', 'reseal', 'thread', 'reseal-thread.ts'),
      },
      outdir: draft,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      // It loads its binary from where it is installed.
      external: ['classic-level'],
      // Packages in the older module format ask for built-in modules at run time.
      banner: {
        js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
      },
      logLevel: 'error',
    })
    renameSync(draft, folder)
    clearOut(shelf)
  } catch (failure) {
    rmSync(draft, { recursive: true, force: true })
    // Another command that started now was faster.
    if (!existsSync(main)) throw failure
  }
  return main
}

/** A process that runs reads more of its bundle later, so only what is older than a day goes. */
function clearOut(shelf) {
  for (const name of readdirSync(shelf)) {
    const path = join(shelf, name)
    if (statSync(path).mtimeMs < Date.now() - keptMs) rmSync(path, { recursive: true, force: true })
  }
}

/** Changes with every source file and with what is installed. */
function stampOf(home) {
  const hash = createHash('sha256')
  const note = path => {
    const { mtimeMs, size } = statSync(path)
    hash.update(`${path}\0${mtimeMs}\0${size}\n`)
  }
  note(join(home, 'node_modules', '.package-lock.json'))
  note(fileURLToPath(import.meta.url))
  for (const house of houses) {
    for (const name of readdirSync(join(home, house), { recursive: true }).sort()) {
      if (name.endsWith('.ts')) note(join(home, house, name))
    }
  }
  return hash.digest('hex').slice(0, 16)
}
