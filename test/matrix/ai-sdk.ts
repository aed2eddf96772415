import {
  APICallError,
  embedMany,
  generateText,
  jsonSchema,
  type LanguageModel,
  Output,
  stepCountIs,
  streamText,
  tool,
} from 'ai'
import {
  answerSchema,
  type Driver,
  mostTurns,
  type Place,
  pixel,
  type Refusal,
  weather,
  weatherSchema,
} from './driver.ts'

type EmbeddingModel = Parameters<typeof embedMany>[0]['model']

interface Models {
  readonly chat: LanguageModel
  readonly vectors?: EmbeddingModel
}

export const aiSdkErrors = {
  model: ['AI_APICallError', 422],
  field: ['AI_APICallError', 400],
  key: ['AI_APICallError', 401],
} as const

export function aiSdkRefusal(error: unknown): Refusal | undefined {
  if (!APICallError.isInstance(error)) return undefined
  // What the server said is in the body, where the package does not know the error's shape.
  return { error: error.name, status: error.statusCode, message: `${error.message} ${error.responseBody ?? ''}` }
}

const description = {
  description: weather.description,
  inputSchema: jsonSchema<{ city: string }>(weatherSchema as never),
}
const offered = { weather: tool(description) }
const runnable = { weather: tool({ ...description, execute: async () => weather.result }) }

/** What all providers of the AI SDK have in common. */
export function aiSdkDriver({ chat, vectors }: Models, { maxTokens, firstChoice }: Place): Driver {
  const usual = { model: chat, maxRetries: 0, maxOutputTokens: maxTokens }

  return {
    plain: async (prompt) => (await generateText({ ...usual, prompt })).text,
    async stream(prompt) {
      let failure: unknown
      const onError = ({ error }: { error: unknown }) => {
        failure = error
      }
      const pieces = await Array.fromAsync(streamText({ ...usual, prompt, onError }).textStream)
      if (failure !== undefined) throw failure
      return pieces
    },
    async tools(prompt) {
      const { toolCalls } = await generateText({ ...usual, prompt, tools: offered, toolChoice: 'required' })
      return toolCalls.map(({ toolName, input }) => ({ name: toolName, arguments: input }))
    },
    async toolLoop(prompt) {
      const { text, steps } = await generateText({
        ...usual,
        prompt,
        tools: runnable,
        stopWhen: stepCountIs(mostTurns),
        prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? firstChoice : 'auto' }),
      })
      const calls = steps.flatMap(({ toolCalls }) => toolCalls)
      return { calls: calls.map(({ toolName, input }) => ({ name: toolName, arguments: input })), text }
    },
    async jsonSchema(prompt) {
      const output = Output.object({ schema: jsonSchema(answerSchema as never) })
      return (await generateText({ ...usual, prompt, output })).output
    },
    async image(text) {
      const file = { type: 'file' as const, mediaType: 'image/png', data: Buffer.from(pixel, 'base64') }
      return (await generateText({ ...usual, messages: [{ role: 'user', content: [{ type: 'text', text }, file] }] }))
        .text
    },
    ...(vectors !== undefined && {
      embeddings: async (values) =>
        (await embedMany({ model: vectors, values: [...values], maxRetries: 0 })).embeddings,
    }),
    badField: (prompt) => generateText({ ...usual, prompt, topP: 5 }),
    async abortStream(prompt) {
      const stop = new AbortController()
      const { textStream } = streamText({ ...usual, prompt, abortSignal: stop.signal, onError: () => {} })
      for await (const _piece of textStream) stop.abort()
    },
    abortWhole: (prompt, abortSignal) => generateText({ ...usual, prompt, abortSignal }),
  }
}
