// A door that answers every question with the same text, without looking: what the machine itself, HTTP and the client take.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { BenchFleet } from '../fleet.ts'
import { newSide, send } from '../http-load.ts'
import type { Asked } from './load.ts'

export type BareDoor = Asked & { readonly pid: number; readonly stop: () => void }

/** Starts one as a process of its own. @param question - it gives the answer that a real door gave to this one. */
export async function startBareDoor(fleet: BenchFleet, question: object): Promise<BareDoor> {
  const { text } = await send(fleet.side.doors[0]!, fleet.side.agent, fleet.post('/v1/search', question))
  const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, [answerVariable]: text } })
  const [port] = (await once(child, 'message')) as [number]
  return {
    side: newSide([`http://127.0.0.1:${port}`]),
    post: (path, body) => fleet.post(path, body),
    pid: child.pid!,
    stop: () => void child.kill(),
  }
}

const answerVariable = 'SLURP_BENCH_ANSWER'
const answer = process.env[answerVariable]
if (answer !== undefined && process.send !== undefined) {
  const server = createServer((asked, answered) => {
    asked.resume().once('end', () => {
      answered.setHeader('content-type', 'application/json')
      answered.end(answer)
    })
  })
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}
