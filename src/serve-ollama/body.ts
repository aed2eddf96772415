import { z } from 'zod'
import type { ChatRequest, Need } from '../core/request.ts'
import type { FunctionTool, HostedTool, ReasoningWish, ResponseFormat } from '../core/tools.ts'
import { cachingOf, clientOf, defined, sessionOf, unknownFields } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'

const number = z.number({ error: 'must be a number' }).nullish()
const truth = z.boolean({ error: 'must be true or false' })

const options = z.looseObject(
  {
    temperature: number,
    top_p: number,
    top_k: number,
    seed: number,
    presence_penalty: number,
    frequency_penalty: number,
    num_predict: number.describe('Longest reply, in tokens; -1 and -2 set no limit.'),
    stop: z.union([z.string(), z.array(z.string())], { error: 'must be a string or an array of them' }).nullish(),
  },
  { error: 'must be an object' },
)

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const

export const modelField = z
  .string({ error: 'is required: write a configured model, or auto' })
  .min(1, 'is required: write a configured model, or auto')
  .meta({ examples: ['auto'] })

/** What `/api/chat` and `/api/generate` have in common. */
export const commonFields = {
  model: modelField,
  stream: truth.nullish().describe('True where it is left out.'),
  format: z
    .union([z.enum(['json', '']), z.record(z.string(), z.unknown())], { error: 'must be "json" or a JSON schema' })
    .nullish(),
  options: options.nullish(),
  think: z
    .union([z.boolean(), z.enum(efforts)], { error: 'must be true, false, "low", "medium", "high" or "max"' })
    .nullish(),
  logprobs: truth.nullish(),
  top_logprobs: z
    .int({ error: 'must be a whole number from 0 to 20' })
    .min(0, 'must be a whole number from 0 to 20')
    .max(20, 'must be a whole number from 0 to 20')
    .nullish(),
}

const commonBody = z.looseObject(commonFields)

const knownOptions = Object.keys(options.shape)

/** The part of a `ChatRequest` that does not depend on what is asked. `known` are the fields that the caller reads. */
export function commonRequest(
  body: z.infer<typeof commonBody>,
  head: RequestHead,
  { dialect, known }: { readonly dialect: string; readonly known: readonly string[] },
): Omit<ChatRequest, 'messages'> {
  const { model, stream, format, think, logprobs, top_logprobs } = body
  const asked = body.options ?? {}
  const otherOptions = unknownFields(asked, knownOptions)
  const extra = {
    ...unknownFields(body, known),
    ...(Object.keys(otherOptions).length > 0 && { options: otherOptions }),
  }
  return {
    id: head.requestId,
    dialect,
    model,
    stream: stream !== false,
    ...defined({
      maxTokens: positive(asked.num_predict),
      temperature: asked.temperature,
      topP: asked.top_p,
      topK: positive(asked.top_k),
      seed: whole(asked.seed),
      presencePenalty: asked.presence_penalty,
      frequencyPenalty: asked.frequency_penalty,
      stop: stopOf(asked.stop),
      responseFormat: formatOf(format),
      reasoning: reasoningOf(think),
      logprobs: logprobs === true ? { top: top_logprobs ?? 0 } : undefined,
      session: sessionOf(head),
    }),
    ...(Object.keys(extra).length > 0 && { extra }),
    client: clientOf(head, []),
    caching: cachingOf(head),
  }
}

/** Ollama cuts fractions off. */
function whole(value: number | null | undefined): number | undefined {
  return typeof value === 'number' ? Math.trunc(value) : undefined
}

/** For Ollama, zero and less is no limit. */
function positive(value: number | null | undefined): number | undefined {
  const limit = whole(value)
  return limit !== undefined && limit > 0 ? limit : undefined
}

function stopOf(stop: string | readonly string[] | null | undefined): readonly string[] | undefined {
  const given = [stop ?? []].flat().filter((sequence) => sequence !== '')
  return given.length === 0 ? undefined : given
}

function formatOf(format: z.infer<typeof commonBody>['format']): ResponseFormat | undefined {
  if (format === null || format === undefined || format === '') return undefined
  return format === 'json' ? { type: 'json' } : { type: 'json-schema', name: 'reply', schema: format }
}

function reasoningOf(think: z.infer<typeof commonBody>['think']): ReasoningWish | undefined {
  if (think === null || think === undefined) return undefined
  return typeof think === 'boolean' ? { enabled: think } : { enabled: think !== 'none', effort: think }
}

const text = z.string({ error: 'must be a string' })

export const toolsField = z
  .array(
    z.looseObject(
      {
        type: text.nullish(),
        function: z
          .looseObject({
            name: z.string({ error: 'is missing' }).min(1, 'is empty'),
            description: text.nullish(),
            parameters: z.record(z.string(), z.unknown(), { error: 'must be a JSON schema' }).nullish(),
          })
          .nullish(),
      },
      { error: 'must be an object' },
    ),
    { error: 'must be an array of tools' },
  )
  .nullish()

/** Functions, and what this dialect may have beside them some day: only Ollama itself would know what to do with it. */
export function toolsOf(tools: z.infer<typeof toolsField>): {
  readonly tools: readonly (FunctionTool | HostedTool)[]
  readonly needs: readonly Need[]
} {
  const given = (tools ?? []).map(({ type, function: described }): FunctionTool | HostedTool => {
    if (described === null || described === undefined) return { type: 'hosted', name: type ?? 'tool' }
    const { name, description, parameters } = described
    const schema = parameters ?? { type: 'object', properties: {} }
    return { type: 'function', name, ...(description && { description }), parameters: schema }
  })
  const needs = given.flatMap(({ type }, index): Need[] =>
    type === 'hosted' ? [{ capability: 'native', field: `tools[${index}]`, weight: 'prefer' }] : [],
  )
  return { tools: given, needs }
}
