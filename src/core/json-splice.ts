interface FieldRange {
  readonly key: string
  /** From the first quote of the key to the end of the value. */
  readonly start: number
  readonly valueStart: number
  readonly end: number
}

/**
 * Changes fields at the top of a JSON object and leaves every other byte as it is: numbers that JavaScript cannot hold,
 * the order of keys and the caller's white space survive. A value of `undefined` removes its field; a field that is not
 * there is added at the end. `text` must be a valid JSON object (it has been parsed before).
 */
export function editFields(text: string, edits: Readonly<Record<string, unknown>>): string {
  const fields = topFields(text)
  let edited = text
  // From the back, so that the offsets of what comes before stay right.
  for (const [index, field] of [...fields.entries()].reverse()) {
    if (!Object.hasOwn(edits, field.key)) continue
    const value = edits[field.key]
    edited =
      value === undefined
        ? remove(edited, fields, index)
        : edited.slice(0, field.valueStart) + JSON.stringify(value) + edited.slice(field.end)
  }
  const known = new Set(fields.map(({ key }) => key))
  const added = Object.entries(edits).filter(([key, value]) => value !== undefined && !known.has(key))
  return added.length === 0 ? edited : append(edited, added)
}

/** With the comma behind it, or, where it is the last one, with the comma before it. */
function remove(text: string, fields: readonly FieldRange[], index: number): string {
  const field = fields[index]
  if (field === undefined) return text
  const rest = text.slice(field.end)
  const comma = /^\s*,\s*/.exec(rest)
  if (comma !== null) return text.slice(0, field.start) + rest.slice(comma[0].length)
  return text.slice(0, field.start).replace(/,\s*$/, '') + rest
}

function append(text: string, entries: readonly (readonly [string, unknown])[]): string {
  const close = text.lastIndexOf('}')
  const before = text.slice(0, close).trimEnd()
  const pairs = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')
  return `${before}${before.endsWith('{') ? '' : ','}${pairs}${text.slice(close)}`
}

function topFields(text: string): readonly FieldRange[] {
  const fields: FieldRange[] = []
  let at = skipSpace(text, 0) + 1
  for (;;) {
    at = skipSpace(text, at)
    if (text[at] === ',') at = skipSpace(text, at + 1)
    if (at >= text.length || text[at] === '}') return fields
    const start = at
    const keyEnd = endOfString(text, at)
    const key: unknown = JSON.parse(text.slice(start, keyEnd))
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1)
    const end = endOfValue(text, valueStart)
    fields.push({ key: String(key), start, valueStart, end })
    at = end
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}

/** `from` is at the opening quote; the result is behind the closing one. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === 0x5c) at++
    else if (character === 0x22) return at + 1
  }
  return text.length
}

function endOfValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      at = endOfString(text, at) - 1
      if (depth === 0) return at + 1
    } else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      if (depth === 0) return trimmed(text, from, at)
      depth--
      if (depth === 0) return at + 1
    } else if (character === ',' && depth === 0) return trimmed(text, from, at)
  }
  return text.length
}

function trimmed(text: string, from: number, to: number): number {
  let end = to
  while (end > from && text.charCodeAt(end - 1) <= 0x20) end--
  return end
}
