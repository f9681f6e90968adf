import type { Server } from 'node:http'
import { AddressCounts } from '../caps/address-counts.ts'

/** Holds each address to a share of the connections. One too many is closed without a word. */
export function capConnections(
  server: Server,
  perAddressMax: number,
  refused: (address: string) => void,
): void {
  const counts = new AddressCounts(perAddressMax)
  server.on('connection', socket => {
    const address = socket.remoteAddress ?? 'unknown'
    const leave = counts.enter(address)
    if (leave !== null) return void socket.once('close', leave)
    refused(address)
    socket.destroy()
  })
}
