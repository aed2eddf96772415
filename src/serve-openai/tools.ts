import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Need } from '../core/request.ts'
import type { FunctionTool, Tool, ToolChoice } from '../core/tools.ts'
import { checkAt } from '../dialects/check.ts'
import { freeformTool } from './freeform.ts'

const string = z.string({ error: 'must be a string' })
const name = string.min(1, 'is empty')
const named = z.looseObject({ name }, { error: 'must be an object with a name' })

const describedFunction = z.looseObject(
  {
    name,
    description: string.nullish(),
    parameters: z.record(z.string(), z.unknown(), { error: 'must be a JSON Schema' }).nullish(),
    strict: z.boolean({ error: 'must be true or false' }).nullish(),
  },
  { error: 'must be an object with a name' },
)
const functionTool = z.looseObject({ type: z.literal('function'), function: describedFunction })
const customTool = z.looseObject({
  type: z.literal('custom'),
  custom: named.extend({
    description: string.nullish(),
    format: z
      .looseObject({ grammar: z.looseObject({ syntax: string.nullish(), definition: string.nullish() }).nullish() })
      .nullish(),
  }),
})
const otherTool = z.looseObject({ type: string.meta({ not: { enum: ['function', 'custom'] } }) })
const toolsError = { error: 'must be an array of tools' }

const words = z.enum(['none', 'auto', 'required'])
const chosenFunction = z.looseObject({ type: z.literal('function'), function: named })
const chosenCustom = z.looseObject({ type: z.literal('custom'), custom: named })
const allowedTools = z.looseObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.looseObject({
    mode: z.enum(['auto', 'required'], { error: 'must be auto or required' }),
    tools: z.array(z.looseObject({ function: named.nullish(), custom: named.nullish() })),
  }),
})
const otherChoice = z.looseObject({ type: string.meta({ not: { enum: ['function', 'custom', 'allowed_tools'] } }) })
const choiceError = { error: 'must be none, auto, required or an object that names a tool' }

/** Tools and choice are checked further when they are read, so that an error names the field and not the whole. */
export const toolFields = {
  tools: z.array(z.looseObject({}, { error: 'must be an object' }), toolsError).nullish(),
  tool_choice: z.union([words, z.looseObject({ type: string })], choiceError).nullish(),
  parallel_tool_calls: z.boolean({ error: 'must be true or false' }).nullish(),
  functions: z.array(describedFunction, { error: 'must be an array of functions' }).nullish(),
  function_call: z
    .union([z.enum(['none', 'auto']), named], { error: 'must be none, auto or an object with a name' })
    .nullish(),
}
/** The same for the OpenAPI document. */
export const documentedTools = {
  tools: z.array(z.union([functionTool, customTool, otherTool]), toolsError).nullish(),
  tool_choice: z.union([words, chosenFunction, chosenCustom, allowedTools, otherChoice], choiceError).nullish(),
}

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>

export interface ToolUse {
  readonly tools?: readonly Tool[]
  readonly toolChoice?: ToolChoice
  readonly parallelToolCalls?: boolean
  readonly needs: readonly Need[]
  /** True where the client calls them functions, as OpenAI once did, and must get its reply in that form. */
  readonly legacy: boolean
}

export function readToolUse(fields: ToolFields): ToolUse {
  const { tools = [], functions = [], parallel_tool_calls: parallel } = withoutNulls(fields)
  if (tools.length === 0 && functions.length > 0) return readLegacy(fields)

  const read = tools.map((tool, index) => readTool(tool, ['tools', index]))
  const hosted = read.flatMap(({ type }, index): Need[] =>
    type === 'hosted' ? [{ capability: 'native', field: `tools[${index}]`, weight: 'prefer' }] : [],
  )
  const choice = readChoice(fields.tool_choice, read)
  const left = choice.allowed === undefined ? read : read.filter((tool) => choice.allowed?.has(tool.name))
  return {
    ...(left.length > 0 && { tools: left }),
    ...(left.length > 0 && choice.toolChoice !== undefined && { toolChoice: choice.toolChoice }),
    ...(parallel !== undefined && { parallelToolCalls: parallel }),
    needs: [...hosted, ...choice.needs],
    legacy: false,
  }
}

/** One call in a turn is all that the reply of old has room for. */
function readLegacy({ functions, function_call: chosen }: ToolFields): ToolUse {
  const tools = (functions ?? []).map(toFunctionTool)
  if (typeof chosen === 'object' && chosen !== null) requireNamed(tools, chosen.name, 'function_call')
  const toolChoice = typeof chosen === 'string' ? { type: chosen } : namedChoice(chosen?.name)
  return {
    tools,
    ...(toolChoice !== undefined && { toolChoice }),
    parallelToolCalls: false,
    needs: [],
    legacy: true,
  }
}

function readTool(value: Readonly<Record<string, unknown>>, path: readonly PropertyKey[]): Tool {
  const type = checkAt(string, value.type, [...path, 'type'])
  switch (type) {
    case 'function':
      return toFunctionTool(checkAt(functionTool, value, path).function)
    case 'custom': {
      const { custom } = checkAt(customTool, value, path)
      return freeformTool(custom.name, custom.description, custom.format?.grammar)
    }
    default:
      return { type: 'hosted', name: type }
  }
}

function toFunctionTool({ name, description, parameters, strict }: z.infer<typeof describedFunction>): FunctionTool {
  return {
    type: 'function',
    name,
    ...(typeof description === 'string' && { description }),
    parameters: parameters ?? { type: 'object', properties: {} },
    ...(typeof strict === 'boolean' && { strict }),
  }
}

interface Choice {
  readonly toolChoice?: ToolChoice
  /** The names of the tools that may be called, where not all may. */
  readonly allowed?: ReadonlySet<string>
  readonly needs: readonly Need[]
}

function readChoice(choice: ToolFields['tool_choice'], tools: readonly Tool[]): Choice {
  if (choice === null || choice === undefined) return { needs: [] }
  if (typeof choice === 'string') return { toolChoice: { type: choice }, needs: [] }
  const path = ['tool_choice']
  switch (choice.type) {
    case 'function':
    case 'custom': {
      const { name } =
        choice.type === 'function'
          ? checkAt(chosenFunction, choice, path).function
          : checkAt(chosenCustom, choice, path).custom
      requireNamed(tools, name, 'tool_choice')
      return { toolChoice: { type: 'tool', name }, needs: [] }
    }
    case 'allowed_tools': {
      const { mode, tools: allowed } = checkAt(allowedTools, choice, path).allowed_tools
      const names = allowed.flatMap((tool) => tool.function?.name ?? tool.custom?.name ?? [])
      for (const name of names) requireNamed(tools, name, 'tool_choice.allowed_tools.tools')
      return { toolChoice: { type: mode }, allowed: new Set(names), needs: [] }
    }
    default:
      return { needs: [{ capability: 'native', field: 'tool_choice', weight: 'prefer' }] }
  }
}

function requireNamed(tools: readonly Tool[], name: string, field: string): void {
  if (tools.some((tool) => tool.name === name)) return
  throw new GatewayError('invalid_request', `${field}: '${name}' is not among the tools of this request`, { field })
}

function namedChoice(name: string | undefined): ToolChoice | undefined {
  return name === undefined ? undefined : { type: 'tool', name }
}

function withoutNulls({ tools, functions, parallel_tool_calls }: ToolFields) {
  return {
    tools: tools ?? undefined,
    functions: functions ?? undefined,
    parallel_tool_calls: parallel_tool_calls ?? undefined,
  }
}
