import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Flow } from './flow.ts'
import { fair, Line, type Weather } from './line.ts'
import { wantedPortBytes } from './wanted-port.ts'

const host = '127.0.0.1'
/** A peer that cannot be reached for so long is given up, as TCP would. */
const openMsMax = 20_000

type Pair = { readonly caller: Socket; readonly called: Socket; readonly names: ReadonlySet<string> }

/**
 * Stands between every two peers, byte by byte. A peer's connections come here (redirect.ts), each to the port that
 * belongs to it, and say first which port they really want; so every direction of every pair can be cut or slowed.
 */
export class Relay {
  private readonly servers = new Map<string, Server>()
  private readonly lines = new Map<string, Line>()
  /** Which peer listens where. */
  private readonly peersByPort = new Map<number, string>()
  private readonly pairs = new Set<Pair>()
  private readonly sockets = new Set<Socket>()

  /** @returns the port that connections of this peer shall come to. */
  async admit(peer: string): Promise<number> {
    const standing = this.servers.get(peer)
    if (standing !== undefined) return (standing.address() as AddressInfo).port
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, socket =>
      this.called(peer, socket),
    )
    this.servers.set(peer, server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port: 0 }, resolve)
    })
    return (server.address() as AddressInfo).port
  }

  /** Says where a peer listens; it may move when it starts again. */
  place(peer: string, port: number): void {
    this.peersByPort.set(port, peer)
  }

  change(from: string, to: string, weather: Partial<Weather>): void {
    const line = this.line(from, to)
    line.change({ ...line.weather, ...weather })
  }

  /** Ends every connection of two peers at once, as a router that forgot them does. */
  reset(one: string, other: string): void {
    for (const pair of [...this.pairs]) {
      if (!pair.names.has(one) || !pair.names.has(other)) continue
      pair.caller.resetAndDestroy()
      pair.called.resetAndDestroy()
    }
  }

  /** Ends cuts and slowness everywhere. */
  heal(): void {
    for (const line of this.lines.values()) line.change(fair)
  }

  /** Bytes that came through between peers so far. */
  get carriedBytes(): number {
    return [...this.lines.values()].reduce((sum, line) => sum + line.carriedBytes, 0)
  }

  close(): void {
    for (const server of this.servers.values()) server.close()
    for (const socket of this.sockets) socket.destroy()
  }

  private line(from: string, to: string): Line {
    const name = `${from} ${to}`
    const line = this.lines.get(name) ?? new Line()
    this.lines.set(name, line)
    return line
  }

  private called(from: string, caller: Socket): void {
    this.keep(caller)
    let head = Buffer.alloc(0)
    const read = (bytes: Buffer) => {
      head = Buffer.concat([head, bytes])
      if (head.length < wantedPortBytes) return
      caller.off('data', read)
      caller.pause()
      const port = Number(head.subarray(0, wantedPortBytes).toString('latin1'))
      if (!Number.isInteger(port) || port < 1 || port > 65_535) {
        caller.destroy()
        return
      }
      if (head.length > wantedPortBytes) caller.unshift(head.subarray(wantedPortBytes))
      this.open(from, this.peersByPort.get(port) ?? `port ${port}`, port, caller)
    }
    caller.on('data', read)
  }

  /** Opens the way on once both directions are free: a new connection needs both. */
  private open(from: string, to: string, port: number, caller: Socket): void {
    const there = this.line(from, to)
    const back = this.line(to, from)
    const givenUp = setTimeout(() => caller.resetAndDestroy(), openMsMax)
    const tryNow = () => {
      if (there.weather.isCut || back.weather.isCut) return
      stop()
      this.join(from, to, port, caller)
    }
    const unwatch = [there.watch(tryNow), back.watch(tryNow)]
    const stop = () => {
      clearTimeout(givenUp)
      for (const each of unwatch) each()
      caller.off('close', stop)
    }
    caller.once('close', stop)
    tryNow()
  }

  private join(from: string, to: string, port: number, caller: Socket): void {
    const called = connect({ host, port, allowHalfOpen: true, noDelay: true })
    caller.setNoDelay(true)
    this.keep(called)
    const refused = () => caller.resetAndDestroy()
    called.once('error', refused)
    called.once('connect', () => {
      called.off('error', refused)
      if (caller.destroyed) {
        called.destroy()
        return
      }
      const pair = { caller, called, names: new Set([from, to]) }
      this.pairs.add(pair)
      const over = () => this.pairs.delete(pair)
      new Flow(caller, called, this.line(from, to), over)
      new Flow(called, caller, this.line(to, from), over)
    })
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket)
    // Its close follows, and that is what the flows listen to.
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.sockets.delete(socket))
  }
}
