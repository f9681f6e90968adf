import { randomInt } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { SlurpError } from '../../base/errors.ts'

/** Below the range that systems hand to outgoing connections, so that a picked port stays free. */
const firstPort = 20_000
const lastPort = 32_000
const triesMax = 2000

/** Distinct ports that were free on `host` a moment ago, starting somewhere random. */
export async function pickFreePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const held: Server[] = []
  const ports: number[] = []
  let candidate = randomInt(firstPort, lastPort - count)
  try {
    for (let tries = 0; ports.length < count && tries < triesMax; tries++) {
      const server = await hold(candidate, host)
      if (server) {
        held.push(server)
        ports.push(candidate)
      }
      candidate = candidate + 1 < lastPort ? candidate + 1 : firstPort
    }
  } finally {
    await Promise.all(held.map(server => new Promise(resolve => server.close(resolve))))
  }
  if (ports.length < count)
    throw new SlurpError('CONFIG_INVALID', `There are not ${count} free ports on ${host}.`)
  return ports
}

function hold(port: number, host: string): Promise<Server | null> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, host, () => resolve(server))
  })
}
