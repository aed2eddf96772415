import type { FunctionTool, Tool } from '../core/tools.ts'

/** OpenAI's custom tool, whose input is free text: for every other model a function of one string. */
export function freeformTool(name: string, description: string | null | undefined): FunctionTool {
  return {
    type: 'function',
    name,
    ...(typeof description === 'string' && { description }),
    parameters: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
    freeform: true,
  }
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
  try {
    const { input } = JSON.parse(json)
    return typeof input === 'string' ? input : json
  } catch {
    return json
  }
}
