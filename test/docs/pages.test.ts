// Goal: the pages say what is. Method: compare the dependencies page with package.json, and follow every link of every page.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

const pages = [
  ...readdirSync(root).filter(name => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
]

test('every dependency has its row, and every row its dependency', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
  const rows = [...read('docs/DEPENDENCIES.md').matchAll(/^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$/gm)].map(
    row => row[1],
  )
  assert.deepEqual(rows.sort(), Object.keys({ ...dependencies, ...devDependencies }).sort())
})

test('every link inside the project leads somewhere', () => {
  const broken: string[] = []
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const path = target.replace(/#.*$/, '')
      if (path !== '' && !existsSync(join(root, dirname(page), path))) broken.push(`${page}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})
