import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const checkMs = 5000
/** Less than this is not worth a pause. */
const wasteBytesMin = 24 * 1024 * 1024

type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/**
 * Gives memory back to the system while a peer has nothing to do. V8 keeps what starting or an import took
 * until its next large collection, which an idle peer may not reach for hours. One pause of about a tenth of
 * a second, only after a whole interval without work.
 *
 * @param activity - a number that changes with every piece of work.
 * @returns ends the watch.
 */
export function releaseIdleMemory(activity: () => number): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  let before = Number.NaN
  const timer = setInterval(() => {
    const now = activity()
    const idle = now === before
    before = now
    if (idle && wasteBytes() > wasteBytesMin)
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }, checkMs)
  timer.unref()
  return () => clearInterval(timer)
}

function wasteBytes(): number {
  const { heapTotal, heapUsed } = process.memoryUsage()
  return heapTotal - heapUsed
}
