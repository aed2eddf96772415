import type { JsonSchema } from '../core/tools.ts'
import { isObjectSchema, subschemas } from '../translation/strict-schema.ts'
import { isRecord } from '../upstream/errors.ts'

/** Keywords that constrained decoding cannot follow; the model reads of them in the description instead. */
const described = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
]
const formats = ['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid']
/** What changes the meaning and has no counterpart. */
const inexpressible = ['not', 'if', 'patternProperties', 'dependentSchemas', 'prefixItems', 'contains', 'propertyNames']

/** Limits over all schemas of a request. */
const mostOptional = 24
const mostUnions = 16

/**
 * The schema in the form that Claude's constrained decoding takes, or undefined where it cannot be put so: objects with
 * arbitrary keys, schemas that contain themselves, too many optional properties.
 */
export function claudeSchema(schema: JsonSchema): JsonSchema | undefined {
  return schemaAllowance()(schema)
}

/** `claudeSchema` for the schemas of one request: each one that it takes leaves less room for those after it. */
export function schemaAllowance(): typeof claudeSchema {
  let optional = 0
  let united = 0
  return (schema) => {
    if (!isExpressible(schema) || containsItself(schema)) return undefined
    const allOptional = optional + total(schema, optionalProperties)
    const allUnited = united + total(schema, unions)
    if (allOptional > mostOptional || allUnited > mostUnions) return undefined
    optional = allOptional
    united = allUnited
    return adjusted(schema)
  }
}

function isExpressible(schema: JsonSchema): boolean {
  const { type, anyOf, oneOf, allOf, $ref } = schema
  if (inexpressible.some((keyword) => keyword in schema)) return false
  if (typeof $ref === 'string' && !$ref.startsWith('#')) return false
  const says = [type, anyOf, oneOf, allOf, $ref, schema.enum, schema.const].some((value) => value !== undefined)
  if (!says && !isObjectSchema(schema)) return false
  if (isObjectSchema(schema)) {
    // Free keys: closing the object would leave nothing of it.
    const empty = !isRecord(schema.properties) || Object.keys(schema.properties).length === 0
    const open = schema.additionalProperties === true || isRecord(schema.additionalProperties)
    if (open || (empty && schema.additionalProperties !== false)) return false
  }
  return subschemas(schema).every(isExpressible)
}

/** A definition that leads back to itself, or a reference to the whole. */
function containsItself(schema: JsonSchema): boolean {
  const definitions = { ...asRecord(schema.definitions), ...asRecord(schema.$defs) }
  const visit = (part: JsonSchema, path: readonly string[]): boolean => {
    if (typeof part.$ref === 'string') {
      const name = part.$ref.split('/').at(-1) ?? ''
      const target = definitions[name]
      if (part.$ref === '#' || path.includes(name)) return true
      if (isRecord(target) && visit(target, [...path, name])) return true
    }
    return subschemas(part).some((inner) => visit(inner, path))
  }
  return visit(schema, [])
}

function total(schema: JsonSchema, measure: (schema: JsonSchema) => number): number {
  return subschemas(schema).reduce((sum, inner) => sum + total(inner, measure), measure(schema))
}

function optionalProperties({ properties, required }: JsonSchema): number {
  if (!isRecord(properties)) return 0
  const needed: readonly unknown[] = Array.isArray(required) ? required : []
  return Object.keys(properties).filter((name) => !needed.includes(name)).length
}

function unions({ type, anyOf, oneOf }: JsonSchema): number {
  return Array.isArray(type) || Array.isArray(anyOf) || Array.isArray(oneOf) ? 1 : 0
}

function adjusted(schema: JsonSchema): JsonSchema {
  const result: Record<string, unknown> = {}
  const told: string[] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === '$schema' || keyword === '$id') continue
    const beyond =
      described.includes(keyword) ||
      (keyword === 'minItems' && value !== 0 && value !== 1) ||
      (keyword === 'format' && !formats.includes(String(value)))
    if (beyond) told.push(`${keyword}: ${JSON.stringify(value)}`)
    else if (['properties', '$defs', 'definitions'].includes(keyword)) result[keyword] = adjustedMap(value)
    else if (keyword === 'oneOf') result.anyOf = adjustedList(value)
    else if (['anyOf', 'allOf'].includes(keyword)) result[keyword] = adjustedList(value)
    else result[keyword] = keyword === 'items' && isRecord(value) ? adjusted(value) : value
  }
  if (isObjectSchema(schema)) result.additionalProperties = false
  if (told.length > 0) {
    const description = typeof schema.description === 'string' ? `${schema.description}\n` : ''
    result.description = `${description}(${told.join(', ')})`
  }
  return result
}

function adjustedMap(value: unknown): unknown {
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isRecord(inner) ? adjusted(inner) : inner]),
  )
}

function adjustedList(value: unknown): unknown {
  return Array.isArray(value) ? value.map((inner) => (isRecord(inner) ? adjusted(inner) : inner)) : value
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}
