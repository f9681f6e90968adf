import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SlurpError } from '../../base/errors.ts'
import type { PeerId } from '../../base/ids.ts'
import type { Checkpoint } from '../../crypto/audit/checkpoint.ts'
import type { LogReport } from '../../crypto/audit/verify-log.ts'
import { peerKeyOf } from '../../crypto/peer-keys.ts'
import { readHeld } from './held-checkpoints.ts'
import { verifyLog } from './log-reader.ts'
import { FolderStorage } from './storage.ts'

export type { LogReport }

export const auditDir = (peerDir: string): string => join(peerDir, 'audit')
export const heldDir = (peerDir: string): string => join(auditDir(peerDir), 'held')

/**
 * Checks a copy of a log, without a fleet.
 *
 * @param dir - directory of the peer, or its `audit` folder.
 * @param others - directories of other peers, or their `audit` folders: what they hold of this peer is compared.
 * @param peer - whose log it must be; null: whoever it names.
 * @throws SlurpError DATA_MISSING for a folder that is not there.
 */
export async function verifyDirectory(
  dir: string,
  others: readonly string[],
  peer: string | null,
): Promise<LogReport> {
  if (peer !== null && peerKeyOf(peer) === null) {
    throw new SlurpError('USAGE', 'The id of a peer is 12D3KooW and 44 more characters.', {
      hint: '`slurp status --json` shows the ids of the peers.',
    })
  }
  const held: Checkpoint[] = []
  for (const other of others) {
    const found = await readHeld(join(folderOf(other), 'held'))
    held.push(...found.map(({ checkpoint }) => checkpoint))
  }
  const storage = new FolderStorage(folderOf(dir), { makes: false })
  return verifyLog(storage, { held, ...(peer === null ? {} : { peer: peer as PeerId }) })
}

function folderOf(dir: string): string {
  const inner = auditDir(dir)
  const folder = existsSync(inner) ? inner : dir
  if (existsSync(folder)) return folder
  throw new SlurpError('DATA_MISSING', `There is no audit log at ${dir}.`, {
    hint: 'Name the directory of a peer, or a copy of its folder `audit`.',
  })
}
