import type { z } from 'zod'
import type { ConfigProblem } from './problem.ts'
import { configSchema } from './schema.ts'
import { suggest } from './suggest.ts'
import { getAt, isTree } from './tree.ts'

/** What the schema complains about, in sentences. Values are never repeated: one of them may be a secret. */
export function describeIssues(issues: readonly z.core.$ZodIssue[], tree: unknown): readonly ConfigProblem[] {
  return issues.flatMap((issue) => describeIssue(issue, issue.path.map(String), tree))
}

function describeIssue(issue: z.core.$ZodIssue, path: readonly string[], tree: unknown): readonly ConfigProblem[] {
  const where = path.join('.') || 'the configuration'
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(path, tree)
      return issue.keys.map((key) => ({
        where: [...path, key].join('.'),
        message: `is not a key that is known here; ${didYouMean(key, known, 'known here')}`,
      }))
    }
    case 'invalid_type': {
      const value = getAt(tree, path)
      if (value === undefined) return [{ where, message: `is missing: it must be ${article(issue.expected)}` }]
      return [{ where, message: `must be ${article(issue.expected)}, not ${article(typeName(value))}` }]
    }
    case 'invalid_union':
      return describeUnion(issue, path, tree)
    case 'invalid_value': {
      const value = getAt(tree, path)
      const known = issue.values.map(String)
      const hint = typeof value === 'string' ? didYouMean(value, known, 'it must be one of') : known.join(', ')
      return [
        { where, message: value === undefined ? `is missing; ${hint}` : `has a value that is not known; ${hint}` },
      ]
    }
    case 'invalid_key':
      return [{ where, message: 'is no name for a model: letters, digits and . _ : / @ - only, at most 100' }]
    case 'invalid_format':
      return [{ where, message: issue.format === 'url' ? 'must be a URL, as http://host:port' : lower(issue.message) }]
    case 'too_small':
    case 'too_big':
      return [{ where, message: boundOf(issue) }]
    default:
      return [{ where, message: lower(issue.message) }]
  }
}

function describeUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: readonly string[],
  tree: unknown,
): readonly ConfigProblem[] {
  const where = path.join('.')
  if (issue.discriminator !== undefined) {
    const value = getAt(tree, path)
    const known = providerKinds()
    if (value === undefined) return [{ where, message: `is missing: say which of ${known.join(', ')} this is` }]
    return [{ where, message: `names no kind of provider; ${didYouMean(String(value), known, 'the known ones are')}` }]
  }
  // The branch that was meant is the one whose shape fits and whose inside does not.
  const meant = issue.errors.find((errors) => errors.every((error) => error.path.length > 0 || 'keys' in error))
  if (meant !== undefined) {
    return meant.flatMap((inner) => describeIssue(inner, [...path, ...inner.path.map(String)], tree))
  }
  const choices = issue.errors.flatMap((errors) =>
    errors.flatMap((error) => {
      if (error.code === 'invalid_value') return error.values.map(String)
      return error.code === 'invalid_type' ? [article(error.expected)] : []
    }),
  )
  return [{ where, message: `must be one of: ${choices.join(', ')}` }]
}

function boundOf(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const [word, bound] = issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum]
  const unit = issue.origin === 'array' ? ' items long' : issue.origin === 'string' ? ' characters long' : ''
  return `must be ${word} ${bound}${unit}`
}

export function didYouMean(word: string, known: readonly string[], lead: string): string {
  const meant = suggest(word, known)
  return meant === undefined ? `${lead}: ${known.join(', ')}` : `did you mean '${meant}'?`
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value
}

const words: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
}

function article(type: string): string {
  return words[type] ?? `a ${type}`
}

function lower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema
  readonly oneOf?: readonly JsonSchema[]
  readonly anyOf?: readonly JsonSchema[]
  readonly const?: unknown
}

function rootSchema(): JsonSchema | undefined {
  return configSchema.toJSONSchema({ io: 'input' }) as JsonSchema
}

/** The keys that the schema has at a path, for "did you mean". */
function knownKeys(path: readonly string[], tree: unknown): readonly string[] {
  let schema = rootSchema()
  for (const [index, key] of path.entries()) {
    const node = getAt(tree, path.slice(0, index + 1))
    schema = schema?.properties?.[key] ?? schema?.additionalProperties
    const kind = isTree(node) ? node.kind : undefined
    const variants = schema?.oneOf ?? schema?.anyOf
    schema = variants?.find((variant) => variant.properties?.kind?.const === kind) ?? variants?.at(-1) ?? schema
  }
  return Object.keys(schema?.properties ?? {})
}

function providerKinds(): readonly string[] {
  const variants = rootSchema()?.properties?.providers?.additionalProperties?.oneOf ?? []
  return variants.map((variant) => String(variant.properties?.kind?.const))
}
