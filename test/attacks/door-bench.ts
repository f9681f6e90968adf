import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Grant } from '../../crypto/grants/grant-shape.ts'
import { tokenSubject } from '../../node/audit/auditor.ts'
import { bearerOf } from '../../node/grants/rights-desk.ts'
import type { DoorLimits } from '../../node/http/door.ts'
import { type DoorOptions, openDoor, type RunningDoor } from '../../node/http/server.ts'
import { createMetrics } from '../../node/monitoring/metrics.ts'
import { newIdentity } from '../crypto/fixtures.ts'
import { KeyFleet } from '../keys/fleets.ts'
import { signedGrant, takePart } from './attacker.ts'
import { lastEntry, type Shown, shows } from './on-record.ts'

export const token = 'own-token-of-a-peer-that-is-long-enough'
/** The peer itself, as the audit log names whoever has its token. */
export const own = tokenSubject(token)
/** From where bad clients call. */
export const strangers = '127.0.0.9'

export type Asked = {
  readonly method?: string
  readonly body?: string | Buffer
  readonly as?: string
  readonly from?: string
}
export type Answer = {
  status: number
  headers: IncomingMessage['headers']
  text: string
  code: string | null
}

export const secretOf = (name: string): string => `secret-of-${name}-that-is-long-enough-for-a-door`
export const at = (path: string): string => `ucxl://any:any@shop:any/*^/${path}`
export const pathOf = (address: string): string => `/v1/contexts/${encodeURIComponent(address)}`

/** A running fleet of three, the first of which has a door with small limits; and holders of grants that a test signs. */
export class DoorBench {
  readonly fleet: KeyFleet
  readonly logged: string[] = []
  readonly #ids = new Map<string, string>()
  readonly #limits: Partial<DoorLimits>
  #door: RunningDoor | null = null

  private constructor(fleet: KeyFleet, limits: Partial<DoorLimits>) {
    this.fleet = fleet
    this.#limits = limits
  }

  /** @param wishes - what is special about the grant of each holder. */
  static async open(
    wishes: Readonly<Record<string, () => Partial<Grant>>>,
    limits: Partial<DoorLimits> = {},
  ): Promise<DoorBench> {
    const bench = new DoorBench(await KeyFleet.make({ peers: 3 }), limits)
    const { fleet } = bench
    for (const [name, wish] of Object.entries(wishes)) {
      const subject = (await newIdentity()).peerId
      const bearer = bearerOf(secretOf(name))
      const chain = await signedGrant(fleet, 'p1', { subject, name, subjectKind: 'agent', bearer, ...wish() })
      appendFileSync(join(fleet.dir, 'p1', 'grants.ndjson'), `${JSON.stringify(chain)}\n`)
    }
    await fleet.start()
    await fleet.opened()
    await takePart(fleet, ['p1'])
    for (const { name, id } of fleet.peer('p1').grants.list()) bench.#ids.set(name, id)
    bench.#door = await openDoor(bench.options())
    return bench
  }

  get url(): string {
    return this.#door!.url
  }

  idOf(name: string): string {
    return this.#ids.get(name)!
  }

  /** A holder of a grant, as the audit log names it. */
  holder(name: string): string {
    return `grant:${this.idOf(name)}`
  }

  async close(): Promise<void> {
    await this.#door?.stop(0)
    await this.fleet.close()
  }

  options(more: Partial<DoorOptions> = {}): DoorOptions {
    const peer = this.fleet.peer('p1')
    const note = (fields: object, text: string) =>
      void this.logged.push(JSON.stringify({ ...fields, msg: text }))
    return {
      peer,
      host: '127.0.0.1',
      preferredPort: 0,
      tls: null,
      httpPlain: 'loopback',
      token,
      limits: {
        contextBytesMax: 65_536,
        requestsInFlightMax: 100,
        bodyBytesInFlightMax: 16_777_216,
        headersTimeoutMs: 1_000,
        requestTimeoutMs: 1_000,
        batchIdleMs: 10_000,
        slowSearchMs: 500,
        requestsPerSecondMax: 1000,
        connectionsPerAddressMax: 60,
        ...this.#limits,
      },
      metrics: requestsInFlight =>
        createMetrics({
          indexLag: () => ({ changes: 0, seconds: 0 }),
          counters: peer.counters,
          clocks: () => peer.status().members,
          ready: () => true,
          requestsInFlight,
          startedAtMs: 0,
        }),
      log: { debug: note, info: note, warn: note, error: note },
      version: '0.0.0',
      ...more,
    }
  }

  /** One request, its path as it is. */
  ask(path: string, { method = 'GET', body, as = token, from }: Asked = {}, url = this.url): Promise<Answer> {
    const { hostname, port } = new URL(url)
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${as}`, connection: 'close' }
      const place = {
        hostname,
        port,
        path,
        method,
        headers,
        ...(from === undefined ? {} : { localAddress: from }),
      }
      const sent = httpRequest(place, answer => {
        let text = ''
        answer.on('data', chunk => {
          text += chunk
        })
        answer.on('end', () => {
          const { statusCode: status = 0, headers } = answer
          const code = status < 400 ? null : JSON.parse(text).error.code
          resolve({ status, headers, text, code })
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  put(path: string, as: string, context: object = { title: 'x' }): Promise<Answer> {
    return this.ask(`${pathOf(at(path))}?roles=architect`, {
      method: 'PUT',
      body: JSON.stringify(context),
      as,
    })
  }

  /** A connection of a stranger that begins with these bytes. */
  connect(bytes: string): Socket {
    const port = Number(new URL(this.url).port)
    const socket = connect({ host: '127.0.0.1', port, localAddress: strangers })
    socket.on('error', () => undefined)
    if (bytes !== '') socket.write(bytes)
    return socket
  }

  /** What a stranger hears that sends these bytes. */
  async raw(bytes: string): Promise<string> {
    const socket = this.connect(bytes)
    let said = ''
    socket.on('data', chunk => {
      said += chunk
    })
    await once(socket, 'close')
    return said
  }

  mark(): Promise<number> {
    return lastEntry(this.fleet.peer('p1'))
  }

  /** Waits until the audit log shows that this was denied. */
  async shows(mark: number, wanted: Shown): Promise<void> {
    await shows(this.fleet.peer('p1'), mark, { outcome: 'denied', ...wanted })
  }
}
