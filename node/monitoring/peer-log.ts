import { pino } from 'pino'
import type { Log } from '../running-peer.ts'
import { BoundedFile } from './bounded-file.ts'

export type PeerLog = Log & { close(): void }

/**
 * The log of one peer as JSON lines in a file of bounded size. What is logged names peers, counts and codes;
 * a thrown error keeps its name and where it was thrown, not its text, which may quote a context.
 */
export function openPeerLog(path: string, options: { level: string; bytesMax: number }): PeerLog {
  const file = new BoundedFile(path, options.bytesMax)
  const logger = pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: describeError },
    },
    file,
  )
  return Object.assign(logger, { close: () => file.close() })
}

/** Name and frames of an error without its text. */
export function describeError(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { name: typeof thrown }
  const frames = (thrown.stack ?? '').split('\n').filter(line => line.startsWith('    at '))
  const code = 'code' in thrown && typeof thrown.code === 'string' ? { code: thrown.code } : {}
  const cause = thrown.cause === undefined ? {} : { cause: describeError(thrown.cause) }
  return { name: thrown.name, ...code, frames: frames.map(line => line.trim()).slice(0, 12), ...cause }
}
