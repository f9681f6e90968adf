import { runSeed } from '../scenario.ts'

/**
 * Main of a process that a pool starts: it is told seeds and answers with what became of each. Who started it decides
 * what an interrupt means.
 */
process.on('SIGINT', () => undefined)
process.on('message', (seed: number) => {
  // When nobody is left to be told, this process ends.
  process.send!(runSeed(seed), undefined, undefined, () => undefined)
})
