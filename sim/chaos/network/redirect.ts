// Loaded into every peer of a chaos run before its own code (node --import): its connections to other peers on this
// machine go to the relay. The peer itself is unchanged and knows the real addresses (docs/decisions/060).
import { Socket } from 'node:net'
import { relayVariable, wantedPort } from './wanted-port.ts'

type Target = { port?: number | string | undefined; host?: string | undefined; path?: string | undefined }

const relayPort = Number(process.env[relayVariable])
const loopback = new Set([undefined, '127.0.0.1', 'localhost', '::1'])
const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket

/** Node hands its own calls over as a list whose first item is the target; others give the target itself. */
function redirected(this: Socket, ...args: unknown[]): Socket {
  const list: unknown[] = Array.isArray(args[0]) ? args[0] : args
  const target = list[0] as Target
  const isOurs =
    typeof target === 'object' && target !== null && !target.path && target.port && loopback.has(target.host)
  if (!isOurs) return connect.apply(this, args)
  const wanted = Number(target.port)
  list[0] = { ...target, host: '127.0.0.1', port: relayPort }
  connect.apply(this, args)
  this.write(wantedPort(wanted), 'latin1')
  return this
}

if (relayPort > 0) Socket.prototype.connect = redirected as typeof Socket.prototype.connect
