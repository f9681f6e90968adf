import { z } from 'zod'
import { advice, type ErrorCode } from '../../base/errors.ts'
import { failure } from './answers.ts'
import { operations } from './contract.ts'
import type { Operation } from './operation.ts'

type Json = Record<string, unknown>

/** Codes that a request to any path may be answered with. */
const everywhere: readonly ErrorCode[] = ['USAGE', 'TOO_MANY', 'SHUTTING_DOWN', 'INTERNAL']
const withBody: readonly ErrorCode[] = ['TOO_LARGE', 'REQUEST_TIMEOUT']

/** The OpenAPI 3.1 document of the door, made from the schemas that validate its requests. */
export function openapiDocument(version: string): Json {
  const paths: Record<string, Json> = {}
  for (const [name, operation] of Object.entries(operations)) {
    const path = paths[operation.path] ?? {}
    path[operation.method.toLowerCase()] = describe(name, operation)
    paths[operation.path] = path
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'SLURP',
      version,
      description: 'Encrypted contexts of a fleet of agents. An address in a path is percent-encoded.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Content of the token file of the peer, or of one that was made for a grant',
        },
      },
      schemas: { Failure: schemaOf(failure, 'output') },
    },
  }
}

function describe(name: string, operation: Operation): Json {
  const described: Json = {
    operationId: name,
    summary: operation.summary,
    parameters: [...pathParameters(operation.path), ...queryParameters(operation.query)],
    responses: responses(operation),
  }
  if (operation.open) described.security = []
  if (operation.body) {
    described.requestBody = {
      required: true,
      description: operation.body.description,
      content: { [operation.body.type]: { schema: schemaOf(operation.body.schema, 'input') } },
    }
  }
  return described
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(match => ({
    name: match[1],
    in: 'path',
    required: true,
    description: match[1] === 'address' ? 'UCXL address, percent-encoded' : 'Name or id of a member',
    schema: { type: 'string' },
  }))
}

function queryParameters(query: z.ZodObject): Json[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, Json>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    description,
    schema,
  }))
}

function responses(operation: Operation): Json {
  const codes = new Set<ErrorCode>([...everywhere, ...operation.errors])
  if (!operation.open) for (const code of ['TOKEN_WRONG', 'GRANT_DENIED'] as const) codes.add(code)
  if (operation.body) for (const code of withBody) codes.add(code)
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) {
    const status = advice[code].http
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const described: Record<string, Json> = {
    '200': {
      description: 'Done',
      content: { [operation.answer.type]: { schema: schemaOf(operation.answer.schema, 'output') } },
    },
  }
  for (const [status, names] of [...byStatus].sort(([a], [b]) => a - b)) {
    described[String(status)] = {
      description: names.join(', '),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Failure' } } },
    }
  }
  return described
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io }) as Json
  return rest
}
