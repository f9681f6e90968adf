// Runs in a worker: the engine behind the port of this thread.
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../../base/assert.ts'
import { X25519Identity } from '../../../crypto/x25519.ts'
import { releaseIdleMemory } from '../../monitoring/idle-memory.ts'
import { SearchEngine } from '../engine/engine.ts'
import { type Answered, type Ask, type Asked, errorAcross, type ThreadData } from './messages.ts'

const port = parentPort
assert(port !== null, 'the search thread is started as a worker')
const data = workerData as ThreadData

const opened = SearchEngine.open({
  ...data,
  roleKeys: data.roleKeys.map(key => ({ ...key, identity: new X25519Identity(key.identity) })),
})
opened.then(
  () => port.postMessage({ id: 0, answer: null } satisfies Answered),
  failure => port.postMessage({ id: 0, error: errorAcross(failure) } satisfies Answered),
)

/** The feed asks and notes as the disk goes on, three times a second while nothing but the lease of the leader is written. */
const idleAsks = 30
let asked = 0
releaseIdleMemory(
  () => asked,
  () => idleAsks,
)

port.on('message', ({ id, ask }: Asked) => {
  // Whoever looks at how much memory it takes is no work.
  if (ask.kind !== 'report') asked += 1
  answer(ask).then(
    said => port.postMessage({ id, answer: said } satisfies Answered),
    failure => port.postMessage({ id, error: errorAcross(failure) } satisfies Answered),
  )
})

async function answer(ask: Ask): Promise<unknown> {
  const engine = await opened
  switch (ask.kind) {
    case 'search':
      return engine.search(ask.request)
    case 'rank':
      return engine.rank(ask.request)
    case 'present':
      return engine.present(ask.candidates, ask.request)
    case 'apply':
      return engine.apply(ask.changes, ask.checkpoint)
    case 'reconcile':
      return engine.reconcile(ask.stock)
    case 'checkpoint':
      return engine.checkpoint
    case 'optimize':
    case 'rebuild':
    case 'verify':
      return engine[ask.kind](ask.index)
    case 'noteComplete':
    case 'noteIncomplete':
    case 'settled':
      return engine[ask.kind]()
    case 'close':
      return engine.close(ask.storing)
    case 'report':
      return { ...engine.report(), memory: process.memoryUsage() }
  }
}
