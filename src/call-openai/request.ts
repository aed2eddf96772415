import { createHash } from 'node:crypto'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { type FunctionTool, functionTools } from '../core/tools.ts'
import { lossesOf } from '../translation/losses.ts'
import { acceptedSampling, leftOut, type Warning, warning } from '../translation/sampling.ts'
import { isClosed } from '../translation/strict-schema.ts'
import { pairToolResults } from '../translation/tool-results.ts'
import { chatMessages } from './messages.ts'
import { openaiChat, type Preset } from './presets.ts'
import { reasoningFields } from './reasoning.ts'

/** The body of a chat completion request, and what of the request had to be left out of it. */
export function completionsBody(request: ChatRequest, model: ModelCard, preset: Preset) {
  // The stream is ours to configure, whatever the client asked of its own.
  const { stream_options: _, ...extra } = request.dialect === openaiChat ? (request.extra ?? {}) : {}
  const unsupported = preset.unsupported.filter((field) => field !== 'user')
  const { sampling, maxTokens, warnings } = acceptedSampling(request, model, unsupported)
  const { seed, ...others } = sampling
  const paired = pairToolResults(request.messages, model)
  const written = chatMessages(paired.messages, model, preset)
  const tools = toolFields(request, model)
  const format = formatFields(request, model, preset)
  const reasoning = reasoningFields(request, model, preset)
  const logprobs = logprobFields(request, model, preset)
  const instruction = format.instruction === undefined ? [] : [{ role: 'system', content: format.instruction }]
  const stops = (request.stop ?? []).slice(0, preset.mostStops)

  const body: Readonly<Record<string, unknown>> = {
    ...extra,
    model: model.id,
    messages: [...instruction, ...written.messages],
    stream: true,
    ...others,
    ...(preset.streamOptions && { stream_options: { include_usage: true } }),
    ...(seed !== undefined && { [preset.seedField]: seed }),
    ...(maxTokens !== undefined && { [preset.maxTokensField]: maxTokens }),
    ...(stops.length > 0 && { stop: stops }),
    ...tools.fields,
    ...format.fields,
    ...reasoning.fields,
    ...logprobs.fields,
    ...userField(request.user, preset),
  }
  const unheard = (request.stop?.length ?? 0) - stops.length
  const all: readonly Warning[] = [
    ...warnings,
    ...(unheard > 0 ? [warning(model, `takes ${preset.mostStops} stop sequences at most: ${unheard} left out`)] : []),
    ...lossesOf(request, model, [openaiChat]),
    ...paired.warnings,
    ...written.warnings,
    ...tools.warnings,
    ...format.warnings,
    ...reasoning.warnings,
    ...logprobs.warnings,
  ]
  return { body, warnings: all }
}

/** OpenAI takes no longer one, and the names that coding agents give are. */
const longestUser = 64

/** The name of the caller's own user; a long one as its digest, which tells users apart as well. */
export function userField(user: string | undefined, { unsupported }: Preset): { readonly user?: string } {
  if (user === undefined || unsupported.includes('user')) return {}
  return { user: user.length <= longestUser ? user : createHash('sha256').update(user).digest('hex') }
}

function toolFields(request: ChatRequest, model: ModelCard) {
  const offered = functionTools(request.tools)
  if (offered.length === 0) return { fields: {}, warnings: [] }
  const loose = offered.filter((tool) => tool.strict === true && !isClosed(tool.parameters)).map(({ name }) => name)
  const warnings = loose.length === 0 ? [] : [warning(model, `cannot be strict about ${loose.join(', ')}: left out`)]
  const { toolChoice, parallelToolCalls } = request
  const choice =
    toolChoice?.type === 'tool' ? { type: 'function', function: { name: toolChoice.name } } : toolChoice?.type
  const fields = {
    tools: offered.map(toolBody),
    ...(choice !== undefined && { tool_choice: choice }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
  }
  return { fields, warnings }
}

function toolBody({ name, description, parameters, strict }: FunctionTool) {
  const told = description !== undefined && description !== ''
  const held = strict === true && isClosed(parameters)
  // OpenAI refuses the schema of an object that does not name its properties, be there none.
  const bare = parameters.type === 'object' && parameters.properties === undefined
  const schema = bare ? { ...parameters, properties: {} } : parameters
  return {
    type: 'function',
    function: { name, ...(told && { description }), parameters: schema, ...(held && { strict }) },
  }
}

interface FormatFields {
  readonly fields: Readonly<Record<string, unknown>>
  /** For a system message, where the field alone does not do it. */
  readonly instruction?: string
  readonly warnings: readonly Warning[]
}

/** Vendors refuse their JSON mode where no message speaks of JSON. */
const onlyJson = 'Reply with one JSON object and nothing else.'

function formatFields({ responseFormat, messages }: ChatRequest, model: ModelCard, preset: Preset): FormatFields {
  if (responseFormat === undefined || responseFormat.type === 'text') return { fields: {}, warnings: [] }
  const object = { response_format: { type: 'json_object' } }
  if (responseFormat.type === 'json') {
    if (preset.formats === 'schema')
      return { fields: schemaFormat('reply', { schema: { type: 'object' } }), warnings: [] }
    const spoken = messages.some(({ content }) =>
      content.some((part) => part.type === 'text' && /json/i.test(part.text)),
    )
    return { fields: object, ...(!spoken && { instruction: onlyJson }), warnings: [] }
  }

  const { name, description, schema, strict } = responseFormat
  if (preset.formats === 'object') {
    const instruction = `${onlyJson} It must be valid under this JSON schema: ${JSON.stringify(schema)}`
    const said = 'cannot be held to a schema by its vendor: it is told the response_format in words'
    return { fields: object, instruction, warnings: [warning(model, said)] }
  }
  const told = description === undefined ? {} : { description }
  return { fields: schemaFormat(name, { ...told, schema, ...strictField(strict, isClosed(schema)) }), warnings: [] }
}

/** A schema that strict modes refuse is followed as well as the server can. */
function strictField(strict: boolean | undefined, closed: boolean) {
  return strict === undefined ? {} : { strict: strict && closed }
}

function schemaFormat(name: string, fields: Readonly<Record<string, unknown>>) {
  const accepted = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64)
  return { response_format: { type: 'json_schema', json_schema: { name: accepted || 'reply', ...fields } } }
}

function logprobFields({ logprobs }: ChatRequest, model: ModelCard, preset: Preset) {
  // Only local replies are judged by them, and they make every chunk longer.
  const judged = preset.logprobs === 'judged' && model.backend === 'local'
  if (logprobs === undefined || !model.capabilities.includes('logprobs'))
    return { fields: judged ? { logprobs: true } : {}, warnings: [] }
  if (preset.logprobs === 'refused') return { fields: {}, warnings: [leftOut(model, ['logprobs'])] }
  return { fields: { logprobs: true, ...(logprobs.top > 0 && { top_logprobs: logprobs.top }) }, warnings: [] }
}
