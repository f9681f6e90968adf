import { SlurpError } from '../../base/errors.ts'
import type { Runner } from '../control/duty-desk.ts'
import type { Log } from '../running-peer.ts'
import type { KeyService } from './key-service.ts'

/**
 * A duty of the leader: deals the secrets anew once peers have come or gone for good, then gives new keys to the roles that
 * are due. One after the other, as both deal keys to every member.
 */
export const keysDuty = (keys: KeyService, log: Log): Runner => ({
  spec: { name: 'reshare', where: 'leader', intervalMs: 15_000, timeoutMs: 60_000 },
  run(_, ended) {
    const work = async () => {
      if (keys.isOutdated) await keys.reshare(false)
      await keys.rotations.rotateDue()
    }
    work().then(
      () => ended('done'),
      (failure: unknown) => {
        if (!(failure instanceof SlurpError)) throw failure
        log.warn({ failure: failure.message }, 'keys could not be dealt anew now')
        ended('failed')
      },
    )
    // Whatever was begun ends by itself: nothing is in force before the registry says so.
    return { stop: () => undefined }
  },
})
