import { z } from 'zod'
import type { ChatRequest } from '../core/request.ts'

const text = z.string({ error: 'must be a string' })
const flag = z.boolean({ error: 'must be true or false' })
const labels = z.record(z.string(), z.unknown(), { error: 'must be an object' })
const count = (least: number) => {
  const error = `must be a whole number, at least ${least}`
  return z.int({ error }).min(least, error)
}
const bounded = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`
  return z.number({ error }).min(least, error).max(most, error)
}

/** An entry of `input`; `openai-responses-input.ts` looks into those that it knows. */
const item = z.looseObject({ type: z.string().nullish() })

/** An entry of `tools`; `openai-responses-tools.ts` looks into those that it knows. */
const tool = z.looseObject(
  { type: z.string({ error: 'must be a string, as function or custom' }) },
  { error: 'must be an object' },
)

export const toolsField = z.array(tool, { error: 'must be an array of tools' })

/** Of the reply; what is missing in it is told by name when it is read. */
const format = z.looseObject(
  {
    type: z.string({ error: 'must be text, json_object or json_schema' }),
    name: text.nullish(),
    description: text.nullish(),
    schema: labels.nullish(),
    strict: flag.nullish(),
  },
  { error: 'must be an object with a type' },
)

export const responsesBody = z.looseObject({
  model: z
    .string({ error: 'must be a string: a configured model, or auto' })
    .min(1, 'is empty: write a model, or auto')
    .nullish()
    .meta({ examples: ['auto'] }),
  input: z
    .union([z.string(), z.array(item)], { error: 'must be a string or an array of items' })
    .nullish()
    .describe('The prompt, or the whole conversation as items: nothing of earlier requests is kept here.')
    .meta({ examples: ['What is the capital of France?'] }),
  instructions: text.nullish().describe('System prompt.'),
  stream: flag.nullish(),
  stream_options: labels.nullish(),
  store: flag.nullish().describe('Nothing is stored, whatever it says.'),
  background: flag.nullish(),
  previous_response_id: text.nullish(),
  conversation: z.union([z.string(), labels], { error: 'must be a string or an object' }).nullish(),
  prompt: labels.nullish(),
  tools: toolsField.nullish(),
  tool_choice: z
    .union([z.string(), tool], { error: 'must be auto, none, required or an object with a type' })
    .nullish(),
  parallel_tool_calls: flag.nullish(),
  text: z
    .looseObject({ format: format.nullish(), verbosity: text.nullish() }, { error: 'must be an object' })
    .nullish(),
  reasoning: z
    .looseObject({ effort: text.nullish(), summary: text.nullish() }, { error: 'must be an object' })
    .nullish(),
  max_output_tokens: count(1).nullish(),
  max_tool_calls: count(0).nullish(),
  temperature: bounded(0, 2).nullish(),
  top_p: bounded(0, 1).nullish(),
  top_logprobs: count(0).max(20, 'must be at most 20').nullish(),
  include: z.array(text, { error: 'must be an array of strings' }).nullish(),
  metadata: labels.nullish().describe('Your own labels; not sent to any model.'),
  prompt_cache_key: text.nullish().describe('Names the conversation.'),
  safety_identifier: text.nullish(),
  user: text.nullish(),
  truncation: text.nullish(),
  service_tier: text.nullish(),
})

export type ResponsesBody = z.infer<typeof responsesBody>
export type ResponsesItem = z.infer<typeof item>
export type ResponsesTool = z.infer<typeof tool>

/** A reply repeats much of its request, and the bodies of coding agents are large: each is parsed once. */
const bodies = new WeakMap<ChatRequest, ResponsesBody>()

export function rememberBody(request: ChatRequest, body: ResponsesBody): ChatRequest {
  bodies.set(request, body)
  return request
}

/** The body that `request` came from. */
export function bodyOf(request: ChatRequest): ResponsesBody {
  return bodies.get(request) ?? responsesBody.parse(JSON.parse(request.client?.body ?? '{}'))
}
