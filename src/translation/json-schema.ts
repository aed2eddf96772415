import type { JsonSchema } from '../core/tools.ts'

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The entries of what may be a list; of anything else none. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A number of characters or items that makes sense; anything else is undefined. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** What a reference within the schema (`#/$defs/node`) points at; undefined for any other. */
export function referred(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith('#')) return undefined
  const steps = reference.split('/').slice(1)
  return steps.reduce<unknown>((at, step) => {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    return isSchema(at) ? at[key] : list(at)[Number(key)]
  }, root)
}

/** The schema that all of them describe together, as far as properties go; of other keywords the last one stands. */
export function mergedSchema(parts: readonly unknown[]): JsonSchema {
  const all = parts.filter(isSchema)
  const properties = all.flatMap((part) => (isSchema(part.properties) ? Object.entries(part.properties) : []))
  const required = all.flatMap((part) => list(part.required))
  return {
    ...Object.fromEntries(all.flatMap((part) => Object.entries(part))),
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    ...(required.length > 0 && { required }),
  }
}

/** The type of a schema that names none, by its other keywords. */
export function impliedType(schema: JsonSchema): string | undefined {
  if ('properties' in schema || 'required' in schema) return 'object'
  if ('items' in schema || 'prefixItems' in schema) return 'array'
  if ('minLength' in schema || 'maxLength' in schema || 'format' in schema || 'pattern' in schema) return 'string'
  return 'minimum' in schema || 'maximum' in schema || 'multipleOf' in schema ? 'number' : undefined
}
