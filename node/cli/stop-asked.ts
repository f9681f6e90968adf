import type { Readable } from 'node:stream'

export type StopReason = 'terminated' | 'interrupted' | 'parentGone' | 'left'

const interruptedExit = 130

export type StopAsked = {
  /** Resolves once, when the process is asked to stop. */
  readonly asked: Promise<StopReason>
  /** Asks it from inside. */
  readonly ask: (reason: StopReason) => void
  readonly done: () => boolean
}

/**
 * Listens for SIGTERM, SIGINT and, for a child of the demo, the end of its standard input: the parent is
 * gone, however it ended. A second SIGINT calls `force` and exits at once.
 */
export function listenForStop(options: {
  child: boolean
  input: Readable | null
  force?: () => void
}): StopAsked {
  const { promise, resolve } = Promise.withResolvers<StopReason>()
  let asked = false
  const ask = (reason: StopReason) => {
    asked = true
    resolve(reason)
  }
  process.on('SIGTERM', () => ask('terminated'))
  process.on('SIGHUP', () => ask('terminated'))
  process.on('SIGINT', () => {
    // A terminal sends it to the whole group; the demo decides for its children.
    if (options.child) return
    if (asked) {
      options.force?.()
      process.exit(interruptedExit)
    }
    ask('interrupted')
  })
  if (options.child && options.input) {
    options.input.once('end', () => ask('parentGone')).once('error', () => ask('parentGone'))
    options.input.resume()
  }
  return { asked: promise, ask, done: () => asked }
}

/**
 * Ends the process after `ms` even if something that should have closed did not.
 *
 * @param exitCode - absent: what the process has by then.
 */
export function exitWithin(ms: number, exitCode?: number): void {
  setTimeout(() => process.exit(exitCode), ms).unref()
}
