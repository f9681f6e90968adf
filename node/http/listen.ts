import type { Server } from 'node:http'
import { SlurpError } from '../../base/errors.ts'

const neighboursTried = 20
/** Connections that may wait to be taken; the system has a maximum of its own. */
const backlog = 8192

/**
 * Listens on the wanted port, else on the next free one, else on any.
 *
 * @returns the port in use.
 * @throws SlurpError CONFIG_INVALID when the interface does not exist or may not be used.
 */
export async function listenNear(server: Server, host: string, wanted: number): Promise<number> {
  const neighbours = wanted === 0 ? [] : Array.from({ length: neighboursTried }, (_, i) => wanted + i)
  for (const port of [...neighbours.filter(candidate => candidate <= 65_535), 0]) {
    const failure = await listenOn(server, host, port)
    if (failure === null) {
      const bound = server.address()
      return typeof bound === 'object' && bound !== null ? bound.port : port
    }
    if (failure.code !== 'EADDRINUSE' && (failure.code !== 'EACCES' || port === 0)) {
      throw new SlurpError('CONFIG_INVALID', `The HTTP door cannot listen on ${host} (${failure.code}).`)
    }
  }
  throw new SlurpError('CONFIG_INVALID', `No port is free on ${host}.`)
}

function listenOn(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise(resolve => {
    const failed = (failure: NodeJS.ErrnoException) => {
      server.off('listening', listening)
      resolve(failure)
    }
    const listening = () => {
      server.off('error', failed)
      resolve(null)
    }
    server.once('error', failed)
    server.once('listening', listening)
    server.listen({ port, host, backlog })
  })
}
