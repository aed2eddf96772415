import type { JsonSchema } from '../core/tools.ts'
import { count, impliedType, isSchema, list, mergedSchema, number, referred } from './json-schema.ts'

interface Place {
  readonly root: JsonSchema
  /** How many references and alternatives were followed to get here. */
  readonly depth: number
  readonly room: ExampleRoom
}

/** How much more may be said, in characters: a small schema can ask for more than there is memory. */
export interface ExampleRoom {
  left: number
}

export function exampleRoom(): ExampleRoom {
  return { left: 1_000_000 }
}

/** Schemas that refer to themselves without a way out end here, in null. */
const deepest = 32
/** Schemas that ask for more characters or items are not served. */
const mostRepetitions = 10_000
/** From here on the alternative that ends soonest is taken. */
const deep = 4

/**
 * A small value that a JSON schema allows: required properties only, empty lists, the first of each choice. It looks
 * at types, references, `const`, `enum`, bounds, lengths and formats; `pattern`, `not` and `if` it does not know.
 * `root` is what references within the schema refer to. Where `room` is used up, null stands for the rest.
 */
export function exampleOf(
  schema: unknown,
  root: JsonSchema = isSchema(schema) ? schema : {},
  room: ExampleRoom = exampleRoom(),
): unknown {
  return exampleAt(schema, { root, depth: 0, room })
}

function exampleAt(schema: unknown, place: Place): unknown {
  // Punctuation and a number, roughly.
  place.room.left -= 8
  if (place.depth > deepest || place.room.left < 0) return null
  if (!isSchema(schema)) return {}
  const deeper = { ...place, depth: place.depth + 1 }
  if (typeof schema.$ref === 'string') return exampleAt(referred(schema.$ref, place.root), deeper)
  if ('const' in schema) return given(schema.const, place)
  if (Array.isArray(schema.enum)) return given(schema.enum[0], place)

  const { anyOf, oneOf, allOf, ...own } = schema
  const alternatives = list(anyOf ?? oneOf)
  const common = list(allOf).map((part) => resolved(part, place.root))
  if (alternatives.length > 0)
    return exampleAt(merged([own, ...common, resolved(chosen(alternatives, place.depth), place.root)], place), deeper)
  if (common.length > 0) return exampleAt(merged([own, ...common], place), deeper)
  return plainValue(schema, deeper)
}

function given(value: unknown, { room }: Place): unknown {
  room.left -= JSON.stringify(value)?.length ?? 0
  return room.left < 0 ? null : value
}

function merged(parts: readonly unknown[], { room }: Place): JsonSchema {
  const schema = mergedSchema(parts)
  room.left -= list(schema.required).length + Object.keys(isSchema(schema.properties) ? schema.properties : {}).length
  return schema
}

function plainValue(schema: JsonSchema, place: Place): unknown {
  switch (typeOf(schema)) {
    case 'object':
      return objectOf(schema, place)
    case 'array': {
      const items = list(schema.prefixItems)
      const length = Math.max(items.length, few(schema.minItems) ?? 0)
      return Array.from({ length }, (_, index) => exampleAt(items[index] ?? schema.items, place))
    }
    case 'string':
      return given(stringOf(schema), place)
    case 'number':
    case 'integer':
      return numberOf(schema)
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return {}
  }
}

function typeOf(schema: JsonSchema): unknown {
  const { type } = schema
  if (Array.isArray(type)) return type.find((one) => one !== 'null') ?? 'null'
  if (type !== undefined) return type
  return impliedType(schema) ?? 'object'
}

function objectOf({ properties, required, additionalProperties, minProperties }: JsonSchema, place: Place): unknown {
  const known = isSchema(properties) ? properties : {}
  const names = list(required).filter((name) => typeof name === 'string')
  const missing = (few(minProperties) ?? 0) - names.length
  const needed = new Set(names)
  const spare = missing > 0 ? Object.keys(known).filter((name) => !needed.has(name)) : []
  const more = Array.from({ length: Math.max(0, missing) }, (_, index) => spare[index] ?? `property${index + 1}`)
  const all = [...new Set([...names, ...more])]
  place.room.left -= all.reduce((sum, name) => sum + name.length, 0)
  return Object.fromEntries(all.map((name) => [name, exampleAt(known[name] ?? additionalProperties, place)]))
}

const formats: Readonly<Record<string, string>> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05Z',
  duration: 'P1D',
  email: 'someone@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '01234567-89ab-4cde-8f01-23456789abcd',
}

function stringOf({ format, minLength, maxLength }: JsonSchema): string {
  const known = typeof format === 'string' ? formats[format] : undefined
  return known ?? 'text'.padEnd(few(minLength) ?? 0, '.').slice(0, few(maxLength))
}

function numberOf(schema: JsonSchema): number {
  const step = number(schema.multipleOf) ?? 1
  const lowest = number(schema.minimum) ?? number(schema.exclusiveMinimum)
  const highest = number(schema.maximum) ?? number(schema.exclusiveMaximum)
  const tooLow = (value: number) => (lowest !== undefined && value < lowest) || value === schema.exclusiveMinimum
  const tooHigh = (value: number) => (highest !== undefined && value > highest) || value === schema.exclusiveMaximum

  let value = Math.ceil((lowest ?? Math.min(highest ?? step, step)) / step) * step
  if (tooLow(value)) value += step
  if (tooHigh(value) && lowest === undefined) value -= step
  // Between two whole numbers there are fractions, unless steps are asked for.
  const between = typeOf(schema) === 'number' && schema.multipleOf === undefined
  return tooHigh(value) && between && lowest !== undefined && highest !== undefined ? (lowest + highest) / 2 : value
}

/** The first alternative that is more than null; deep down null all the same, or lists never end. */
function chosen(alternatives: readonly unknown[], depth: number): unknown {
  const isNull = (schema: unknown) => isSchema(schema) && schema.type === 'null'
  const nothing = alternatives.find(isNull)
  if (depth > deep && nothing !== undefined) return nothing
  return alternatives.find((schema) => !isNull(schema)) ?? alternatives[0]
}

function resolved(schema: unknown, root: JsonSchema): unknown {
  return isSchema(schema) && typeof schema.$ref === 'string' ? referred(schema.$ref, root) : schema
}

/** A number of characters or items that is served. */
export function few(value: unknown): number | undefined {
  const given = count(value)
  return given !== undefined && given <= mostRepetitions ? given : undefined
}
