import { z } from 'zod'
import { anyObject, blocks, byType, checked, rule, systemBlocks, textValue } from './blocks.ts'

const flag = z.boolean({ error: 'must be true or false' }).nullish()
const fraction = z
  .number({ error: 'must be a number from 0 to 1' })
  .min(0, 'must be a number from 0 to 1')
  .max(1, 'must be a number from 0 to 1')
  .nullish()

const message = z.looseObject({
  role: z.enum(['user', 'assistant', 'system'], { error: 'must be user, assistant or system' }),
  // Newer system messages may hold settings alone; `readTurns` asks it of the others.
  content: blocks.optional(),
})

const customTool = z.looseObject({
  type: z.literal('custom').nullish(),
  name: textValue.min(1, 'is empty: name the tool'),
  description: textValue.nullish(),
  input_schema: anyObject.refine(({ type }) => type === undefined || type === 'object', {
    error: 'must be the schema of an object',
  }),
  strict: flag,
})

/** A tool without a type, or of the type `custom`, is the caller's own; every other one is known by its type. */
const tool = z
  .looseObject({ type: z.string({ error: 'must be a string' }).nullish() })
  .meta({ allOf: [rule({ enum: ['custom', null] }, customTool)] })
  .transform((value, context) => {
    const { type } = value
    if (type === undefined || type === null || type === 'custom') {
      return { kind: 'custom' as const, custom: checked(customTool, value, context) }
    }
    return { kind: 'hosted' as const, type }
  })

const onlyOne = { disable_parallel_tool_use: flag }

const toolChoice = byType({
  auto: z.looseObject({ type: z.literal('auto'), ...onlyOne }),
  any: z.looseObject({ type: z.literal('any'), ...onlyOne }),
  none: z.looseObject({ type: z.literal('none') }),
  tool: z.looseObject({ type: z.literal('tool'), name: textValue.min(1, 'is empty'), ...onlyOne }),
})

const display = z.string().nullish()

const thinking = byType({
  enabled: z.looseObject({
    type: z.literal('enabled'),
    // The API wants 1,024 at least, which clients do not always give; a model that minds can be asked for more.
    budget_tokens: z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1'),
    display,
  }),
  adaptive: z.looseObject({ type: z.literal('adaptive'), display }),
  between_tools: z.looseObject({ type: z.literal('between_tools'), display }),
  disabled: z.looseObject({ type: z.literal('disabled') }),
})

const outputFormat = byType({ json_schema: z.looseObject({ type: z.literal('json_schema'), schema: anyObject }) })

const thread = byType({
  create: z.looseObject({ type: z.literal('create') }),
  continue: z.looseObject({ type: z.literal('continue'), previous_message_id: textValue }),
})

const limit = z.int({ error: 'is missing or no whole number: write how many tokens the reply may have' })

export const messagesBody = z
  .looseObject({
    model: z
      .string({ error: 'is missing: write a configured model, or auto' })
      .min(1, 'is empty: write a model, or auto')
      .meta({ examples: ['auto'] }),
    messages: z
      .array(message, { error: 'must be an array of messages' })
      .meta({ examples: [[{ role: 'user', content: 'What is the capital of France?' }]] }),
    max_tokens: limit
      .min(0, 'must not be negative')
      .describe('Longest reply, in tokens. 0 fills the prompt cache of Anthropic’s models, and is for those alone.')
      .meta({ examples: [1024] }),
    system: systemBlocks.nullish(),
    tools: z.array(tool, { error: 'must be an array of tools' }).nullish(),
    tool_choice: toolChoice.nullish(),
    thinking: thinking.nullish(),
    output_config: z
      .looseObject({ effort: z.string({ error: 'must be a string' }).nullish(), format: outputFormat.nullish() })
      .nullish(),
    output_format: outputFormat.nullish().describe('The older place of `output_config.format`.'),
    thread: thread.nullish().describe('A conversation that Anthropic holds.'),
    stop_sequences: z.array(z.string(), { error: 'must be an array of strings' }).nullish(),
    stream: flag,
    temperature: fraction,
    top_p: fraction,
    top_k: z.int({ error: 'must be a whole number' }).min(0, 'must not be negative').nullish(),
    metadata: z.looseObject({ user_id: z.string({ error: 'must be a string' }).nullish() }).nullish(),
  })
  .meta({ id: 'AnthropicMessagesRequest' })

/** Everything that has to do with the reply is of no matter where only the prompt is counted. */
export const countBody = messagesBody.partial({ max_tokens: true }).meta({ id: 'AnthropicCountTokensRequest' })

export type MessagesBody = z.infer<typeof countBody>

const usageReply = z.looseObject({
  input_tokens: z.int(),
  cache_creation_input_tokens: z.int(),
  cache_read_input_tokens: z.int(),
  cache_creation: z.object({ ephemeral_5m_input_tokens: z.int(), ephemeral_1h_input_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ thinking_tokens: z.int() }),
  server_tool_use: z.null(),
  service_tier: z.null(),
  inference_geo: z.null(),
  speed: z.null(),
})

export const messagesReply = z
  .looseObject({
    id: z.string(),
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: z.string(),
    content: z.array(z.looseObject({ type: z.string() })),
    stop_reason: z.string(),
    stop_sequence: z.string().nullable(),
    stop_details: z.looseObject({ type: z.literal('refusal') }).nullable(),
    container: z.null(),
    diagnostics: z.null(),
    usage: usageReply,
  })
  .meta({ id: 'AnthropicMessagesReply' })

export const countReply = z.object({ input_tokens: z.int() }).meta({ id: 'AnthropicTokenCount' })
