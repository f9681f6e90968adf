// Goal: what is installed is what was looked at, and nothing of it runs on installation but what is listed. Method: the lockfile,
// package.json and the page on dependencies are compared.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
type Locked = { resolved?: string; integrity?: string; hasInstallScript?: boolean }
const locked = Object.entries(
  (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages,
)
const installed = locked.filter(([path]) => path !== '')

test('every package is locked to its content, and comes from a registry', () => {
  assert.ok(installed.length > 100)
  for (const [path, { integrity, resolved }] of installed) {
    assert.match(integrity ?? '', /^sha512-/, path)
    // Left out, it is the registry that npm is set to.
    if (resolved !== undefined) assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//, path)
  }
})

test('what runs a script on installation is allowed to, and listed', () => {
  const names = installed.flatMap(([path, { hasInstallScript }]) =>
    hasInstallScript === true ? [path.split('node_modules/').at(-1)!] : [],
  )
  const { allowScripts } = JSON.parse(read('package.json')) as { allowScripts: Record<string, boolean> }
  assert.deepEqual(names.toSorted(), Object.keys(allowScripts).toSorted())
  const listed = [...read('docs/DEPENDENCIES.md').matchAll(/^- `([^`]+)`: /gm)].map(([, name]) => name)
  assert.deepEqual(listed.toSorted(), names.toSorted())
})
