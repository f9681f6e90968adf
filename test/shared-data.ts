import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Path of a file of the test data that lies beside the project; loud when it is not there. */
export function sharedData(name: string): string {
  const path = fileURLToPath(new URL(`../../shared/data/${name}`, import.meta.url))
  if (!existsSync(path)) throw new Error(`test data is missing: ../shared/data/${name}`)
  return path
}
