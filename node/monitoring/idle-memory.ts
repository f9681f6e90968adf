import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export const checkMs = 5000
/** Growth since the last collection that is worth a pause. */
const growthBytesMin = 16 * 1024 * 1024

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/**
 * Gives memory back to the system while this thread has nothing to do. V8 keeps what starting or an import took
 * until its next large collection, which an idle peer may not reach for hours. One pause of about a tenth of
 * a second, only after a whole interval without work.
 *
 * @param work - a number that grows with every piece of work.
 * @param chatter - how much it grows in an interval of {@link checkMs} while there is nothing to do: members tell each other that they
 * are there.
 * @returns ends the watch.
 */
export function releaseIdleMemory(work: () => number, chatter: () => number = () => 0): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  let before = Number.NaN
  let heapBytesAfter = 0
  const timer = setInterval(() => {
    const now = work()
    const idle = now - before <= chatter()
    before = now
    if (!idle || heapBytes() < heapBytesAfter + growthBytesMin) return
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    heapBytesAfter = heapBytes()
  }, checkMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** What V8 has taken for the heap, used or not: garbage that it has not looked at counts as used. */
const heapBytes = (): number => process.memoryUsage().heapTotal
