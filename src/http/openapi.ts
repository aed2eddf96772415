import { z } from 'zod'
import { type ErrorCode, errorTable, GatewayError } from '../core/errors.ts'
import type { Dialect, Route } from '../dialects/dialect.ts'
import { type AdminRoute, adminPrefix } from './admin-routes.ts'

type Json = Record<string, unknown>

const codes = (Object.keys(errorTable) as ErrorCode[]).filter((code) => code !== 'cancelled')

/** Dialects write some errors with a status of their own. */
function statusesOf({ status }: Dialect): readonly number[] {
  const errors = codes.map((code) => new GatewayError(code, ''))
  return [...new Set(errors.map((error) => status?.(error) ?? error.status))].sort((a, b) => a - b)
}

/** The OpenAPI 3.1 document, made from the dialects' own schemas, so that it cannot say what the code does not do. */
export function openApiDocument(
  dialects: readonly Dialect[],
  version: string,
  adminRoutes: readonly AdminRoute[],
): Json {
  const paths: Record<string, Json> = {}
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const path = pathOf(route.path)
      paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(dialect, route) }
    }
  }
  const plain = { type: 'object', additionalProperties: true }
  for (const route of adminRoutes) {
    const path = adminPrefix + pathOf(route.path)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: adminOperation(route, plain) }
  }
  paths['/health'] = {
    get: own('The state of each part; 503 when no model can answer.', 'application/json', plain, [503]),
  }
  paths['/health/live'] = { get: own('200 while the process runs.', 'application/json', plain, []) }
  paths['/health/ready'] = { get: own('200 while requests are taken.', 'application/json', plain, [503]) }
  paths['/metrics'] = { get: own('Prometheus metrics.', 'text/plain', { type: 'string' }, []) }
  paths['/openapi.json'] = { get: own('This document.', 'application/json', plain, []) }
  paths['/'] = { get: own('What this is and where things are.', 'application/json', plain, []) }

  const schemas: Json = {}
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hybrid AI Stack',
      version,
      description: 'Sends each request to the cheapest model that can handle it.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths: hoist(paths, schemas),
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
    security: [{}, { bearer: [] }, { apiKey: [] }],
  }
}

function operation(dialect: Dialect, route: Route): Json {
  const errors = Object.fromEntries(
    statusesOf(dialect)
      .filter((status) => couldAnswer(route, status))
      .map((status) => [
        String(status),
        response('An error, in the form of this API.', { type: 'object', required: ['error'] }),
      ]),
  )
  const content: Json = { 'application/json': { schema: schemaOf(route.reply, 'output') } }
  // No type: OpenAPI 3.1 leaves open whether a schema of a stream is that of its text or of each event.
  if (route.does === 'chat') content[route.streams] = { schema: { description: 'One frame after another.' } }
  return {
    summary: route.summary,
    tags: [dialect.name],
    ...parametersOf(route),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } },
        }),
    // A route that exists to refuse has no good answer.
    responses: {
      ...(!(route.reply instanceof z.ZodNever) && { '200': { description: 'The answer.', content } }),
      ...errors,
    },
  }
}

function adminOperation({ path, summary, body, query, status = 200, download }: AdminRoute, plain: Json): Json {
  const errors = [400, 401, 403, 404, 405, 408, 413, 415, 417, 429, 431, 500, 503]
  return {
    summary,
    tags: ['admin'],
    ...parametersOf({ path, query }),
    ...(body !== undefined && {
      requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    responses: {
      [String(status)]:
        download === undefined
          ? response('The answer.', plain)
          : { description: 'The file.', content: { [download.contentType]: { schema: { type: 'string' } } } },
      ...Object.fromEntries(errors.map((code) => [String(code), response('An error.', plain)])),
    },
  }
}

function parametersOf({ path, query }: { readonly path: string; readonly query?: Route['query'] | undefined }): Json {
  const inPath = [...pathOf(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const all = [...inPath, ...(query === undefined ? [] : queryParameters(query))]
  return all.length === 0 ? {} : { parameters: all }
}

/** Fastify's form of a path in OpenAPI's. */
function pathOf(path: string): string {
  return path.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{name}')
}

/** Without a body there is nothing to be too long, and only these ask something of a model. */
function couldAnswer(route: Route, status: number): boolean {
  // A count is estimated where its server cannot be asked.
  if (!['chat', 'embed'].includes(route.does) && [502, 504, 529].includes(status)) return false
  // It names a request, no model.
  if (route.does === 'feedback' && status === 422) return false
  // What is known already is not counted, and no vendor limits it.
  if (route.does === 'info' && status === 429) return false
  if (route.method === 'POST' || route.method === 'DELETE') return true
  return [400, 401, 404, 405, 408, 414, 417, 431, 500, 503].includes(status)
}

function own(summary: string, type: string, schema: Json, errors: readonly number[]): Json {
  const others = [...errors, 400, 405, 408, 417, 431, 500].map((status) => [
    String(status),
    response('An error or a state.', { type: 'object' }),
  ])
  return {
    summary,
    tags: ['operation'],
    responses: {
      '200': { description: 'The answer.', content: { [type]: { schema } } },
      ...Object.fromEntries(others),
    },
  }
}

function response(description: string, schema: Json): Json {
  return { description, content: { 'application/json': { schema } } }
}

function queryParameters(query: z.ZodObject): Json[] {
  return Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemaOf(schema as z.ZodType, 'input'),
  }))
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, id: _id, ...json } = z.toJSONSchema(schema, { io, reused: 'inline' }) as Json
  return json
}

/** Moves the definitions that zod puts beside each schema into `schemas`: a `$ref` counts from the top of the document. */
function hoist(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((item) => hoist(item, schemas))
  if (typeof value !== 'object' || value === null) return value
  const { $defs = {}, ...rest } = value as Json
  for (const [name, schema] of Object.entries($defs as Json)) schemas[name] = hoist(schema, schemas)
  return Object.fromEntries(
    Object.entries(rest).map(([key, child]) => [
      key,
      key === '$ref' ? String(child).replace('#/$defs/', '#/components/schemas/') : hoist(child, schemas),
    ]),
  )
}
