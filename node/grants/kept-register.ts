import { existsSync, readFileSync } from 'node:fs'
import type { Version } from '../../base/ids.ts'
import { sha256Hex } from '../../crypto/digest.ts'
import { writePrivately } from '../peer-settings.ts'
import type { SharedRegister } from '../store/retention/ports.ts'

/**
 * A register in a file of this process, for what no other process decides: the agent that grants in a fleet of blind members is
 * the only one that can sign for what a token of an agent is for.
 */
export function keptRegister(path: string): SharedRegister {
  const now = () => {
    if (!existsSync(path)) return null
    const body = readFileSync(path)
    return { version: sha256Hex(body) as string as Version, body }
  }
  return {
    read: async () => now(),
    async swap(expected, body) {
      if ((now()?.version ?? null) !== expected) return false
      writePrivately(path, body)
      return true
    },
  }
}
