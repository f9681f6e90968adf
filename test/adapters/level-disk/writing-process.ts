import { writeSync } from 'node:fs'
import { written } from '../../contracts/disk.ts'
import { batchOf } from './batches.ts'
import { openIn } from './folders.ts'

/**
 * A process that writes batches from a number on, several submitted at once, and prints the number of each that is
 * durable, or `failed` and the number. After a failure it tries three more and ends.
 */
const [folder, from] = process.argv.slice(2)
const { disk } = await openIn(folder!)
let failures = 0
const submit = async (index: number): Promise<void> => {
  const failure = await written(disk, ...batchOf(index))
  writeSync(1, failure === null ? `${index}\n` : `failed ${index}\n`)
  if (failure !== null) failures += 1
}
const lanes = 3
for (let index = Number(from); failures === 0; index += lanes) {
  await Promise.all(Array.from({ length: lanes }, (_, lane) => submit(index + lane)))
}
for (let index = 0; index < 3; index++) await submit(1_000_000 + index)
process.exit(0)
