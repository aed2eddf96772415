/** A mapping as YAML gives it, before anything is known of its keys. */
export type Tree = Readonly<Record<string, unknown>>

export function isTree(value: unknown): value is Tree {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/**
 * Lays `over` on `base`, and tells `mark` the path of each value that came from `over`. A provider of another kind
 * replaces the default of that name as a whole. A key without a value (its lines are commented out) counts as absent.
 */
export function merge(base: Tree, over: Tree, mark: (path: readonly string[]) => void): Tree {
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = result[key]
    const markBelow = (path: readonly string[]) => mark([key, ...path])
    if (value === null) result[key] = below
    else if (isTree(value)) {
      const otherKind = isTree(below) && 'kind' in value && value.kind !== below.kind
      result[key] = merge(isTree(below) && !otherKind ? below : {}, value, markBelow)
    } else {
      result[key] = value
      mark([key])
    }
  }
  return result
}

export function getAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (isTree(node) ? node[key] : undefined), tree)
}

export function setAt(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [first, ...rest] = path
  if (first === undefined) return tree
  if (rest.length === 0) return { ...tree, [first]: value }
  const below = tree[first]
  return { ...tree, [first]: setAt(isTree(below) ? below : {}, rest, value) }
}
