import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FleetId } from '../../base/ids.ts'
import { delegateKeyFrom } from '../../crypto/grants/delegate-key.ts'
import { loadIdentity } from '../../crypto/identity.ts'
import { decodeRegistry } from '../../crypto/registry/registry-codec.ts'
import { combine } from '../../crypto/shares/combine.ts'
import { askForShares, release } from '../../crypto/shares/release.ts'
import { readShares } from '../../crypto/shares/share-directory.ts'
import type { SigningKey } from '../../crypto/signing-key.ts'

/** Every secret that the disks of these peers give together, by name: the newest key version of each. */
export async function secretsOn(dirs: readonly string[], fleet: FleetId): Promise<Map<string, Uint8Array>> {
  const identities = await Promise.all(dirs.map(dir => loadIdentity(join(dir, 'identity.key'))))
  const kept = await Promise.all(dirs.map(dir => readShares(join(dir, 'shares'))))
  const { secrets } = decodeRegistry(readFileSync(join(dirs[0]!, 'keys.registry')), fleet)
  const found = new Map<string, Uint8Array>()
  for (const { name, set } of secrets) {
    const thief = identities[0]!
    const request = askForShares(set, thief, new Uint8Array(randomBytes(32)))
    const releases = []
    for (const [place, holder] of identities.entries())
      for (const { record, sealed } of kept[place]!.shares)
        if (Buffer.compare(record.hash, set.hash) === 0)
          releases.push({
            from: holder.peerId,
            request,
            bytes: await release(record, sealed, request, holder),
          })
    const result = await combine(set, thief, releases)
    if (result.kind === 'open') found.set(name, result.key.secret)
  }
  return found
}

/** The key that signs the grants of a fleet, as enough of its disks give it. */
export const signingKeyOn = async (dirs: readonly string[], fleet: FleetId): Promise<SigningKey> =>
  await delegateKeyFrom((await secretsOn(dirs, fleet)).get('@signing')!)
