import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'

export const formerKeysFile = 'keyring.age'

/** @throws SlurpError CONFIG_INVALID where whole keys of a former release lie. */
export function refuseFormerKeys(dir: string): void {
  if (!existsSync(join(dir, formerKeysFile))) return
  throw new SlurpError('CONFIG_INVALID', `${dir} keeps whole keys, as a former release did.`, {
    hint: 'Run `slurp key migrate --dir DIR` where the directories of all peers of this fleet and `authority` are.',
  })
}
