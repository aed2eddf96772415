import { GatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'

/** Other names for models: a name, or a pattern with `*`, to a configured name or `auto`. The first that fits counts. */
export type ModelAliases = Readonly<Record<string, string>>

/**
 * The model that a client means, or `auto`. Clients have their own ways of writing one: Ollama adds a tag, OpenAI's
 * lists a prefix, vendors a date; and programs name models by the vendor's id. Throws `unknown_model`.
 */
export function resolveModel(name: string, models: readonly ModelCard[], aliases: ModelAliases): ModelCard | 'auto' {
  const found = lookUp(name, models, aliases)
  if (found !== undefined) return found
  const known = ['auto', ...models.map((model) => model.name)].join(', ')
  throw new GatewayError(
    'unknown_model',
    `model '${name}' is not configured; the known ones are: ${known}. Other names can be given a meaning with router.aliases`,
    { field: 'model' },
  )
}

/** The same; undefined where the name means nothing. */
export function lookUp(
  name: string,
  models: readonly ModelCard[],
  aliases: ModelAliases,
): ModelCard | 'auto' | undefined {
  return models.find((model) => model.name === name) ?? find(aliasOf(name, models, aliases) ?? name, models)
}

function find(name: string, models: readonly ModelCard[]): ModelCard | 'auto' | undefined {
  for (const form of formsOf(name)) {
    if (form === 'auto') return 'auto'
    const model = models.find((candidate) => candidate.name === form) ?? models.find(({ id }) => id === form)
    if (model !== undefined) return model
  }
  return undefined
}

/** The name as it came first, then without what clients add to it. */
function formsOf(name: string): readonly string[] {
  const plain = plainOf(name)
  const undated = plain.replace(/-(20\d{6}|latest)$/, '')
  return [...new Set([name, plain, undated])]
}

function plainOf(name: string): string {
  return name.replace(/^hybrid\//, '').replace(/:latest$/, '')
}

/** A pattern, as `*` for everything unknown, takes none of the names that the gateway itself lists. */
function aliasOf(name: string, models: readonly ModelCard[], aliases: ModelAliases): string | undefined {
  const plain = plainOf(name)
  const listed = plain === 'auto' || models.some((model) => model.name === plain)
  const entry = Object.entries(aliases).find(([pattern]) => name === pattern || (!listed && fits(name, pattern)))
  return entry?.[1]
}

function fits(name: string, pattern: string): boolean {
  if (!pattern.includes('*')) return name === pattern
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}
