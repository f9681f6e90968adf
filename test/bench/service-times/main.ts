// Goal: the service times that the simulator of scale works with, measured on the real code on this machine. Method:
// each part alone, by processor time of its event loop or by medians. Run: node test/bench/service-times/main.ts,
// or some parts alone: node test/bench/service-times/main.ts moves handlers
import { randomBytes } from 'node:crypto'
import { describeMachine } from '../machine.ts'
import { measureDisk } from './disk.ts'
import { measureDoor } from './door.ts'
import { measureEnvelopes } from './envelopes.ts'
import { measureFleet } from './fleet.ts'
import { measureHandlers } from './handlers.ts'
import { measureLinks } from './links.ts'
import { measureMoves } from './moves.ts'

const contextBytes = 4096
const roles = 2
const content = randomBytes(contextBytes).toString('base64').slice(0, contextBytes)
const context = JSON.stringify({ title: 'bench', content })
const say = (text: string) => process.stderr.write(`${text}\n`)

const machine = await describeMachine()
const envelopes = await measureEnvelopes(Buffer.from(context), roles)
say('envelopes: done')
const { dataBytes } = envelopes
const parts: Readonly<Record<string, () => unknown>> = {
  handlers: () => measureHandlers(dataBytes),
  moves: () => measureMoves(dataBytes),
  disk: () => measureDisk(dataBytes),
  links: () => measureLinks(),
  door: () => measureDoor(context),
  fleet: () => measureFleet(context),
}
const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !(name in parts))
if (unknown.length > 0)
  throw new Error(`no part is called ${unknown[0]}; there are ${Object.keys(parts).join(', ')}`)
const measured: Record<string, unknown> = { envelopes }
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  measured[name] = await measure()
  say(`${name}: done`)
}
const round = (value: unknown): unknown =>
  typeof value === 'number'
    ? Number(value.toPrecision(3))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, round(each)]))
      : value
console.log(JSON.stringify({ machine, ...(round(measured) as object) }, null, 2))
process.exit(0)
