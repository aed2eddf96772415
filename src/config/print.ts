import { Document, isMap, isScalar, isSeq, type Node, type Pair, visit } from 'yaml'
import type { LoadedConfig } from './load.ts'
import { isReference, resolveSecrets } from './secrets.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The effective configuration as YAML; comments tell where each value that is no default comes from. Has no secret. */
export function configToYaml({ printable, origins, file }: LoadedConfig, environment: Environment): string {
  const document = new Document(withoutCredentials(printable))
  visit(document, {
    Scalar(key, scalar, ancestors) {
      if (key === 'key') return
      const path = pathOf([...ancestors, scalar])
      const notes = [
        ...(isReference(scalar.value) ? [isSet(scalar.value, environment) ? '(set)' : '(not set)'] : []),
        ...originOf(path, origins, file),
      ]
      if (notes.length > 0) scalar.comment = ` ${notes.join(' ')}`
    },
  })
  const head = file === undefined ? 'Built-in defaults; no file was read.' : `Read from ${file}.`
  document.commentBefore = ` ${head}\n Values without a comment are built-in defaults.`
  return document.toString({ lineWidth: 0 })
}

/** The same as data: references instead of secrets. */
export function configToObject(loaded: LoadedConfig): object {
  return {
    file: loaded.file ?? null,
    config: withoutCredentials(loaded.printable),
    origins: Object.fromEntries(loaded.origins),
  }
}

function isSet(reference: string, environment: Environment): boolean {
  return resolveSecrets(reference, environment).resolved !== undefined
}

/** The origin of the value or, for items of a list, of the list. */
function originOf(path: readonly string[], origins: LoadedConfig['origins'], file: string | undefined) {
  const exact = origins.get(path.join('.'))
  const origin = exact ?? (/^\d+$/.test(path.at(-1) ?? '') ? origins.get(path.slice(0, -1).join('.')) : undefined)
  return origin === undefined ? [] : [origin === file ? 'from the file' : `from ${origin}`]
}

function pathOf(nodes: readonly (Node | Document | Pair)[]): readonly string[] {
  return nodes.flatMap((node, index) => {
    const next = nodes[index + 1]
    if (isSeq(node)) return [String(node.items.indexOf(next as Node))]
    if (!isMap(node)) return []
    const pair = next as Pair | undefined
    return isScalar(pair?.key) ? [String(pair.key.value)] : []
  })
}

/** A URL may hold a user and a password. */
function withoutCredentials(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@\s]+@/i, '$1***@')
  if (Array.isArray(value)) return value.map(withoutCredentials)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutCredentials(inner)]))
}
