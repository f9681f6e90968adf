import type { Server } from 'node:http'

/**
 * Holds each address to a share of the connections, so that nobody takes those of the others. One too many is closed
 * without a word.
 */
export function capConnections(
  server: Server,
  perAddressMax: number,
  refused: (address: string) => void,
): void {
  const counts = new Map<string, number>()
  server.on('connection', socket => {
    const address = socket.remoteAddress ?? 'unknown'
    const count = (counts.get(address) ?? 0) + 1
    if (count > perAddressMax) {
      refused(address)
      socket.destroy()
      return
    }
    counts.set(address, count)
    socket.once('close', () => {
      const left = counts.get(address)! - 1
      if (left === 0) counts.delete(address)
      else counts.set(address, left)
    })
  })
}
