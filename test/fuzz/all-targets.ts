import type { Target } from './target.ts'
import { agentTargets } from './targets/agents.ts'
import { auditTargets } from './targets/audit.ts'
import { doorTargets } from './targets/door.ts'
import { envelopeTargets } from './targets/envelopes.ts'
import { rightsTargets } from './targets/rights.ts'
import { secretTargets } from './targets/secrets.ts'
import { storeTargets } from './targets/store.ts'
import { wireTargets } from './targets/wire.ts'

/** Every decoder of bytes that come from outside. */
export const allTargets = async (): Promise<Target[]> => [
  ...(await envelopeTargets()),
  ...wireTargets(),
  ...agentTargets(),
  ...rightsTargets(),
  ...secretTargets(),
  ...auditTargets(),
  ...storeTargets(),
  ...(await doorTargets()),
]
