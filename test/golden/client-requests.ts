import { printRequest } from './golden-file.ts'
import {
  bogota,
  image,
  imageUrl,
  parameters,
  paris,
  person,
  picture,
  question,
  schema,
  system,
  tool,
} from './material.ts'
import type { CaseName } from './reply.ts'

export interface ClientRequestText {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

type Requests = Readonly<Partial<Record<CaseName, ClientRequestText>>>

/** As a section of a file. The id is set, as a client may, so that it is the same each time. */
export function requestText({ path, headers, body }: ClientRequestText): string {
  const all = { 'content-type': 'application/json', 'x-request-id': 'golden', ...headers }
  return printRequest({ method: 'POST', path, headers: all, body })
}

const hello = { role: 'user', content: 'Hello!' }
const asks = { role: 'user', content: question }
/** The requests of one dialect: what they have in common, and the fields of each case. */
function requestsTo(
  path: string,
  common: object,
  bodies: Readonly<Partial<Record<CaseName, object>>>,
  headers?: Readonly<Record<string, string>>,
): Requests {
  const entries = Object.entries(bodies).map(([name, body]) => {
    const text = JSON.stringify({ model: 'auto', ...common, ...body }, undefined, 2)
    return [name, { path, body: text, ...(headers !== undefined && { headers }) }]
  })
  return Object.fromEntries(entries)
}

const chatTools = [{ type: 'function', function: { ...tool, parameters } }]
const chatCalls = [paris, bogota].map(({ id, location }) => {
  return { id, type: 'function', function: { name: tool.name, arguments: location } }
})

const openaiChat = requestsTo(
  '/v1/chat/completions',
  {},
  {
    plain: { messages: [{ role: 'developer', content: system }, hello], max_completion_tokens: 64, temperature: 0.5 },
    'plain-stream': { messages: [hello], stream: true, stream_options: { include_usage: true } },
    tools: { messages: [asks], tools: chatTools, tool_choice: 'required' },
    'tools-stream': { messages: [asks], tools: chatTools, tool_choice: 'auto', stream: true },
    'tool-results': {
      messages: [
        asks,
        { role: 'assistant', content: null, tool_calls: chatCalls },
        ...[paris, bogota].map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
      ],
      tools: chatTools,
    },
    schema: {
      messages: [{ role: 'user', content: person }],
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } },
    },
    image: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: picture },
            { type: 'image_url', image_url: { url: imageUrl } },
          ],
        },
      ],
    },
    'thinking-stream': { messages: [hello], reasoning_effort: 'low', max_completion_tokens: 4000, stream: true },
    'length-stream': { messages: [hello], max_completion_tokens: 4, stop: ['four'], stream: true },
    error: { messages: [hello] },
    'stream-error': { messages: [hello], stream: true },
  },
)

const openaiCompletions = requestsTo(
  '/v1/completions',
  {},
  {
    plain: { prompt: 'Say hello.', max_tokens: 64, temperature: 0 },
    'plain-stream': { prompt: 'Say hello.', stream: true, stream_options: { include_usage: true } },
    'length-stream': { prompt: 'Count.', max_tokens: 4, stop: 'four', stream: true },
    error: { prompt: 'Say hello.' },
    'stream-error': { prompt: 'Say hello.', stream: true },
  },
)

const responsesTools = [{ type: 'function', ...tool, parameters, strict: true }]

const openaiResponses = requestsTo(
  '/v1/responses',
  {},
  {
    plain: { instructions: system, input: 'Hello!', max_output_tokens: 64, temperature: 0.5 },
    'plain-stream': { input: 'Hello!', stream: true },
    tools: { input: question, tools: responsesTools, tool_choice: 'required' },
    'tools-stream': { input: question, tools: responsesTools, stream: true },
    'tool-results': {
      input: [
        asks,
        ...[paris, bogota].map(({ id, location }) => {
          return { type: 'function_call', call_id: id, name: tool.name, arguments: location }
        }),
        ...[paris, bogota].map(({ id, result }) => ({ type: 'function_call_output', call_id: id, output: result })),
      ],
      tools: responsesTools,
    },
    schema: { input: person, text: { format: { type: 'json_schema', name: 'person', strict: true, schema } } },
    image: {
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: picture },
            { type: 'input_image', image_url: imageUrl },
          ],
        },
      ],
    },
    'thinking-stream': {
      input: 'Hello!',
      reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
      store: false,
      max_output_tokens: 4000,
      stream: true,
    },
    'length-stream': { input: 'Count.', max_output_tokens: 4, stream: true },
    error: { input: 'Hello!' },
    'stream-error': { input: 'Hello!', stream: true },
  },
)

const claudeTools = [{ ...tool, input_schema: parameters }]

const anthropicMessages = requestsTo(
  '/v1/messages',
  { max_tokens: 1024 },
  {
    plain: { system, messages: [hello], temperature: 0.5, stop_sequences: ['Bye'] },
    'plain-stream': { messages: [hello], stream: true },
    tools: { messages: [asks], tools: claudeTools, tool_choice: { type: 'any' } },
    'tools-stream': { messages: [asks], tools: claudeTools, stream: true },
    'tool-results': {
      system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }],
      messages: [
        asks,
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Let me see.' },
            ...[paris, bogota].map(({ id, location }) => {
              return { type: 'tool_use', id, name: tool.name, input: JSON.parse(location) }
            }),
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: paris.id, content: paris.result },
            {
              type: 'tool_result',
              tool_use_id: bogota.id,
              content: [{ type: 'text', text: bogota.result }],
              is_error: true,
            },
            { type: 'text', text: 'Be brief.' },
          ],
        },
      ],
      tools: claudeTools,
    },
    schema: {
      messages: [{ role: 'user', content: person }],
      output_config: { format: { type: 'json_schema', schema } },
    },
    image: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
            { type: 'text', text: picture },
          ],
        },
      ],
    },
    'thinking-stream': {
      max_tokens: 4000,
      messages: [hello],
      thinking: { type: 'enabled', budget_tokens: 1024 },
      stream: true,
    },
    'length-stream': { max_tokens: 4, messages: [hello], stop_sequences: ['four'], stream: true },
    error: { messages: [hello] },
    'stream-error': { messages: [hello], stream: true },
  },
  { 'anthropic-version': '2023-06-01' },
)

const ollamaCalls = [paris, bogota].map(({ location }) => {
  return { function: { name: tool.name, arguments: JSON.parse(location) } }
})

const ollamaChat = requestsTo(
  '/api/chat',
  {},
  {
    plain: {
      messages: [{ role: 'system', content: system }, hello],
      stream: false,
      options: { temperature: 0.5, num_predict: 64 },
    },
    'plain-stream': { messages: [hello] },
    tools: { messages: [asks], tools: chatTools, stream: false },
    'tools-stream': { messages: [asks], tools: chatTools },
    'tool-results': {
      messages: [
        asks,
        { role: 'assistant', content: '', tool_calls: ollamaCalls },
        ...[paris, bogota].map(({ result }) => ({ role: 'tool', tool_name: tool.name, content: result })),
      ],
      tools: chatTools,
      stream: false,
    },
    schema: { messages: [{ role: 'user', content: person }], format: schema, stream: false },
    image: { messages: [{ role: 'user', content: picture, images: [image] }], stream: false },
    'thinking-stream': { messages: [hello], think: true, options: { num_predict: 4000 } },
    'length-stream': { messages: [hello], options: { num_predict: 4, stop: ['four'] } },
    error: { messages: [hello], stream: false },
    'stream-error': { messages: [hello] },
  },
)

const ollamaGenerate = requestsTo(
  '/api/generate',
  {},
  {
    plain: { system, prompt: 'Hello!', stream: false, options: { temperature: 0.5, num_predict: 64 } },
    'plain-stream': { prompt: 'Hello!' },
    schema: { prompt: person, format: schema, stream: false },
    image: { prompt: picture, images: [image], stream: false },
    'thinking-stream': { prompt: 'Hello!', think: true, options: { num_predict: 4000 } },
    'length-stream': { prompt: 'Count.', options: { num_predict: 4, stop: ['four'] } },
    error: { prompt: 'Hello!', stream: false },
    'stream-error': { prompt: 'Hello!' },
  },
)

const nativeTools = [{ ...tool, parameters }]

const native = requestsTo(
  '/api/v1/chat',
  {},
  {
    plain: { system, prompt: 'Hello!', max_tokens: 64, temperature: 0.5 },
    'plain-stream': { prompt: 'Hello!', stream: true },
    tools: { prompt: question, tools: nativeTools, tool_choice: 'required' },
    'tools-stream': { prompt: question, tools: nativeTools, stream: true },
    'tool-results': {
      messages: [
        asks,
        {
          role: 'assistant',
          content: '',
          tool_calls: [paris, bogota].map(({ id, location }) => {
            return { id, name: tool.name, arguments: JSON.parse(location) }
          }),
        },
        ...[paris, bogota].map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
      ],
      tools: nativeTools,
    },
    schema: { prompt: person, json_schema: schema },
    image: { messages: [{ role: 'user', content: picture, images: [imageUrl] }] },
    'thinking-stream': { prompt: 'Hello!', stream: true },
    'length-stream': { prompt: 'Count.', max_tokens: 4, stream: true },
    error: { prompt: 'Hello!' },
    'stream-error': { prompt: 'Hello!', stream: true },
  },
)

/** By the dialect of the client. The completions of old, and Ollama's `generate`, have no tools. */
export const clientRequests: Readonly<Record<string, Requests>> = {
  'openai-chat': openaiChat,
  'openai-completions': openaiCompletions,
  'openai-responses': openaiResponses,
  'anthropic-messages': anthropicMessages,
  'ollama-chat': ollamaChat,
  'ollama-generate': ollamaGenerate,
  native,
}
