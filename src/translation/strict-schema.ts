import type { JsonSchema } from '../core/tools.ts'
import { isRecord } from '../upstream/errors.ts'

/** The schemas right below one, wherever the keywords of JSON Schema keep them. */
export function subschemas(schema: JsonSchema): readonly JsonSchema[] {
  const maps = [schema.properties, schema.$defs, schema.definitions].filter(isRecord).flatMap(Object.values)
  const lists = [schema.anyOf, schema.oneOf, schema.allOf, schema.prefixItems].filter(Array.isArray).flat()
  return [...maps, ...lists, schema.items].filter(isRecord)
}

/** True where strict modes take the schema: its objects have no other properties than the listed, all of them required. */
export function isClosed(schema: JsonSchema): boolean {
  if (isObjectSchema(schema)) {
    const names = isRecord(schema.properties) ? Object.keys(schema.properties) : []
    const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : []
    if (schema.additionalProperties !== false || !names.every((name) => required.includes(name))) return false
  }
  return subschemas(schema).every(isClosed)
}

export function isObjectSchema({ type, properties }: JsonSchema): boolean {
  return type === 'object' || (Array.isArray(type) && type.includes('object')) || isRecord(properties)
}
