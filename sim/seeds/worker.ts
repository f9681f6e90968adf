import { runSeed } from '../scenario.ts'

/** Main of a process that a pool starts: it is told seeds and answers with what became of each. */
process.on('message', (seed: number) => {
  process.send!(runSeed(seed))
})
