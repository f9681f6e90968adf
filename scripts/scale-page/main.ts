// Writes docs/SCALE.md and its figures from what `slurp sim scale --json` says. `--from FILE` takes what it said before.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { ScaleResult } from '../../sim/scale/scale.ts'
import { chartsOf } from './charts.ts'
import { draw } from './draw.mjs'
import { figuresFolder, pageOf } from './page.ts'

const home = fileURLToPath(new URL('../..', import.meta.url))

async function measure(): Promise<string> {
  const command = [join(home, 'node', 'main.ts'), 'sim', 'scale', '--json']
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', part => {
    text += part
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`slurp sim scale ended with ${code}`)
  return text
}

const { values } = parseArgs({ options: { from: { type: 'string' } } })
const result = JSON.parse(
  values.from === undefined ? await measure() : readFileSync(values.from, 'utf8'),
) as ScaleResult
const charts = chartsOf(result)
const figures = join(home, 'docs', figuresFolder)
mkdirSync(figures, { recursive: true })
for (const chart of charts) writeFileSync(join(figures, `${chart.name}.svg`), await draw(chart))
writeFileSync(join(home, 'docs', 'SCALE.md'), pageOf(result, charts))
process.stderr.write(`wrote docs/SCALE.md and ${charts.length} figures\n`)
