// Goal: the service times that the simulator of scale works with, measured on the real code on this machine. Method:
// each part alone, by processor time of its event loop or by medians. Run: node test/bench/service-times/main.ts
import { randomBytes } from 'node:crypto'
import { describeMachine } from '../machine.ts'
import { measureDisk } from './disk.ts'
import { measureDoor } from './door.ts'
import { measureEnvelopes } from './envelopes.ts'
import { measureFleet } from './fleet.ts'
import { measureHandlers } from './handlers.ts'
import { measureLinks } from './links.ts'

const contextBytes = 4096
const roles = 2
const content = randomBytes(contextBytes).toString('base64').slice(0, contextBytes)
const context = JSON.stringify({ title: 'bench', content })
const say = (text: string) => process.stderr.write(`${text}\n`)

const machine = await describeMachine()
const envelopes = await measureEnvelopes(Buffer.from(context), roles)
say('envelopes: done')
const handlers = measureHandlers(envelopes.dataBytes)
say('driver and peer: done')
const disk = await measureDisk(envelopes.dataBytes)
say('disk: done')
const links = await measureLinks()
say('links: done')
const door = await measureDoor(context)
say('door and store: done')
const fleet = await measureFleet(context)
say('a whole fleet: done')
const round = (value: unknown): unknown =>
  typeof value === 'number'
    ? Number(value.toPrecision(3))
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, round(each)]))
      : value
console.log(
  JSON.stringify(
    { machine, ...(round({ envelopes, handlers, disk, links, door, fleet }) as object) },
    null,
    2,
  ),
)
process.exit(0)
