import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { type FunctionTool, functionTools, type JsonSchema } from '../core/tools.ts'
import { type Warning, warning } from '../translation/sampling.ts'
import type { ClaudeTraits } from './models.ts'
import type { claudeSchema } from './schema.ts'

/** More than these are refused. */
const mostStrictTools = 20

interface FormatOptions {
  readonly traits: ClaudeTraits
  /** Of the request, for all its schemas. */
  readonly strictly: typeof claudeSchema
}

export interface Format {
  /** For `output_config.format`. */
  readonly schema?: JsonSchema
  /** For the system prompt, where nothing else makes the model keep to the form. */
  readonly instructions: readonly string[]
  readonly warnings: readonly Warning[]
}

const onlyJson = 'Reply with one JSON object and nothing else: no words around it, no code fence.'

/**
 * The form of the reply. A schema becomes `output_config.format`; one that Claude's constrained decoding cannot follow,
 * and the plain JSON mode, which this API lacks, become an instruction: a tool made up for the purpose would have to be
 * forced, which the newer models refuse.
 */
export function formatOf(
  { responseFormat }: ChatRequest,
  model: ModelCard,
  { traits, strictly }: FormatOptions,
): Format {
  if (responseFormat === undefined || responseFormat.type === 'text') return { instructions: [], warnings: [] }
  if (responseFormat.type === 'json') return { instructions: [onlyJson], warnings: [] }

  const schema = traits.structured ? strictly(responseFormat.schema) : undefined
  if (schema !== undefined) return { schema, instructions: [], warnings: [] }
  const instruction = `${onlyJson} It must be valid under this JSON schema: ${JSON.stringify(responseFormat.schema)}`
  const said = 'cannot be held to this response_format by its vendor: it is told the schema in words'
  return { instructions: [instruction], warnings: [warning(model, said)] }
}

export interface ToolFields {
  readonly fields: Readonly<Record<string, unknown>>
  readonly instructions: readonly string[]
  readonly warnings: readonly Warning[]
}

interface ToolOptions extends FormatOptions {
  readonly thinks: boolean
}

export function toolFields(
  request: ChatRequest,
  model: ModelCard,
  { traits, strictly, thinks }: ToolOptions,
): ToolFields {
  const offered = functionTools(request.tools)
  if (offered.length === 0) return { fields: {}, instructions: [], warnings: [] }

  const warnings: Warning[] = []
  let strict = 0
  const loose: string[] = []
  const tools = offered.map((tool) => {
    const may = tool.strict === true && traits.structured && strict < mostStrictTools
    const schema = may ? strictly(tool.parameters) : undefined
    if (schema !== undefined) {
      strict++
      return { ...toolBody(tool), input_schema: schema, strict: true }
    }
    if (tool.strict === true) loose.push(tool.name)
    return toolBody(tool)
  })
  if (loose.length > 0) warnings.push(warning(model, `cannot be strict about ${loose.join(', ')}: left out`))

  const choice = request.toolChoice ?? { type: 'auto' }
  const single = request.parallelToolCalls === false ? { disable_parallel_tool_use: true } : {}
  const instructions: string[] = []
  let toolChoice: Readonly<Record<string, unknown>> | undefined
  if (choice.type === 'none') toolChoice = { type: 'none' }
  else if (choice.type === 'auto')
    toolChoice = request.parallelToolCalls === false ? { type: 'auto', ...single } : undefined
  else if (traits.forcesTools && !thinks) {
    toolChoice = choice.type === 'tool' ? { type: 'tool', name: choice.name, ...single } : { type: 'any', ...single }
  } else {
    toolChoice = { type: 'auto', ...single }
    instructions.push(choice.type === 'tool' ? `Call the tool ${choice.name} now.` : 'Call one of your tools now.')
    warnings.push(warning(model, 'cannot be made to call a tool: tool_choice became an instruction'))
  }
  return { fields: { tools, ...(toolChoice !== undefined && { tool_choice: toolChoice }) }, instructions, warnings }
}

/** The API wants the type of the schema in its place, also where a tool takes nothing. */
function toolBody({ name, description, parameters }: FunctionTool) {
  const input_schema = { ...parameters, type: 'object' }
  return { name, ...(description !== undefined && description !== '' && { description }), input_schema }
}
