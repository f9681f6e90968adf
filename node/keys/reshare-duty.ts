import { SlurpError } from '../../base/errors.ts'
import type { Runner } from '../control/duty-desk.ts'
import type { Log } from '../running-peer.ts'
import type { KeyService } from './key-service.ts'

/** Deals the secrets anew once peers have come or gone for good: a duty of the leader. */
export const reshareDuty = (keys: () => KeyService, log: Log): Runner => ({
  spec: { name: 'reshare', where: 'leader', intervalMs: 15_000, timeoutMs: 60_000 },
  run(_, ended) {
    if (!keys().isOutdated) ended('done')
    else
      keys()
        .reshare(false)
        .then(
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
