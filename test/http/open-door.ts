import type { TestContext } from 'node:test'
import type { DoorLimits } from '../../node/http/door.ts'
import { openDoor, type RunningDoor } from '../../node/http/server.ts'
import { createMetrics } from '../../node/monitoring/metrics.ts'
import type { Log } from '../../node/running-peer.ts'
import { memoryPeer } from './memory-peer.ts'

export const token = 'a-token-of-a-test-that-is-long-enough'

const limitsForTests: DoorLimits = {
  contextBytesMax: 65_536,
  requestsInFlightMax: 100,
  bodyBytesInFlightMax: 16_777_216,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  batchIdleMs: 10_000,
  slowSearchMs: 500,
  requestsPerSecondMax: 100_000,
  connectionsPerAddressMax: 1024,
}

/** The fields of all answers, of which each has some. */
export type Body = {
  error: { code: string; message: string; hint: string; retryable: boolean }
  current: { version: string | null }
  address: string
  version: string
  context: Record<string, unknown>
  versions: unknown[]
  cursor: string | null
  status: string
}

export type Asked = { status: number; headers: Headers; body: Body; text: string }

export type OpenedDoor = {
  door: RunningDoor
  memory: ReturnType<typeof memoryPeer>
  /** Everything that was logged, as text. */
  logged: string[]
  ask: (path: string, init?: RequestInit) => Promise<Asked>
}

/** A door on a peer in memory, closed when the test ends. */
export async function openTestDoor(
  test: TestContext,
  limits: Partial<DoorLimits> = {},
  preferredPort = 0,
): Promise<OpenedDoor> {
  const memory = memoryPeer()
  const logged: string[] = []
  const note = (fields: object, text: string) => void logged.push(`${text} ${JSON.stringify(fields)}`)
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const door = await openDoor({
    peer: memory.peer,
    host: '127.0.0.1',
    preferredPort,
    tls: null,
    httpPlain: 'loopback',
    token,
    limits: { ...limitsForTests, ...limits },
    metrics: requestsInFlight =>
      createMetrics({
        indexLag: () => ({ changes: 0, seconds: 0 }),
        counters: memory.peer.counters,
        clocks: () => memory.peer.status().members,
        ready: () => true,
        requestsInFlight,
        startedAtMs: 0,
      }),
    log,
    version: '0.0.0',
  })
  test.after(() => door.stop(0))
  const ask = async (path: string, init: RequestInit = {}): Promise<Asked> => {
    const headers = { authorization: `Bearer ${token}`, ...init.headers }
    const response = await fetch(`${door.url}${path}`, { ...init, headers })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('application/json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text }
  }
  return { door, memory, logged, ask }
}

export const pathOf = (address: string): string => `/v1/contexts/${encodeURIComponent(address)}`
export const put = (context: unknown): RequestInit => ({ method: 'PUT', body: JSON.stringify(context) })
