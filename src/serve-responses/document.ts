import { z } from 'zod'
import { responsesBody } from './body.ts'
import { partSchemas, textParts } from './content.ts'
import { itemSchemas } from './input.ts'
import { choiceSchemas, toolSchemas } from './tools.ts'

/**
 * The request for the OpenAPI document. The server looks into parts, items and tools one by one, so that an error names
 * the one and not the whole; here they stand together. What `meta` adds is what is checked beyond the schemas.
 */
const visible = { type: 'string', pattern: String.raw`\S` }

const mediaUrl = z.string().regex(/^([hH][tT][tT][pP][sS]?:\/\/|data:[^,]*;base64,)/)
const oneOfThem = (...names: readonly string[]) => ({ anyOf: names.map((name) => ({ required: [name] })) })
const others = (known: readonly string[]) => z.string().meta({ not: { enum: known } })

const part = z.union([
  partSchemas.text.extend({ type: z.enum(textParts) }),
  partSchemas.refusal.extend({ type: z.literal('refusal') }),
  partSchemas.image
    .extend({ type: z.literal('input_image'), image_url: mediaUrl.nullish() })
    .meta(oneOfThem('image_url', 'file_id')),
  partSchemas.file
    .extend({ type: z.literal('input_file'), file_url: mediaUrl.nullish() })
    .meta(oneOfThem('file_data', 'file_url', 'file_id')),
  partSchemas.audio.extend({ type: z.literal('input_audio') }),
  z.looseObject({ type: others([...textParts, 'refusal', 'input_image', 'input_file', 'input_audio']) }),
])
const content = z.union([z.string(), z.array(part)])

const item = z.union([
  itemSchemas.message.extend({ type: z.literal('message').nullish(), content }),
  itemSchemas.functionCall.extend({ type: z.literal('function_call') }),
  itemSchemas.customCall.extend({ type: z.literal('custom_tool_call') }),
  itemSchemas.callOutput.extend({
    type: z.enum(['function_call_output', 'custom_tool_call_output']),
    output: content,
  }),
  itemSchemas.reasoning.extend({ type: z.literal('reasoning') }),
  z.looseObject({
    type: others([
      'message',
      'function_call',
      'custom_tool_call',
      'function_call_output',
      'custom_tool_call_output',
      'reasoning',
    ]),
  }),
  z.looseObject({ type: z.null().optional(), id: z.string() }).meta({ not: { required: ['role'] } }),
])

/** At least one item says something, beside the system's. */
const saysSomething = {
  anyOf: [
    { not: { required: ['role'] } },
    {
      properties: {
        role: { not: { enum: ['system', 'developer'] } },
        content: {
          anyOf: [
            visible,
            {
              type: 'array',
              contains: { anyOf: [{ not: { required: ['text'] } }, { properties: { text: visible } }] },
            },
          ],
        },
      },
    },
  ],
}

const tool = z.union([
  toolSchemas.function.extend({ type: z.literal('function') }),
  toolSchemas.custom.extend({ type: z.literal('custom') }),
  toolSchemas.namespace.extend({ type: z.literal('namespace') }),
  z.looseObject({ type: others(['function', 'custom', 'namespace']) }),
])

const choice = z.union([
  z.enum(['auto', 'none', 'required']),
  choiceSchemas.named.extend({ type: z.enum(['function', 'custom']) }),
  choiceSchemas.allowed.extend({ type: z.literal('allowed_tools') }),
  z.looseObject({ type: others(['function', 'custom', 'allowed_tools']) }),
])

const format = z.union([
  z.looseObject({ type: z.enum(['text', 'json_object']) }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string().nullish(),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
])

export const documentedResponses = responsesBody
  .extend({
    input: z
      .union([z.string().meta(visible), z.array(item).meta({ contains: saysSomething })])
      .optional()
      .describe('The prompt, or the whole conversation as items: nothing of earlier requests is kept here.')
      .meta({ examples: ['What is the capital of France?'] }),
    tools: z.array(tool).nullish(),
    tool_choice: choice.nullish(),
    text: z.looseObject({ format: format.nullish(), verbosity: z.string().nullish() }).nullish(),
  })
  .meta({ id: 'OpenAIResponsesRequest', ...oneOfThem('input', 'previous_response_id', 'conversation', 'prompt') })
