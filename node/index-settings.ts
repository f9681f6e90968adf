import { z } from 'zod'
import { analyzerNames } from './search/analysis/analyzers.ts'
import { type TextField, textFields } from './search/api.ts'
import { type IndexConfiguration, mainIndex } from './search/engine/configuration.ts'

const indexesMax = 8
const weightMax = 16

const byField = <T extends z.ZodType>(value: T) =>
  z.strictObject(Object.fromEntries(textFields.map(name => [name, value.optional()])) as ByField<T>)
type ByField<T extends z.ZodType> = { [field in TextField]: z.ZodOptional<T> }

const configuration = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/, 'a name is 1 to 64 of a-z, 0-9 and -')
    .refine(name => name !== mainIndex.name, `${mainIndex.name} is always there, and is as it is`),
  analyzers: byField(z.enum(analyzerNames)).optional(),
  weights: byField(z.int().min(1).max(weightMax)).optional(),
  k1: z.number().min(0).max(10).optional(),
  b: z.number().min(0).max(1).optional(),
  history: z.boolean().optional(),
})

const configurations = z
  .array(configuration)
  .max(indexesMax)
  .refine(all => new Set(all.map(({ name }) => name)).size === all.length, 'each name is there once')

/** What is beside the main index: a list, or where settings are texts the JSON of one. */
export const indexSettings = z.preprocess(given => {
  if (typeof given !== 'string') return given
  try {
    return JSON.parse(given)
  } catch {
    return given
  }
}, configurations)

/** All indexes of a process. */
export const indexesOf = (settings: readonly z.output<typeof configuration>[]): IndexConfiguration[] => [
  mainIndex,
  ...(settings as readonly IndexConfiguration[]),
]
