import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CryptoMeter } from './crypto-meter.ts'

/** What the doors count into and `/metrics` prints, in a registry of its own. */
export interface Metrics {
  readonly contentType: string
  /** One answered request. `route` is the path's pattern, never the path itself: that holds addresses. */
  requestAnswered(request: { method: string; route: string; status: number; seconds: number }): void
  requestRefused(code: string): void
  batchItem(outcome: 'stored' | 'failed'): void
  searched(search: { kind: string; seconds: number; hits: number; coverage: number }): void
  text(): Promise<string>
}

export type RoleKeyAge = {
  readonly role: string
  readonly keyVersion: number
  readonly fingerprint: string
  readonly state: string
  readonly ageSeconds: number
}

export type KeyContexts = {
  readonly role: string
  readonly keyVersion: number
  readonly current: number
  readonly history: number
}

export type MetricsSources = {
  /** How far the search index is behind the disk. */
  readonly indexLag: () => { readonly changes: number; readonly seconds: number }
  readonly counters: () => Record<string, number>
  readonly ready: () => boolean
  readonly requestsInFlight: () => number
  readonly startedAtMs: number
  /** How far the wall clock of each member is ahead of the fleet's, in milliseconds; null where it is not known. */
  /** Left out where nothing is sealed. */
  readonly crypto?: CryptoMeter
  readonly roleKeys?: () => readonly RoleKeyAge[]
  readonly keyContexts?: () => readonly KeyContexts[]
  readonly clocks: () => readonly { readonly name: string; readonly clockOffMs: number | null }[]
}

export function createMetrics(sources: MetricsSources): Metrics {
  const register = new Registry()
  const registers = [register]
  const durations = new Histogram({
    name: 'slurp_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const refused = new Counter({
    name: 'slurp_http_refused_total',
    help: 'Requests answered with an error, by its code',
    labelNames: ['code'] as const,
    registers,
  })
  const batchItems = new Counter({
    name: 'slurp_batch_items_total',
    help: 'Lines of batch requests, by outcome',
    labelNames: ['outcome'] as const,
    registers,
  })
  const searches = new Histogram({
    name: 'slurp_search_duration_seconds',
    help: 'Time of a search, by what was asked for',
    labelNames: ['kind'] as const,
    buckets: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    registers,
  })
  const hits = new Counter({
    name: 'slurp_search_hits_total',
    help: 'Hits that searches returned',
    registers,
  })
  const partial = new Counter({
    name: 'slurp_search_partial_total',
    help: 'Searches whose answer was not of the whole fleet',
    registers,
  })
  gauge(
    register,
    'slurp_index_lag_seconds',
    'Since when the search index has not had all changes',
    () => sources.indexLag().seconds,
  )
  gauge(
    register,
    'slurp_index_lag_changes',
    'Changes of the disk that the search index does not have',
    () => sources.indexLag().changes,
  )
  gauge(register, 'slurp_ready', '1 when every readiness check is ok', () => (sources.ready() ? 1 : 0))
  gauge(register, 'slurp_http_requests_in_flight', 'Requests being carried out', sources.requestsInFlight)
  gauge(register, 'slurp_start_time_seconds', 'When the process started', () => sources.startedAtMs / 1000)
  gauge(register, 'slurp_resident_memory_bytes', 'Memory of the process', () => process.memoryUsage.rss())
  gauge(register, 'slurp_heap_used_bytes', 'JavaScript heap in use', () => process.memoryUsage().heapUsed)
  gauge(register, 'slurp_cpu_seconds', 'Processor time used so far', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  new Gauge({
    name: 'slurp_peer_events_total',
    help: 'What the peer counted since it started, by name',
    labelNames: ['event'] as const,
    registers,
    collect() {
      for (const [event, value] of Object.entries(sources.counters())) this.set({ event }, value)
    },
  })

  new Gauge({
    name: 'slurp_clock_off_seconds',
    help: "How far a member's wall clock is ahead of the fleet's, as this peer was told",
    labelNames: ['peer'] as const,
    registers,
    collect() {
      this.reset()
      for (const { name, clockOffMs } of sources.clocks())
        if (clockOffMs !== null) this.set({ peer: name }, clockOffMs / 1_000)
    },
  })

  if (sources.crypto) register.registerMetric(sources.crypto.durations)
  if (sources.roleKeys) ageOfKeys(register, sources.roleKeys)
  if (sources.keyContexts) contextsOfKeys(register, sources.keyContexts)
  return {
    contentType: register.contentType,
    requestAnswered: ({ method, route, status, seconds }) =>
      durations.observe({ method, route, status: String(status) }, seconds),
    requestRefused: code => refused.inc({ code }),
    batchItem: outcome => batchItems.inc({ outcome }),
    searched: ({ kind, seconds, hits: count, coverage }) => {
      searches.observe({ kind }, seconds)
      hits.inc(count)
      if (coverage < 1) partial.inc()
    },
    text: () => register.metrics(),
  }
}

function ageOfKeys(register: Registry, roleKeys: () => readonly RoleKeyAge[]): void {
  new Gauge({
    name: 'slurp_role_key_age_seconds',
    help: 'Since when a key version of a role exists',
    labelNames: ['role', 'key_version', 'fingerprint', 'state'] as const,
    registers: [register],
    collect() {
      this.reset()
      for (const { role, keyVersion, fingerprint, state, ageSeconds } of roleKeys())
        this.set({ role, key_version: String(keyVersion), fingerprint, state }, ageSeconds)
    },
  })
}

function contextsOfKeys(register: Registry, keyContexts: () => readonly KeyContexts[]): void {
  new Gauge({
    name: 'slurp_contexts_of_key',
    help: 'Versions on the disk of this peer that are sealed to a key version of a role, as they were last counted',
    labelNames: ['role', 'key_version', 'kind'] as const,
    registers: [register],
    collect() {
      this.reset()
      for (const { role, keyVersion, current, history } of keyContexts()) {
        this.set({ role, key_version: String(keyVersion), kind: 'current' }, current)
        this.set({ role, key_version: String(keyVersion), kind: 'history' }, history)
      }
    },
  })
}

function gauge(register: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [register],
    collect() {
      this.set(read())
    },
  })
}
