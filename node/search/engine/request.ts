import { SlurpError } from '../../../base/errors.ts'
import { type Filters, listFields, type SearchRequest, valueFields } from '../api.ts'
import { searchLimits } from '../limits.ts'
import { checkFacets } from '../rank/facets.ts'
import { contextFieldNames } from './present.ts'

const valueFilters: readonly string[] = [...valueFields, ...listFields, 'role']
const timeFilters: readonly string[] = ['createdFrom', 'createdBefore', 'decidedFrom', 'decidedBefore']
const sorts: readonly string[] = ['relevance', 'time', 'confidence']
const modes: readonly string[] = ['any', 'all']
/** More is no limit for whoever reads it. */
const tokensMax = 10_000_000

/** @throws SlurpError USAGE that names what is wrong; what the query says is checked when it is read. */
export function checkRequest(request: SearchRequest): void {
  const { limit, sort, mode, maxTokens, fields, filters, facets, asOfMs } = request
  if (request.roles.length === 0) throw usage('A search names the roles of who asks.')
  if (limit !== undefined && !isWhole(limit, 1, searchLimits.limitMax)) {
    throw usage(`limit must be a whole number from 1 to ${searchLimits.limitMax}.`)
  }
  const { candidates } = request
  if (candidates !== undefined && !isWhole(candidates, 1, searchLimits.candidatesMax))
    throw usage(`candidates must be a whole number from 1 to ${searchLimits.candidatesMax}.`)
  if (sort !== undefined && !sorts.includes(sort)) throw usage(`sort must be one of ${sorts.join(', ')}.`)
  if (mode !== undefined && !modes.includes(mode)) throw usage(`mode must be one of ${modes.join(', ')}.`)
  if (maxTokens !== undefined && !isWhole(maxTokens, 1, tokensMax)) {
    throw usage(`maxTokens must be a whole number from 1 to ${tokensMax}.`)
  }
  if (asOfMs !== undefined && !Number.isFinite(asOfMs)) throw usage('asOf must be a time.')
  const unknown = fields?.find(field => !contextFieldNames.includes(field))
  if (unknown !== undefined) throw usage(`fields may name ${contextFieldNames.join(', ')}.`)
  checkFacets(facets ?? [])
  checkFilters(filters ?? {})
}

function checkFilters(filters: Filters): void {
  for (const [name, value] of Object.entries(filters)) {
    if (valueFilters.includes(name)) {
      const isList = Array.isArray(value) && value.every(one => typeof one === 'string')
      if (!isList || value.length > searchLimits.filterValuesMax) {
        throw usage(`The filter ${name} is a list of at most ${searchLimits.filterValuesMax} texts.`)
      }
    } else if (timeFilters.includes(name)) {
      if (typeof value !== 'number' || !Number.isFinite(value)) throw usage(`The filter ${name} is a time.`)
    } else if (name !== 'pathPrefix') {
      throw usage(`Filters are ${[...valueFilters, 'pathPrefix', ...timeFilters].join(', ')}.`)
    } else if (typeof value !== 'string') throw usage('The filter pathPrefix is a text.')
  }
}

const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most

const usage = (message: string): SlurpError =>
  new SlurpError('USAGE', message, { hint: '`slurp help search` explains what can be asked for.' })
