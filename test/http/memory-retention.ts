import type { Retention, RetentionRule } from '../../node/store/retention/api.ts'
import { RetentionRules } from '../../node/store/retention/rules.ts'

/** Rules of retention without a fleet; a preview finds as many versions too many as the rule keeps. */
export function memoryRetention(): Retention {
  let rules = RetentionRules.none
  const become = async (project: string | null, rule: RetentionRule | null) => {
    rules = rules.with(project, rule)
    return rules.list()
  }
  return {
    list: async () => rules.list(),
    set: become,
    unset: project => become(project, null),
    async preview(project, rule) {
      rules.with(project, rule)
      return { contexts: 2, versions: rule?.versions ?? 0, untold: 1, partitions: 12, partitionsTotal: 16 }
    },
  }
}
