import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { VersionTree } from '../mixed/other-version.ts'
import type { SimResult } from '../scenario.ts'

export type SeedRange = { readonly first: number; readonly last: number }

export const seedMax = 2 ** 32 - 1
export const processesMax = 256
/** Real time that one seed may take: beyond it something spins. */
export const seedMsMax = 15 * 60_000

const worker = fileURLToPath(new URL('worker.ts', import.meta.url))

/** @returns null when `text` is no range. */
export function parseRange(text: string): SeedRange | null {
  const found = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text)
  if (found === null) return null
  const first = Number(found[1])
  const last = Number(found[2] ?? found[1])
  return first <= last && last <= seedMax ? { first, last } : null
}

/**
 * Runs every seed of a range, in `processes` processes side by side.
 *
 * @param took - told each result as it comes, in no order; after it said false no other seed is begun.
 * @param mixed - another version, which every other boot runs; null for none.
 * @throws Error when a process dies, or is killed because a seed takes longer than `seedMsMax`.
 */
export async function runSeeds(
  { first, last }: SeedRange,
  processes: number,
  took: (result: SimResult) => boolean,
  mixed: VersionTree | null = null,
): Promise<void> {
  let next = first
  let isOver = false
  const drain = (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      let running = -1
      const watch = setTimeout(() => child.kill('SIGKILL'), seedMsMax)
      const give = () => {
        if (isOver || next > last) {
          child.disconnect()
          return
        }
        running = next
        next += 1
        watch.refresh()
        child.send(running)
      }
      child.on('message', (result: SimResult) => {
        running = -1
        if (!took(result)) isOver = true
        give()
      })
      child.on('error', reject)
      child.on('exit', (code, signal) => {
        clearTimeout(watch)
        if (running < 0) return resolve()
        isOver = true
        reject(new Error(`the process of seed ${running} ended with ${code ?? signal}`))
      })
      give()
    })
  const count = Math.max(1, Math.min(processes, last - first + 1))
  await Promise.all(
    Array.from({ length: count }, () => drain(fork(worker, mixed === null ? [] : [mixed.path, mixed.name]))),
  )
}
