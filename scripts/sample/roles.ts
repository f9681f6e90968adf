import { everyRole, type SampleRole } from './record.ts'

type Rule = { readonly fits: RegExp; readonly roles: readonly SampleRole[] }

/** Who reads what the project knows about a path; the first rule that fits. */
const rules: readonly Rule[] = [
  {
    fits: /^crypto(\/|$)|^test\/crypto(\/|$)|keyring|token|envelope|secrecy|SECURITY/,
    roles: ['security', 'architect'],
  },
  { fits: /^docs\/decisions(\/|$)/, roles: ['architect', 'developer', 'manager'] },
  { fits: /^docs\/OPERATIONS/, roles: ['devops', 'admin', 'manager'] },
  {
    fits: /^docs\/(ARCHITECTURE|FORMATS|SIMULATION|BENCHMARKS|DEPENDENCIES)/,
    roles: ['architect', 'developer'],
  },
  { fits: /^(docs(\/|$)|[A-Z]+\.md$)/, roles: everyRole },
  { fits: /^(sim|test)(\/|$)/, roles: ['tester', 'developer'] },
  { fits: /^node\/(cli|http|monitoring)(\/|$)|^(scripts|bin)(\/|$)/, roles: ['devops', 'developer'] },
]

const others: readonly SampleRole[] = ['developer', 'architect']

export const rolesFor = (path: string): readonly SampleRole[] =>
  rules.find(rule => rule.fits.test(path))?.roles ?? others
