import { Agent, request } from 'node:http'
import { performance } from 'node:perf_hooks'

/** One request as a client sends it. */
export type Shot = {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Where the clients of a load connect to: client i always to door i modulo the number of doors. */
export type Side = { readonly doors: readonly URL[]; readonly agent: Agent }

export type Load = {
  readonly clients: number
  readonly ms: number
  /** The next request of one client. */
  readonly next: (client: number) => Shot
  /** What was answered, when it was a success. */
  readonly done?: (shot: Shot, client: number) => void
}

export type Measured = {
  readonly perSecond: number
  readonly count: number
  readonly failed: number
  /** Status and text of the first failure. */
  readonly complaint: string | null
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Connections of one side: kept alive, one a client at most. */
export const newSide = (doors: readonly string[]): Side => ({
  doors: doors.map(door => new URL(door)),
  agent: new Agent({ keepAlive: true, maxSockets: 256 }),
})

/** Every client sends its next request when the last one was answered, for `ms`. The same code for every side. */
export async function runLoad(side: Side, load: Load): Promise<Measured> {
  const waits: number[] = []
  let failed = 0
  let complaint: string | null = null
  const startMs = performance.now()
  const endMs = startMs + load.ms
  const client = async (number: number): Promise<void> => {
    const door = side.doors[number % side.doors.length]!
    while (performance.now() < endMs) {
      const shot = load.next(number)
      const sentMs = performance.now()
      const answer = await send(door, side.agent, shot)
      if (answer.status === 200) {
        waits.push(performance.now() - sentMs)
        load.done?.(shot, number)
      } else {
        failed += 1
        complaint ??= `${answer.status} ${answer.text.slice(0, 300)}`
      }
    }
  }
  await Promise.all(Array.from({ length: load.clients }, (_, number) => client(number)))
  const seconds = (performance.now() - startMs) / 1000
  waits.sort((a, b) => a - b)
  const at = (part: number) =>
    waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? Number.NaN
  return {
    perSecond: waits.length / seconds,
    count: waits.length,
    failed,
    complaint,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

/** Status 0: no answer, the text says why. */
export function send(door: URL, agent: Agent, shot: Shot): Promise<{ status: number; text: string }> {
  const { method, path, body, headers = {} } = shot
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  return new Promise(resolve => {
    const sent = request(
      {
        host: door.hostname,
        port: door.port,
        method,
        path,
        agent,
        headers: { 'content-type': 'application/json', ...headers, ...length },
      },
      answer => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.on('error', failure => resolve({ status: 0, text: failure.message }))
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
        )
      },
    )
    sent.on('error', failure => resolve({ status: 0, text: failure.message }))
    sent.end(body)
  })
}
