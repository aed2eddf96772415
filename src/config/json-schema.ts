import { defaultConfig } from './defaults.ts'
import { configSchema } from './schema.ts'

/** The part of JSON Schema that zod prints for our configuration. */
export interface JsonSchema {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly description?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly propertyNames?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
  readonly oneOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly $ref?: string
}

/** The schema as zod prints it, without the bounds that only say "an integer". */
export function plainSchema(): JsonSchema {
  return tidy(configSchema.toJSONSchema({ io: 'input' })) as JsonSchema
}

/** `config.schema.json`: what a file may say. It lies over the defaults, so a file may leave out what they have. */
export function fileSchema(): object {
  const { type, description, properties = {}, additionalProperties } = plainSchema()
  const { models, providers, ...others } = properties
  const builtIn = defaultConfig({ data: '', models: '' })
  const model = childOf(models)
  const kinds = childOf(providers).oneOf ?? []
  const kindOf = (provider: JsonSchema) => String(provider.properties?.kind?.const)

  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of Hybrid AI Stack',
    type,
    description,
    properties: {
      ...others,
      providers: {
        ...providers,
        properties: Object.fromEntries(
          Object.entries(builtIn.providers).map(([name, { kind }]) => [
            name,
            { anyOf: [{ $ref: `#/$defs/built-in-${kind}` }, { $ref: '#/$defs/provider' }] },
          ]),
        ),
        additionalProperties: { $ref: '#/$defs/provider' },
      },
      models: {
        ...models,
        properties: Object.fromEntries(
          Object.keys(builtIn.models).map((name) => [name, { $ref: '#/$defs/built-in-model' }]),
        ),
        additionalProperties: { $ref: '#/$defs/model' },
      },
    },
    additionalProperties,
    $defs: {
      model,
      'built-in-model': { ...model, required: [] },
      provider: { oneOf: kinds },
      ...Object.fromEntries(kinds.map((provider) => [`built-in-${kindOf(provider)}`, { ...provider, required: [] }])),
    },
  }
}

function childOf(schema: JsonSchema | undefined): JsonSchema {
  const { additionalProperties } = schema ?? {}
  return typeof additionalProperties === 'object' ? additionalProperties : {}
}

function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([key, inner]) => key !== 'maximum' || inner !== Number.MAX_SAFE_INTEGER)
  return Object.fromEntries(entries.map(([key, inner]) => [key, tidy(inner)]))
}
