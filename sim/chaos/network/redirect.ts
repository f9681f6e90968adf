// Loaded into every peer of a chaos run before its own code (node --import): its connections to other peers on this
// machine go to the relay. The peer itself is unchanged and knows the real addresses (docs/decisions/060).
import { Socket } from 'node:net'
import { relayVariable, wantedPort } from './wanted-port.ts'

type Target = { port?: number | string | undefined; host?: string | undefined; path?: string | undefined }

const relayPort = Number(process.env[relayVariable])
const loopback = new Set([undefined, '127.0.0.1', 'localhost', '::1'])
const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket

/** Takes what Socket.connect takes: Node's own list of (target, listener), a target, or a port and perhaps a host. */
function redirected(this: Socket, ...args: unknown[]): Socket {
  const list: unknown[] = Array.isArray(args[0]) ? args[0] : args
  const [first, host] = list
  const isPort = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))
  const target: Target = isPort
    ? { port: first, host: typeof host === 'string' ? host : undefined }
    : ((first ?? {}) as Target)
  if (target.path || !target.port || !loopback.has(target.host)) return connect.apply(this, args)
  const through = { ...target, host: '127.0.0.1', port: relayPort }
  if (isPort) list.splice(0, typeof host === 'string' ? 2 : 1, through)
  else list[0] = through
  connect.apply(this, args)
  this.write(wantedPort(Number(target.port)), 'latin1')
  return this
}

if (relayPort > 0) Socket.prototype.connect = redirected as typeof Socket.prototype.connect
