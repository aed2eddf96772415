interface JsonWithSource {
  readonly parse: (
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ) => unknown
  readonly rawJSON: (text: string) => unknown
  readonly isRawJSON: (value: unknown) => boolean
}

/** The types of the language do not have these yet. */
const { parse, rawJSON, isRawJSON } = JSON as unknown as JsonWithSource

/**
 * Parses JSON that is only taken apart to be written again: numbers that JavaScript would round stay as they were, as
 * opaque values that `JSON.stringify` writes back. A text that is nothing but a number is that number: what is opaque
 * looks like an object. Throws `SyntaxError`.
 */
export function parseExactly(text: string): unknown {
  const value = parse(text, (_key, inner, { source }) =>
    typeof inner === 'number' && source !== undefined && String(inner) !== source ? rawJSON(source) : inner,
  )
  return isRawJSON(value) ? JSON.parse(text) : value
}
