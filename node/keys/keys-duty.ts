import { SlurpError } from '../../base/errors.ts'
import type { Runner, RunOrder } from '../control/duty-desk.ts'
import { DiskFailure } from '../ports/ports.ts'
import type { Log } from '../running-peer.ts'
import type { KeyService } from './key-service.ts'

type Outcome = 'done' | 'more' | 'failed' | 'stopped'

/** Seals contexts anew for some seconds, from where the last run left off. @throws SlurpError, DiskFailure. */
export type SealAnew = (
  order: RunOrder,
  isStopped: () => boolean,
) => Promise<{ readonly outcome: 'done' | 'more'; readonly state: Uint8Array }>

export const keysDutyName = 'reshare'

/**
 * The duty of the leader about keys: deals the secrets anew once peers have come or gone for good, then gives new keys to
 * the roles that are due, then has contexts sealed anew and old keys destroyed. One after the other, as the first two deal
 * keys to every member, and the last follows from what they did.
 */
export const keysDuty = (
  keys: Pick<KeyService, 'isOutdated' | 'reshare' | 'rotations'>,
  sealAnew: SealAnew,
  log: Log,
): Runner => ({
  spec: { name: keysDutyName, where: 'leader', intervalMs: 15_000, timeoutMs: 60_000 },
  run(order, ended) {
    let isStopped = false
    const tried = async <T>(what: string, work: () => Promise<T>): Promise<{ readonly found: T } | null> => {
      try {
        return { found: await work() }
      } catch (failure) {
        // A disk fails what is asked of it when its process stops, too.
        if (!(failure instanceof SlurpError) && !(failure instanceof DiskFailure)) throw failure
        log.warn({ failure: failure.message }, what)
        return null
      }
    }
    const work = async (): Promise<{ readonly outcome: Outcome; readonly state?: Uint8Array }> => {
      const reshare = async () => keys.isOutdated && (await keys.reshare(false))
      const dealt = await tried('keys could not be dealt anew now', reshare)
      if (dealt === null) return { outcome: 'failed' }
      // What is due and fails keeps nobody from sealing anew: a role may be full until its old keys are destroyed.
      const rotate = () => keys.rotations.rotateDue()
      const rotated = await tried('roles that are due could not be given new keys now', rotate)
      if (isStopped) return { outcome: 'stopped' }
      const sealing = () => sealAnew(order, () => isStopped)
      const sealed = await tried('contexts could not be sealed anew now', sealing)
      if (isStopped) return { outcome: 'stopped' }
      if (sealed === null) return { outcome: 'failed' }
      const { outcome, state } = sealed.found
      return { outcome: outcome === 'done' && rotated === null ? 'failed' : outcome, state }
    }
    void work().then(({ outcome, state }) => ended(outcome, state))
    // Whatever was begun ends by itself: nothing is in force before the registry says so.
    return {
      stop: () => {
        isStopped = true
      },
    }
  },
})
