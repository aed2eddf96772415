import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { ConfigError } from './problem.ts'
import { isTree, type Tree } from './tree.ts'

/** The YAML file as a tree, and where its keys stand. */
export interface ConfigFile {
  readonly path: string
  readonly tree: Tree
  /** The line of the key at a dotted path, or of the nearest one above it that stands in the file. */
  readonly lineOf: (where: string) => number | undefined
}

/** The named file, else `hybrid.yaml` in `projectDir`, else none. Throws `ConfigError`. */
export function readConfigFile(named: string | undefined, projectDir: string): ConfigFile | undefined {
  const path = findFile(named, projectDir)
  if (path === undefined) return undefined
  const lines = new LineCounter()
  const document = parseDocument(readText(path), { lineCounter: lines })
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      where: 'the YAML',
      message: `is malformed: ${(error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')}`,
      line: lines.linePos(error.pos[0]).line,
    }))
    throw new ConfigError(path, problems)
  }
  const tree: unknown = document.toJS() ?? {}
  if (!isTree(tree)) throw new ConfigError(path, [{ where: 'the file', message: 'is not a YAML mapping', line: 1 }])

  const lineOf = (where: string) => {
    const offset = offsetOf(document.contents, where.split('.'))
    return offset === undefined ? undefined : lines.linePos(offset).line
  }
  return { path, tree, lineOf }
}

function findFile(named: string | undefined, projectDir: string): string | undefined {
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new ConfigError(undefined, [{ where: named, message: 'does not exist' }])
    return resolve(named)
  }
  const usual = join(projectDir, 'hybrid.yaml')
  return existsSync(usual) ? usual : undefined
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error
    throw new ConfigError(undefined, [{ where: path, message: `cannot be read (${reason})` }])
  }
}

/** Names of models may hold dots, so each key is looked for as one piece of the path, then as several joined. */
function offsetOf(node: Node | null | undefined, pieces: readonly string[]): number | undefined {
  for (let length = 1; length <= pieces.length; length++) {
    const key = pieces.slice(0, length).join('.')
    const found = child(node, key)
    if (found !== undefined) return offsetOf(found.value, pieces.slice(length)) ?? found.offset
  }
  return undefined
}

function child(node: Node | null | undefined, key: string) {
  if (isSeq<Node>(node)) {
    const value = node.items[Number(key)]
    return value === undefined ? undefined : { value, offset: value.range?.[0] }
  }
  if (!isMap<Node, Node>(node)) return undefined
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
  return pair === undefined ? undefined : { value: pair.value, offset: pair.key.range?.[0] }
}
