import OpenAI from 'openai'
import {
  answerSchema,
  type Call,
  type Client,
  type Driver,
  mostTurns,
  type Place,
  parsed,
  pixel,
  refusalWithStatus,
  weather,
  weatherSchema,
} from './driver.ts'
import { npmVersion } from './versions.ts'

type Messages = OpenAI.ChatCompletionMessageParam[]

const tools = [
  {
    type: 'function' as const,
    function: { name: weather.name, description: weather.description, parameters: weatherSchema, strict: true },
  },
]

export const openaiErrors = {
  model: ['UnprocessableEntityError', 422],
  field: ['BadRequestError', 400],
  key: ['AuthenticationError', 401],
} as const

export function openaiClient({ url, key, headers }: Place): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, defaultHeaders: headers })
}

export const openai: Client = {
  name: '`openai`, chat completions',
  version: npmVersion('openai'),
  code: "new OpenAI({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: KEY })",
  errors: openaiErrors,
  refusalOf: refusalWithStatus,
  open,
}

function open(place: Place): Driver {
  const client = openaiClient(place)
  const asking = (text: string) => ({
    model: place.model,
    max_tokens: place.maxTokens,
    messages: [{ role: 'user', content: text }] as Messages,
  })
  const textOf = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content ?? ''

  return {
    plain: async (text) => textOf(await client.chat.completions.create(asking(text))),
    async stream(text) {
      const chunks = await Array.fromAsync(await client.chat.completions.create({ ...asking(text), stream: true }))
      return chunks.flatMap(({ choices }) => choices[0]?.delta.content || [])
    },
    async tools(text) {
      const completion = await client.chat.completions
        .stream({ ...asking(text), tools, tool_choice: 'required' })
        .finalChatCompletion()
      return callsOf(completion).map(({ call }) => call)
    },
    async toolLoop(text) {
      const { messages, ...body } = asking(text)
      const calls: Call[] = []
      for (let turn = 0; turn < mostTurns; turn++) {
        const choice = turn === 0 ? place.firstChoice : 'auto'
        const completion = await client.chat.completions.create({ ...body, messages, tools, tool_choice: choice })
        const made = callsOf(completion)
        const message = completion.choices[0]?.message
        if (made.length === 0 || message === undefined) return { calls, text: textOf(completion) }
        messages.push(message)
        for (const { id, call } of made) {
          calls.push(call)
          messages.push({ role: 'tool', tool_call_id: id, content: weather.result })
        }
      }
      return { calls, text: '' }
    },
    async jsonSchema(text) {
      const format = {
        type: 'json_schema' as const,
        json_schema: { name: 'answer', schema: answerSchema, strict: true },
      }
      const { choices } = await client.chat.completions.parse({ ...asking(text), response_format: format })
      return choices[0]?.message.parsed
    },
    async image(text) {
      const url = `data:image/png;base64,${pixel}`
      const content = [
        { type: 'text' as const, text },
        { type: 'image_url' as const, image_url: { url } },
      ]
      return textOf(await client.chat.completions.create({ ...asking(text), messages: [{ role: 'user', content }] }))
    },
    async embeddings(texts) {
      const { data } = await client.embeddings.create({ model: place.model, input: [...texts] })
      return data.map(({ embedding }) => embedding)
    },
    badField: (text) => client.chat.completions.create({ ...asking(text), top_p: 5 }),
    async abortStream(text) {
      const stream = await client.chat.completions.create({ ...asking(text), stream: true })
      for await (const _chunk of stream) stream.controller.abort()
    },
    abortWhole: (text, signal) => client.chat.completions.create(asking(text), { signal }),
  }
}

function callsOf({ choices }: OpenAI.ChatCompletion) {
  const calls = choices[0]?.message.tool_calls ?? []
  return calls.flatMap((call) =>
    call.type === 'function'
      ? [{ id: call.id, call: { name: call.function.name, arguments: parsed(call.function.arguments) } }]
      : [],
  )
}
