import type { FunctionTool, Tool } from '../core/tools.ts'

export interface Grammar {
  readonly syntax?: string | null | undefined
  readonly definition?: string | null | undefined
}

/** OpenAI's custom tool, whose input is free text: for every other model a function of one string. */
export function freeformTool(
  name: string,
  description: string | null | undefined,
  grammar: Grammar | null | undefined,
): FunctionTool {
  const told = typeof grammar?.definition === 'string' && { description: inputWords(grammar) }
  return {
    type: 'function',
    name,
    ...(typeof description === 'string' && { description }),
    parameters: { type: 'object', properties: { input: { type: 'string', ...told } }, required: ['input'] },
    freeform: true,
  }
}

/** What the input must look like, in words: no other model can be held to a grammar. */
export function inputWords({ syntax, definition }: Grammar): string {
  const grammar = typeof definition === 'string' ? `, in this ${syntax ?? ''} grammar:\n${definition}` : '.'
  return `The whole input of the tool, as plain text${grammar}`
}

/** The names of the request's tools whose calls are written as custom ones. */
export function freeformNames(tools: readonly Tool[] | undefined): ReadonlySet<string> {
  const freeform = (tools ?? []).filter((tool) => tool.type === 'function' && tool.freeform === true)
  return new Set(freeform.map(({ name }) => name))
}

export function argumentsOfInput(input: string): string {
  return JSON.stringify({ input })
}

/** The free text in the arguments of such a function; what is no object with an `input` is handed on as it is. */
export function inputOfArguments(json: string): string {
  return inputIn(json) ?? cutInput(json) ?? json
}

function inputIn(json: string): string | undefined {
  try {
    const { input } = JSON.parse(json)
    return typeof input === 'string' ? input : undefined
  } catch {
    return undefined
  }
}

/** Longest piece of a character (`\u00e`) that a cut may leave at the end of a text. */
const longestPiece = 5

/** The text as far as it came, where the reply ended within it. */
function cutInput(json: string): string | undefined {
  if (!/^\s*\{\s*"input"\s*:\s*"/.test(json)) return undefined
  for (let cut = 0; cut <= longestPiece; cut++) {
    const text = inputIn(`${json.slice(0, json.length - cut)}"}`)
    if (text !== undefined) return text
  }
  return inputIn(`${json}}`)
}
