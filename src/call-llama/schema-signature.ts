import type { JsonSchema } from '../core/tools.ts'
import { isSchema, list, mergedSchema, referred } from '../translation/json-schema.ts'

/** Beyond this depth a type is told as `object` or `any`. */
const deepest = 6
/** Choices and lists within each other, which are told in full up to here. */
const deepestChoice = 100
const longestDescription = 120
/** In characters, more or less. Beyond it types are told as `any`: a small schema can refer to itself without end. */
const longest = 100_000

/**
 * A schema in as few tokens as small models understand, in the way of TypeScript:
 * `{city: string (name of the city), days?: integer}`.
 */
export function signatureOf(schema: JsonSchema): string {
  return typeOf(schema, { root: schema, depth: 0, room: { left: longest } })
}

/** The same for the arguments of a function, with braces even where there are none. */
export function argumentsSignature(schema: JsonSchema): string {
  return `{${membersOf(schema, { root: schema, depth: 0, room: { left: longest } }).join(', ')}}`
}

interface Place {
  readonly root: JsonSchema
  readonly depth: number
  readonly room: { left: number }
}

/** Counts what is said. */
function said(text: string, { room }: Place): string {
  room.left -= text.length
  return text
}

function typeOf(given: unknown, place: Place): string {
  // A short name, and what separates it from the next.
  place.room.left -= 8
  if (!isSchema(given) || place.room.left < 0 || place.depth > deepestChoice) return 'any'
  const deeper = { ...place, depth: place.depth + 1 }
  if (typeof given.$ref === 'string') {
    return place.depth > deepest ? 'any' : typeOf(referred(given.$ref, place.root), deeper)
  }
  if ('const' in given) return said(JSON.stringify(given.const), place)
  if (Array.isArray(given.enum)) {
    return said(given.enum.map((value) => JSON.stringify(value)).join(' | '), place)
  }
  const alternatives = list(given.anyOf ?? given.oneOf)
  if (alternatives.length > 0) return alternatives.map((one) => typeOf(one, deeper)).join(' | ')
  const schema = Array.isArray(given.allOf) ? mergedSchema([given, ...given.allOf]) : given

  const types = list(schema.type ?? [])
  if (types.length > 0) return types.map((type) => typeOf({ ...schema, type }, deeper)).join(' | ')
  if (schema.type === 'array') return `${grouped(typeOf(schema.items, deeper))}[]`
  if (schema.type !== 'object' && !('properties' in schema)) return String(schema.type ?? 'any')
  const members = place.depth > deepest ? [] : membersOf(schema, deeper)
  return members.length === 0 ? 'object' : `{${members.join(', ')}}`
}

function membersOf({ properties, required }: JsonSchema, place: Place): readonly string[] {
  const needed = new Set(list(required))
  return Object.entries(isSchema(properties) ? properties : {}).map(([name, schema]) => {
    const told = isSchema(schema) && typeof schema.description === 'string' ? ` (${oneLine(schema.description)})` : ''
    const begin = said(`${name}${needed.has(name) ? '' : '?'}: `, place)
    return `${begin}${typeOf(schema, place)}${said(told, place)}`
  })
}

function grouped(type: string): string {
  return type.includes(' | ') ? `(${type})` : type
}

/** Descriptions may be pages long; small models lose the thread. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > longestDescription ? `${line.slice(0, longestDescription - 1)}…` : line
}
