import { answerSchema, type Call, type Client, type Place, parsed, pixel, weather } from './driver.ts'
import { earlierCalls } from './ollama.ts'

/** What is asked, whatever the API. */
export interface Fields {
  readonly text: string
  readonly stream?: boolean
  /** Offers the tool. */
  readonly tools?: 'auto' | 'required'
  readonly schema?: boolean
  readonly image?: boolean
  readonly turns?: readonly Turn[]
}

/** A reply with calls, and what they resulted in. */
export interface Turn {
  readonly reply: string
  readonly results: readonly { readonly id: string; readonly name: string; readonly text: string }[]
}

/** How one API is asked, and what its answers say. */
export interface Api {
  readonly name: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The shortest body. */
  readonly example: string
  readonly errors: Client['errors']
  readonly body: (place: Place, fields: Fields) => object
  readonly text: (reply: string) => string
  readonly pieces: (stream: string) => readonly string[]
  readonly calls: (reply: string) => readonly (Call & { readonly id: string })[]
  readonly refusal: (reply: string) => { readonly error: string; readonly message: string }
  readonly embeddings?: {
    readonly path: string
    readonly body: (place: Place, texts: readonly string[]) => object
    readonly vectors: (reply: string) => readonly (readonly number[])[]
  }
  /** Fields that are out of their range. */
  readonly badField: object
}

const picture = `data:image/png;base64,${pixel}`
const hello = [{ role: 'user', content: 'Hello' }]
const functionTool = {
  type: 'function',
  function: { name: weather.name, description: weather.description, parameters: weather.schema },
}

/** The data of the events, but for the mark at the end. */
function events(stream: string) {
  const lines = stream.split('\n').filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]')
  return lines.map((line) => JSON.parse(line.slice('data: '.length)))
}

export const native: Api = {
  name: 'its own',
  path: '/api/v1/chat',
  headers: {},
  example: JSON.stringify({ prompt: 'Hello' }),
  errors: { model: ['unknown_model', 422], field: ['invalid_request', 400], key: ['unauthorized', 401] },
  body: ({ model, maxTokens }, { text, stream = false, tools, schema, image, turns = [] }) => ({
    model,
    stream,
    max_tokens: maxTokens,
    messages: [
      { role: 'user', content: text, ...(image && { images: [picture] }) },
      ...turns.flatMap(({ reply, results }) => {
        const { response, tool_calls } = JSON.parse(reply)
        return [
          { role: 'assistant', content: response, tool_calls },
          ...results.map((result) => ({ role: 'tool', tool_call_id: result.id, content: result.text })),
        ]
      }),
    ],
    ...(tools && {
      tools: [{ name: weather.name, description: weather.description, parameters: weather.schema }],
      tool_choice: tools,
    }),
    ...(schema && { json_schema: answerSchema }),
  }),
  text: (reply) => JSON.parse(reply).response,
  pieces: (stream) => events(stream).map(({ text = '' }) => text),
  calls: (reply) => JSON.parse(reply).tool_calls ?? [],
  refusal: (reply) => {
    const { error: message, code: error } = JSON.parse(reply)
    return { error, message }
  },
  badField: { temperature: 5 },
}

interface OpenaiCall {
  readonly id: string
  readonly function: { readonly name: string; readonly arguments: string }
}

export const openai: Api = {
  name: 'OpenAI’s',
  path: '/v1/chat/completions',
  headers: {},
  example: JSON.stringify({ model: 'auto', messages: hello }),
  errors: {
    model: ['unknown_model', 422],
    field: ['invalid_request', 400],
    key: ['unauthorized', 401],
  },
  body: ({ model, maxTokens }, { text, stream = false, tools, schema, image, turns = [] }) => ({
    model,
    stream,
    max_completion_tokens: maxTokens,
    messages: [
      {
        role: 'user',
        content: [{ type: 'text', text }, ...(image ? [{ type: 'image_url', image_url: { url: picture } }] : [])],
      },
      ...turns.flatMap(({ reply, results }) => [
        JSON.parse(reply).choices[0].message,
        ...results.map((result) => ({ role: 'tool', tool_call_id: result.id, content: result.text })),
      ]),
    ],
    ...(tools && { tools: [functionTool], tool_choice: tools }),
    ...(schema && {
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: answerSchema } },
    }),
  }),
  text: (reply) => JSON.parse(reply).choices[0].message.content ?? '',
  pieces: (stream) => events(stream).map(({ choices }) => choices[0]?.delta.content ?? ''),
  calls: (reply) => {
    const calls: readonly OpenaiCall[] = JSON.parse(reply).choices[0].message.tool_calls ?? []
    return calls.map(({ id, function: { name, arguments: json } }) => ({ id, name, arguments: parsed(json) }))
  },
  refusal: (reply) => {
    const { code: error, message } = JSON.parse(reply).error
    return { error, message }
  },
  embeddings: {
    path: '/v1/embeddings',
    body: ({ model }, input) => ({ model, input }),
    vectors: (reply) => JSON.parse(reply).data.map((item: { readonly embedding: readonly number[] }) => item.embedding),
  },
  badField: { temperature: 5 },
}

interface Block {
  readonly type: string
  readonly text?: string
  readonly id?: string
  readonly name?: string
  readonly input?: unknown
}

function blocksOf(reply: string): readonly Block[] {
  return JSON.parse(reply).content
}

export const anthropic: Api = {
  name: 'Anthropic’s',
  path: '/v1/messages',
  headers: { 'anthropic-version': '2023-06-01' },
  example: JSON.stringify({ model: 'auto', max_tokens: 100, messages: hello }),
  errors: {
    model: ['not_found_error', 404],
    field: ['invalid_request_error', 400],
    key: ['authentication_error', 401],
  },
  body: ({ model, maxTokens }, { text, stream = false, tools, schema, image, turns = [] }) => ({
    model,
    stream,
    max_tokens: maxTokens,
    messages: [
      {
        role: 'user',
        content: [
          ...(image ? [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }] : []),
          { type: 'text', text },
        ],
      },
      ...turns.flatMap(({ reply, results }) => [
        { role: 'assistant', content: blocksOf(reply) },
        {
          role: 'user',
          content: results.map((result) => ({ type: 'tool_result', tool_use_id: result.id, content: result.text })),
        },
      ]),
    ],
    ...(tools && {
      tools: [{ name: weather.name, description: weather.description, input_schema: weather.schema }],
      tool_choice: { type: tools === 'required' ? 'any' : 'auto' },
    }),
    ...(schema && { output_config: { format: { type: 'json_schema', schema: answerSchema } } }),
  }),
  text: (reply) =>
    blocksOf(reply)
      .map(({ text = '' }) => text)
      .join(''),
  pieces: (stream) => events(stream).map(({ delta }) => delta?.text ?? ''),
  calls: (reply) =>
    blocksOf(reply)
      .filter(({ type }) => type === 'tool_use')
      .map(({ id = '', name = '', input }) => ({ id, name, arguments: input })),
  refusal: (reply) => {
    const { type: error, message } = JSON.parse(reply).error
    return { error, message }
  },
  badField: { temperature: 5 },
}

interface OllamaCall {
  readonly id?: string
  readonly function: { readonly name: string; readonly arguments: unknown }
}

/** Knows no way to insist on a call, and no names of errors. */
export const ollama: Api = {
  name: 'Ollama’s',
  path: '/api/chat',
  headers: {},
  example: JSON.stringify({ model: 'auto', messages: hello }),
  errors: { model: ['', 404], field: ['', 400], key: ['', 401] },
  body: ({ model, maxTokens }, { text, stream = false, tools, schema, image, turns = [] }) => ({
    model,
    stream,
    options: { num_predict: maxTokens },
    messages: [
      ...(tools ? earlierCalls : []),
      { role: 'user', content: text, ...(image && { images: [pixel] }) },
      ...turns.flatMap(({ reply, results }) => [
        JSON.parse(reply).message,
        ...results.map((result) => ({ role: 'tool', tool_name: result.name, content: result.text })),
      ]),
    ],
    ...(tools && { tools: [functionTool] }),
    ...(schema && { format: answerSchema }),
  }),
  text: (reply) => JSON.parse(reply).message.content,
  pieces: (stream) =>
    stream
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).message.content),
  calls: (reply) => {
    const calls: readonly OllamaCall[] = JSON.parse(reply).message.tool_calls ?? []
    return calls.map(({ id = '', function: { name, arguments: given } }) => ({ id, name, arguments: given }))
  },
  refusal: (reply) => ({ error: '', message: JSON.parse(reply).error }),
  embeddings: {
    path: '/api/embed',
    body: ({ model }, input) => ({ model, input }),
    vectors: (reply) => JSON.parse(reply).embeddings,
  },
  badField: { options: { temperature: 'hot' } },
}
