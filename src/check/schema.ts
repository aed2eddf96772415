/** Deeper schemas, and larger values, are taken as they are: this is a look, not a proof. */
const deepest = 12
const mostItems = 200

type Fields = Readonly<Record<string, unknown>>

/**
 * What of a value does not follow a JSON Schema, in words without any of its values; undefined where nothing was seen.
 * Looks at the keywords that schemas for models are made of: type, enum, const, required, properties,
 * additionalProperties, items, anyOf, oneOf, minimum, maximum, minLength, maxLength, minItems, maxItems. References and
 * the rest are taken as fulfilled.
 */
export function mismatch(value: unknown, schema: unknown, path = 'the value', depth = 0): string | undefined {
  if (!isRecord(schema) || depth > deepest || '$ref' in schema) return undefined
  const below = { path, depth: depth + 1 }
  return (
    wrongType(value, schema, path) ??
    wrongChoice(value, schema, below) ??
    (isRecord(value) ? wrongFields(value, schema, below) : undefined) ??
    (Array.isArray(value) ? wrongItems(value, schema, below) : undefined) ??
    wrongSize(value, schema, path)
  )
}

interface Below {
  readonly path: string
  readonly depth: number
}

function wrongType(value: unknown, { type }: Fields, path: string): string | undefined {
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type]
  if (types.length === 0 || types.some((name) => isType(value, name))) return undefined
  return `${path} is not of the type ${types.join(' or ')}`
}

function isType(value: unknown, name: unknown): boolean {
  if (name === 'object') return isRecord(value)
  if (name === 'array') return Array.isArray(value)
  if (name === 'null') return value === null
  if (name === 'integer') return Number.isInteger(value)
  if (name === 'number' || name === 'string' || name === 'boolean') return typeof value === name
  return true
}

function wrongChoice(value: unknown, schema: Fields, { path, depth }: Below): string | undefined {
  const written = JSON.stringify(value)
  if (Array.isArray(schema.enum) && !schema.enum.some((allowed) => JSON.stringify(allowed) === written)) {
    return `${path} is none of the allowed values`
  }
  if ('const' in schema && JSON.stringify(schema.const) !== written) return `${path} is not the one allowed value`
  for (const key of ['anyOf', 'oneOf'] as const) {
    const options = schema[key]
    if (!Array.isArray(options) || options.length === 0) continue
    if (options.every((option) => mismatch(value, option, path, depth) !== undefined))
      return `${path} fits no alternative`
  }
  return undefined
}

function wrongFields(value: Fields, schema: Fields, { path, depth }: Below): string | undefined {
  const properties = isRecord(schema.properties) ? schema.properties : {}
  const required = Array.isArray(schema.required) ? schema.required : []
  const missing = required.find((name) => typeof name === 'string' && !Object.hasOwn(value, name))
  if (missing !== undefined) return `${path} lacks '${String(missing).slice(0, 60)}'`
  if (schema.additionalProperties === false && Object.keys(value).some((name) => !Object.hasOwn(properties, name))) {
    return `${path} has a field that is not allowed`
  }
  for (const [name, inner] of Object.entries(properties)) {
    if (!Object.hasOwn(value, name)) continue
    const wrong = mismatch(value[name], inner, `'${name.slice(0, 60)}'`, depth)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function wrongItems(value: readonly unknown[], { items, minItems, maxItems }: Fields, { path, depth }: Below) {
  if (typeof minItems === 'number' && value.length < minItems) return `${path} has too few items`
  if (typeof maxItems === 'number' && value.length > maxItems) return `${path} has too many items`
  for (const item of value.slice(0, mostItems)) {
    const wrong = mismatch(item, items, `an item of ${path}`, depth)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

function wrongSize(
  value: unknown,
  { minimum, maximum, minLength, maxLength }: Fields,
  path: string,
): string | undefined {
  if (typeof value === 'number') {
    if (typeof minimum === 'number' && value < minimum) return `${path} is too small`
    if (typeof maximum === 'number' && value > maximum) return `${path} is too large`
  }
  if (typeof value !== 'string') return undefined
  if (typeof minLength === 'number' && value.length < minLength) return `${path} is too short`
  if (typeof maxLength === 'number' && value.length > maxLength) return `${path} is too long`
  return undefined
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
