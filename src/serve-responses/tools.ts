import { createHash } from 'node:crypto'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Need } from '../core/request.ts'
import type { FunctionTool, JsonSchema, Tool, ToolChoice } from '../core/tools.ts'
import { checkAt, fieldName } from '../dialects/check.ts'
import { inputWords } from '../serve-openai/freeform.ts'
import type { ResponsesBody, ResponsesTool } from './body.ts'
import type { Path } from './content.ts'

const name = z.string({ error: 'must be a string' }).min(1, 'is empty')
const description = z.string({ error: 'must be a string' }).nullish()

/** The tools that are understood. */
export const toolSchemas = {
  function: z.looseObject({
    name,
    description,
    parameters: z.record(z.string(), z.unknown(), { error: 'must be a JSON schema' }).nullish(),
    strict: z.boolean({ error: 'must be true or false' }).nullish(),
  }),
  custom: z.looseObject({
    name,
    description,
    format: z
      .looseObject({ type: z.string(), syntax: z.string().nullish(), definition: z.string().nullish() })
      .nullish(),
  }),
  namespace: z.looseObject({ name, tools: z.array(z.looseObject({ type: z.string() })) }),
} as const

/** The choices among them that are understood. */
export const choiceSchemas = {
  named: z.looseObject({ name, namespace: z.string().nullish() }),
  allowed: z.looseObject({
    mode: z.enum(['auto', 'required'], { error: 'must be auto or required' }),
    tools: z.array(z.looseObject({ type: z.string() }), { error: 'must be an array of tools' }),
  }),
} as const

/** A tool as its client calls it, beside the one that models see. */
export interface OfferedTool {
  readonly tool: Tool
  /** Of its function; for the others their type. */
  readonly name: string
  readonly namespace?: string
}

/** `at` is the place of `tools` in the body. */
export function offeredTools(tools: readonly ResponsesTool[], at: Path): readonly OfferedTool[] {
  return tools.flatMap((tool, index) => offered(tool, [...at, index], undefined))
}

function offered(tool: ResponsesTool, at: Path, namespace: string | undefined): readonly OfferedTool[] {
  const within = namespace === undefined ? {} : { namespace }
  switch (tool.type) {
    case 'function': {
      const checked = checkAt(toolSchemas.function, tool, at)
      return [{ tool: functionOf(checked, namespace), name: checked.name, ...within }]
    }
    case 'custom': {
      const checked = checkAt(toolSchemas.custom, tool, at)
      return [{ tool: freeformOf(checked, namespace), name: checked.name, ...within }]
    }
    case 'namespace': {
      const { name: group, tools } = checkAt(toolSchemas.namespace, tool, at)
      return tools.flatMap((inner, index) => offered(inner, [...at, 'tools', index], group))
    }
    default:
      return [{ tool: { type: 'hosted', name: tool.type }, name: tool.type }]
  }
}

function functionOf(tool: z.infer<typeof toolSchemas.function>, namespace: string | undefined): FunctionTool {
  const { parameters, strict } = tool
  return {
    type: 'function',
    name: flatName(tool.name, namespace),
    ...(typeof tool.description === 'string' && { description: tool.description }),
    parameters: { type: 'object', ...(parameters ?? { properties: {} }) },
    ...(typeof strict === 'boolean' && { strict }),
  }
}

/** Free text is a string among a function's arguments; what it must look like is told in words. */
function freeformOf(tool: z.infer<typeof toolSchemas.custom>, namespace: string | undefined): FunctionTool {
  return {
    type: 'function',
    name: flatName(tool.name, namespace),
    ...(typeof tool.description === 'string' && { description: tool.description }),
    parameters: freeformSchema(inputWords(tool.format ?? {})),
    freeform: true,
  }
}

function freeformSchema(words: string): JsonSchema {
  return {
    type: 'object',
    properties: { input: { type: 'string', description: words } },
    required: ['input'],
    additionalProperties: false,
  }
}

/** Longest name of a function that vendors take. */
const longestName = 64

/** Only this API groups functions: for models the group is a part of the name. */
export function flatName(tool: string, namespace: string | null | undefined): string {
  if (typeof namespace !== 'string' || namespace === '') return tool
  const whole = `${namespace}${namespace.endsWith('_') ? '' : '__'}${tool}`
  if (whole.length <= longestName) return whole
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, 8)
  return `${whole.slice(0, longestName - hash.length - 1)}_${hash}`
}

/** The tools of the body and those that its items add to them, each under the name that models know it by. */
export function calledAs(body: ResponsesBody): ReadonlyMap<string, OfferedTool> {
  const added = Array.isArray(body.input) ? body.input.filter(({ type }) => type === 'additional_tools') : []
  const more = added.flatMap(({ tools }) => (Array.isArray(tools) ? offeredTools(tools, []) : []))
  const all = [...offeredTools(body.tools ?? [], []), ...more].filter(({ tool }) => tool.type === 'function')
  return new Map(all.reverse().map((one) => [one.tool.name, one]))
}

export interface ChosenTools {
  readonly tools: readonly Tool[]
  readonly choice: ToolChoice | undefined
}

/** Which of the tools the model may call, and whether it must. */
export function chooseTools(
  offers: readonly OfferedTool[],
  choice: ResponsesBody['tool_choice'],
  needs: Need[],
): ChosenTools {
  const tools = distinct(offers.map(({ tool }) => tool))
  // Clients say `auto` out of habit, and some models refuse a choice among nothing.
  if (choice === null || choice === undefined || (tools.length === 0 && choice === 'auto')) {
    return { tools, choice: undefined }
  }
  if (typeof choice === 'string') {
    const type = (['auto', 'none', 'required'] as const).find((known) => known === choice)
    if (type !== undefined) return { tools, choice: { type } }
    throw new GatewayError('invalid_request', 'tool_choice: must be auto, none, required or an object with a type', {
      field: 'tool_choice',
    })
  }
  switch (choice.type) {
    case 'function':
    case 'custom': {
      const { name: chosen, namespace } = checkAt(choiceSchemas.named, choice, ['tool_choice'])
      const flat = flatName(chosen, namespace)
      if (tools.some((tool) => tool.type === 'function' && tool.name === flat)) {
        return { tools, choice: { type: 'tool', name: flat } }
      }
      const message = `tool_choice.name: '${chosen}' is not among the tools of this request`
      throw new GatewayError('invalid_request', message, { field: 'tool_choice.name' })
    }
    case 'allowed_tools': {
      const { mode, tools: allowed } = checkAt(choiceSchemas.allowed, choice, ['tool_choice'])
      const isAllowed = (tool: Tool) => allowed.some((entry) => means(entry, tool))
      return { tools: tools.filter(isAllowed), choice: { type: mode } }
    }
    default: {
      const advice = 'leave tool_choice out, or name a function: only the vendor runs its own tools'
      needs.push({ capability: 'native', field: 'tool_choice', weight: 'must', advice })
      return { tools, choice: undefined }
    }
  }
}

function means(entry: Readonly<Record<string, unknown>>, tool: Tool): boolean {
  if (tool.type === 'hosted') return entry.type === tool.name
  const namespace = typeof entry.namespace === 'string' ? entry.namespace : undefined
  return typeof entry.name === 'string' && flatName(entry.name, namespace) === tool.name
}

function distinct(tools: readonly Tool[]): readonly Tool[] {
  const known = new Set<string>()
  return tools.filter(({ type, name }) => {
    const key = `${type} ${name}`
    if (known.has(key)) return false
    known.add(key)
    return true
  })
}

/** Tools that the vendor runs: better with it, and left out elsewhere. */
export function hostedNeeds(tools: readonly ResponsesTool[], offers: readonly OfferedTool[]): readonly Need[] {
  const hosted = new Set(offers.flatMap(({ tool }) => (tool.type === 'hosted' ? [tool.name] : [])))
  return [...hosted].map((type) => {
    const index = tools.findIndex((tool) => tool.type === type)
    return { capability: 'native', field: index < 0 ? 'input' : fieldName(['tools', index]), weight: 'prefer' }
  })
}
