import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { SimOptions } from '../scenario.ts'
import type { Bounds, Minimised } from './minimise.ts'

/** What the process of a minimiser is told; it answers with Minimised or null. */
export type Order = { readonly seed: number; readonly options: SimOptions; readonly bounds: Bounds }

const ownWorker = fileURLToPath(new URL('worker.ts', import.meta.url))

/**
 * As `minimise`, in a process of its own, so that this one goes on meanwhile.
 *
 * @param worker - the file of a copy of the sources, where a mutant is to be minimised.
 * @throws Error when the process dies.
 */
export function minimiseApart(order: Order, worker: string = ownWorker): Promise<Minimised | null> {
  return new Promise((resolve, reject) => {
    const child = fork(worker)
    let found: Minimised | null | undefined
    child.on('message', (answer: Minimised | null) => {
      found = answer
      child.disconnect()
    })
    child.on('error', reject)
    child.on('exit', code => {
      if (found !== undefined) resolve(found)
      else reject(new Error(`the process that minimises seed ${order.seed} ended with ${code}`))
    })
    child.send(order)
  })
}
