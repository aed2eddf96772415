import { GatewayError } from '../core/errors.ts'
import { parseExactly } from '../core/exact-json.ts'
import { editFields } from '../core/json-splice.ts'
import type { ChatRequest, ClientRequest, Message, Need } from '../core/request.ts'
import type { ReasoningEffort, ReasoningWish, ResponseFormat } from '../core/tools.ts'
import {
  cachingOf,
  checkAt,
  checkBody,
  checkLength,
  clientOf,
  defined,
  sessionOf,
  textMessage,
  unknownFields,
} from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { type ResponsesBody, rememberBody, responsesBody, toolsField } from './body.ts'
import { keepsNothing, messagesOf } from './input.ts'
import { isSealedHere } from './reasoning.ts'
import { chooseTools, hostedNeeds, type OfferedTool, offeredTools } from './tools.ts'

/** Headers that mean something to OpenAI's models. */
const passedHeaders = ['openai-beta', 'x-openai-subagent', 'x-codex-beta-features']

/** Fields that are understood here, or that mean nothing to any other model. */
const understood = [
  ...Object.keys(responsesBody.shape),
  'client_metadata',
  'prompt_cache_options',
  'prompt_cache_retention',
]

/** A request of the Responses API in the gateway's own words. */
export function parseResponses(body: unknown, head: RequestHead): ChatRequest {
  const checked = checkBody(responsesBody, body)
  const needs: Need[] = [...stateNeeds(checked)]
  const messages = conversationOf(checked, { head, needs })
  const offers = offersOf(checked)
  needs.push(...hostedNeeds(checked.tools ?? [], offers))
  const { tools, choice } = chooseTools(offers, checked.tool_choice, needs)
  const extra = extraOf(checked)

  const request: ChatRequest = {
    id: head.requestId,
    dialect: 'openai-responses',
    model: modelOf(checked.model),
    messages,
    stream: checked.stream === true,
    ...defined({
      maxTokens: checked.max_output_tokens,
      temperature: checked.temperature,
      topP: checked.top_p,
      toolChoice: choice,
      parallelToolCalls: tools.length > 0 ? checked.parallel_tool_calls : undefined,
      responseFormat: formatOf(checked.text?.format),
      reasoning: reasoningOf(checked.reasoning),
      logprobs: logprobsOf(checked),
      metadata: checked.metadata,
      user: checked.safety_identifier ?? checked.user,
      session: sessionOf(head, checked.prompt_cache_key),
    }),
    ...(tools.length > 0 && { tools }),
    ...(needs.length > 0 && { needs }),
    ...(Object.keys(extra).length > 0 && { extra }),
    client: passable(clientOf(head, passedHeaders), checked),
    caching: cachingOf(head),
  }
  return rememberBody(request, checked)
}

function modelOf(model: string | null | undefined): string {
  return model === null || model === undefined || model === 'hybrid/auto' ? 'auto' : model
}

/** A conversation may have been with another vendor's model before: OpenAI refuses thoughts that it did not encrypt. */
function passable(client: ClientRequest, body: ResponsesBody): ClientRequest {
  if (!Array.isArray(body.input) || !body.input.some(isSealedHere)) return client
  const { input } = parseExactly(client.body) as { readonly input: NonNullable<typeof body.input> }
  return { ...client, body: editFields(client.body, { input: input.filter((item) => !isSealedHere(item)) }) }
}

/** What lies with OpenAI: a conversation, a template, a reply that is fetched later. */
function stateNeeds(body: ResponsesBody): readonly Need[] {
  const need = (field: string, advice: string): Need => ({ capability: 'native', field, weight: 'must', advice })
  const { previous_response_id: previous, conversation, prompt, background } = body
  return [
    ...(typeof previous === 'string' ? [need('previous_response_id', keepsNothing)] : []),
    ...(conversation !== null && conversation !== undefined ? [need('conversation', keepsNothing)] : []),
    ...(prompt !== null && prompt !== undefined
      ? [need('prompt', 'send its text as instructions and input: this gateway keeps no templates')]
      : []),
    ...(background === true ? [need('background', 'leave it out, or stream: this gateway keeps nothing')] : []),
  ]
}

function conversationOf(
  body: ResponsesBody,
  { head, needs }: { readonly head: RequestHead; readonly needs: Need[] },
): readonly Message[] {
  const { input, instructions } = body
  const system = typeof instructions === 'string' && instructions !== '' ? [textMessage('system', instructions)] : []
  if (typeof instructions === 'string') checkLength(instructions, 'instructions', head)
  if (typeof input === 'string') checkLength(input, 'input', head)
  // The items of a whole conversation may be many: what they ask for alike is told once.
  const asked: Need[] = []
  const said =
    typeof input === 'string' ? [textMessage('user', input)] : messagesOf(input ?? [], { head, needs: asked })
  needs.push(...distinct(asked))

  if (said.some(saysSomething)) return [...system, ...said]
  if (!needs.some(({ weight }) => weight === 'must')) {
    throw new GatewayError('invalid_request', "'input' holds nothing: write what the model shall answer", {
      field: 'input',
    })
  }
  return [...system, ...said, { role: 'user', content: [{ type: 'opaque', kind: 'prompt' }] }]
}

function saysSomething({ role, content }: Message): boolean {
  return role !== 'system' && content.some((part) => part.type !== 'text' || part.text.trim() !== '')
}

function distinct(needs: readonly Need[]): readonly Need[] {
  const first = new Map<string, Need>()
  for (const need of needs) {
    const key = `${need.weight} ${need.advice ?? ''}`
    if (!first.has(key)) first.set(key, need)
  }
  return [...first.values()]
}

/** Tools of the request, and those that a developer's item added to the conversation later. */
function offersOf({ tools, input }: ResponsesBody): readonly OfferedTool[] {
  const items = Array.isArray(input) ? input : []
  const added = items.flatMap((item, index) => {
    if (item.type !== 'additional_tools') return []
    const at = ['input', index, 'tools']
    return offeredTools(checkAt(toolsField, item.tools, at), at)
  })
  return [...offeredTools(tools ?? [], ['tools']), ...added]
}

function formatOf(format: NonNullable<ResponsesBody['text']>['format']): ResponseFormat | undefined {
  switch (format?.type) {
    case undefined:
    case 'text':
      return undefined
    case 'json_object':
      return { type: 'json' }
    case 'json_schema': {
      const { name, schema, description, strict } = format
      if (schema === null || schema === undefined) {
        const field = 'text.format.schema'
        throw new GatewayError('invalid_request', `${field}: is missing: send the JSON schema of the reply`, { field })
      }
      return { type: 'json-schema', name: name ?? 'reply', schema, ...defined({ description, strict }) }
    }
    default: {
      const field = 'text.format.type'
      throw new GatewayError('invalid_request', `${field}: must be text, json_object or json_schema`, { field })
    }
  }
}

const efforts: readonly ReasoningEffort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

/** Efforts that are not known here mean something to the vendor: for other models it is thinking as usual. */
function reasoningOf(reasoning: ResponsesBody['reasoning']): ReasoningWish | undefined {
  if (reasoning === null || reasoning === undefined) return undefined
  const { effort, summary } = reasoning
  const known = efforts.find((name) => name === effort)
  if (known !== undefined) return { enabled: known !== 'none', effort: known }
  return typeof effort === 'string' || (typeof summary === 'string' && summary !== 'none')
    ? { enabled: true }
    : undefined
}

function logprobsOf({ include, top_logprobs: top }: ResponsesBody): ChatRequest['logprobs'] {
  const asked = include?.includes('message.output_text.logprobs') === true
  return asked || (top ?? 0) > 0 ? { top: top ?? 0 } : undefined
}

/** What says no more than the default does is left out: nobody needs to hear that it is lost. */
function extraOf(body: ResponsesBody): Readonly<Record<string, unknown>> {
  const { text, truncation, service_tier: tier } = body
  return {
    ...defined(unknownFields(body, understood)),
    ...(typeof text?.verbosity === 'string' && text.verbosity !== 'medium' && { verbosity: text.verbosity }),
    ...(typeof truncation === 'string' && truncation !== 'disabled' && { truncation }),
    ...(typeof tier === 'string' && tier !== 'auto' && tier !== 'default' && { service_tier: tier }),
  }
}
