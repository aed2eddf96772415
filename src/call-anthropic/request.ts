import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { functionTools } from '../core/tools.ts'
import { lossesOf } from '../translation/losses.ts'
import { acceptedSampling, type Sampling, type Warning, warning } from '../translation/sampling.ts'
import { pairToolResults } from '../translation/tool-results.ts'
import { type Block, type Conversation, conversationOf, goOn, notContinued } from './content.ts'
import { type ClaudeTraits, traitsOf } from './models.ts'
import { type Format, formatOf, toolFields } from './output.ts'
import { schemaAllowance } from './schema.ts'
import { type Thinking, thinkingOf } from './thinking.ts'

export const anthropicDialect = 'anthropic-messages'

/** Lets a request say that thoughts which no longer fit their conversation are to be dropped, not refused. */
const bindingBeta = 'thinking-binding-controls-2026-08-01'

export interface MessagesRequest {
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
  readonly warnings: readonly Warning[]
}

/** A Messages request, and what of the request had to be left out of it. */
export function messagesRequest(request: ChatRequest, model: ModelCard, defaultMaxTokens: number): MessagesRequest {
  const extra = request.dialect === anthropicDialect ? request.extra : undefined
  const traits = traitsOf(model.id)
  const paired = pairToolResults(request.messages, model)
  const conversation = conversationOf(paired.messages, traits)
  const accepted = acceptedSampling(request, model, ['seed', 'presence_penalty', 'frequency_penalty'])
  const strictly = schemaAllowance()
  const format = formatOf(request, model, { traits, strictly })

  const tokens = accepted.maxTokens ?? Math.min(defaultMaxTokens, model.maxOutputTokens)
  const thinking = thinkingOf(request, {
    model,
    traits,
    limit: { tokens, set: accepted.maxTokens !== undefined },
    obstacle: obstacleOf(request, conversation, traits),
  })
  const tools = toolFields(request, model, { traits, strictly, thinks: thinking.on })
  const sampling = samplingFields(accepted.sampling, model, thinking)
  const stops = request.stop?.filter((stop) => stop.trim() !== '')
  const { system, turns, prefilled } = turnsOf(conversation, [...format.instructions, ...tools.instructions], traits)
  const binds = traits.bindsThoughts && hasThoughts(turns)

  const warnings = [
    ...accepted.warnings,
    ...lossesOf(request, model, [anthropicDialect]),
    ...paired.warnings,
    ...format.warnings,
    ...thinking.warnings,
    ...tools.warnings,
    ...sampling.warnings,
  ]
  for (const kind of conversation.lost) warnings.push(warning(model, `takes no ${kind}: left out`))
  if (stops?.length !== request.stop?.length) {
    warnings.push(warning(model, 'does not accept blank stop sequences: left out'))
  }
  if (prefilled) {
    warnings.push(notContinued(model))
  }

  const body = {
    ...extra,
    model: model.id,
    max_tokens: thinking.maxTokens,
    messages: turns,
    stream: true,
    ...(system.length > 0 && { system: plainWhereUnmarked(system) }),
    ...sampling.fields,
    ...(stops !== undefined && stops.length > 0 && { stop_sequences: stops }),
    ...tools.fields,
    ...thinkingField(thinking, binds),
    ...outputConfig(thinking, format),
    ...(request.user !== undefined && { metadata: { user_id: request.user } }),
  }
  return { body, headers: binds ? { 'anthropic-beta': bindingBeta } : {}, warnings }
}

/** Why a model that thinks by budget must not think here: the API would refuse the request. */
function obstacleOf(request: ChatRequest, { turns }: Conversation, traits: ClaudeTraits): string | undefined {
  const { toolChoice, tools } = request
  const forced = toolChoice?.type === 'required' || toolChoice?.type === 'tool'
  if (forced && traits.forcesTools && functionTools(tools).length > 0) return 'it is made to call a tool'
  if (traits.thinking !== 'budget') return undefined
  if (turns.at(-1)?.role === 'assistant') return 'it continues a message of the assistant'
  const open = turns.findLast(({ role }) => role === 'assistant')
  const answers = turns.at(-1)?.content.some(({ type }) => type === 'tool_result') === true
  const signed = /thinking$/.test(open?.content[0]?.type ?? '')
  return answers && !signed ? 'the thoughts before its tool calls are not in the conversation' : undefined
}

function samplingFields(sampling: Sampling, model: ModelCard, { on, thinking }: Thinking) {
  const { temperature, top_p, top_k } = sampling
  const warnings: Warning[] = []
  const given = Object.keys(sampling)
  if (on && thinking !== undefined && given.length > 0) {
    return { fields: {}, warnings: [warning(model, `does not accept ${given.join(', ')} while it thinks: left out`)] }
  }
  // Newer models refuse both together, and the temperature is what callers mean when they set both.
  if (temperature !== undefined && top_p !== undefined) {
    warnings.push(warning(model, 'does not accept top_p beside temperature: left out'))
  }
  if (temperature !== undefined && temperature > 1) {
    warnings.push(warning(model, `takes temperatures up to 1: ${temperature} became 1`))
  }
  const fields = {
    ...(temperature !== undefined && { temperature: Math.min(Math.max(temperature, 0), 1) }),
    ...(temperature === undefined && top_p !== undefined && { top_p }),
    ...(top_k !== undefined && { top_k }),
  }
  return { fields, warnings }
}

/** A conversation needs a turn: instructions without a question are the question. */
function turnsOf({ system, turns }: Conversation, instructions: readonly string[], { prefill }: ClaudeTraits) {
  const told = [...system, ...instructions.map((text): Block => ({ type: 'text', text }))]
  if (turns.length === 0) {
    return { system: [], turns: [{ role: 'user', content: plainWhereUnmarked(told) }], prefilled: false }
  }
  const prefilled = !prefill && turns.at(-1)?.role === 'assistant'
  return { system: told, turns: prefilled ? [...turns, goOn] : turns, prefilled }
}

/** One text where no block has a mark of its own. */
function plainWhereUnmarked(blocks: readonly Block[]): string | readonly Block[] {
  const plain = blocks.every((block) => Object.keys(block).length === 2)
  return plain ? blocks.map(({ text }) => text).join('\n\n') : blocks
}

function hasThoughts(turns: readonly { readonly content: string | readonly Block[] }[]): boolean {
  return turns.some(({ content }) => typeof content !== 'string' && content.some(({ type }) => /thinking$/.test(type)))
}

function thinkingField({ thinking }: Thinking, binds: boolean) {
  const bindable = thinking === undefined || thinking.type === 'adaptive'
  if (!binds || !bindable) return thinking === undefined ? {} : { thinking }
  const block_binding = { prefix_mismatch_behavior: 'drop_block' }
  return { thinking: { type: 'adaptive', ...thinking, block_binding } }
}

function outputConfig({ effort }: Thinking, { schema }: Format) {
  if (effort === undefined && schema === undefined) return {}
  const format = schema === undefined ? {} : { format: { type: 'json_schema', schema } }
  return { output_config: { ...(effort !== undefined && { effort }), ...format } }
}

/** What `count_tokens` takes of a Messages body. */
const countedFields = ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config']

export function countedBody(body: MessagesRequest['body']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(body).filter(([field]) => countedFields.includes(field)))
}
