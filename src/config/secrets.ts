import { readFileSync } from 'node:fs'
import type { ConfigProblem } from './problem.ts'

export interface Secrets {
  /** The same tree with every reference replaced by what it refers to; a reference to an unset variable is left out. */
  readonly resolved: unknown
  readonly problems: readonly ConfigProblem[]
  /** Values that must never be printed. */
  readonly values: readonly string[]
}

const reference = /^(env|file):.+/
const secretNames = /^(api_key|admin_key|keys|token|password|secret|authorization|x-api-key)$/i
/** Headers have names of their vendor's choice. */
const secretHeaders = /key|token|secret|auth|cookie|password/i

/** True for a value that stands for a secret, as `env:NAME`. */
export function isReference(value: unknown): value is string {
  return typeof value === 'string' && reference.test(value)
}

/** A secret written into the file in the open is refused: it would be printed, backed up and committed. */
export function openSecrets(tree: unknown): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const walk = (node: unknown, path: readonly string[], isSecret: boolean) => {
    if (typeof node === 'string' && isSecret && !isReference(node)) {
      const message = 'is a secret: write env:NAME or file:PATH instead of the value itself'
      problems.push({ where: path.join('.'), message })
    }
    if (node === null || typeof node !== 'object') return
    for (const [key, value] of Object.entries(node)) {
      const names = path.at(-1) === 'headers' ? secretHeaders : secretNames
      walk(value, [...path, key], names.test(key) || (Array.isArray(node) && isSecret))
    }
  }
  walk(tree, [], false)
  return problems
}

/** Resolves `env:NAME` and `file:PATH` wherever they stand. */
export function resolveSecrets(tree: unknown, environment: Readonly<Record<string, string | undefined>>): Secrets {
  const problems: ConfigProblem[] = []
  const values: string[] = []

  const keep = (value: string): string | undefined => {
    const trimmed = value.trim()
    if (trimmed === '') return undefined
    values.push(trimmed)
    return trimmed
  }

  const walk = (node: unknown, path: readonly string[]): unknown => {
    if (typeof node === 'string' && node.startsWith('env:')) return keep(environment[node.slice(4)] ?? '')
    if (typeof node === 'string' && node.startsWith('file:')) {
      try {
        return keep(readFileSync(node.slice(5), 'utf8'))
      } catch (error) {
        const reason = error instanceof Error && 'code' in error ? error.code : error
        problems.push({ where: path.join('.'), message: `refers to ${node}, which cannot be read (${reason})` })
        return undefined
      }
    }
    if (Array.isArray(node)) {
      return node.map((item, index) => walk(item, [...path, String(index)])).filter((item) => item !== undefined)
    }
    if (node === null || typeof node !== 'object') return node
    const entries = Object.entries(node).map(([key, value]) => [key, walk(value, [...path, key])] as const)
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
  }

  return { resolved: walk(tree, []), problems, values }
}
