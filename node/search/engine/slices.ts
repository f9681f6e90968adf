import { performance } from 'node:perf_hooks'

/** How long background work goes on before it lets requests in. */
const sliceMs = 2

/** Lets everything that waits for this thread go first. */
export const rest = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Carries work out in slices. */
export async function inSlices<Result>(
  work: Generator<void, Result> | AsyncGenerator<void, Result>,
): Promise<Result> {
  let startedMs = performance.now()
  for (;;) {
    const step = await work.next()
    if (step.done === true) return step.value
    if (performance.now() - startedMs < sliceMs) continue
    await rest()
    startedMs = performance.now()
  }
}
