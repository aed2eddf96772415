import { type Message, Ollama, type Tool } from 'ollama'
import {
  answerSchema,
  type Call,
  type Client,
  type Driver,
  mostTurns,
  type Place,
  parsed,
  pixel,
  type Refusal,
  weather,
  weatherSchema,
} from './driver.ts'
import { npmVersion } from './versions.ts'

const parameters = {
  ...weatherSchema,
  required: [...weatherSchema.required],
  properties: { city: { type: 'string', enum: [...weatherSchema.properties.city.enum] } },
}
const tools: Tool[] = [
  { type: 'function', function: { name: weather.name, description: weather.description, parameters } },
]

/**
 * This API cannot insist on a call: earlier ones show a small model how it is done. With five of them SmolLM2 is sure
 * (19 to 1), with one it is not.
 */
export const earlierCalls: readonly Message[] = ['Rome', 'Paris', 'Rome', 'Paris', 'Rome'].flatMap((city) => [
  { role: 'user', content: `Please call ${weather.name} for ${city}.` },
  { role: 'assistant', content: '', tool_calls: [{ function: { name: weather.name, arguments: { city } } }] },
  { role: 'tool', tool_name: weather.name, content: weather.result },
  { role: 'assistant', content: `It is sunny in ${city}.` },
])

export const ollama: Client = {
  name: '`ollama`',
  version: npmVersion('ollama'),
  code: "new Ollama({ host: 'http://127.0.0.1:8080', headers: { authorization: 'Bearer ' + KEY } })",
  errors: { model: ['ResponseError', 404], field: ['ResponseError', 400], key: ['ResponseError', 401] },
  refusalOf,
  open,
}

/** The package names its error class, and does not export it. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('status_code' in error)) return undefined
  return { error: error.name, status: Number(error.status_code), message: error.message }
}

function open({ url, key, headers, model, maxTokens }: Place): Driver {
  const clientWith = (signal?: AbortSignal) =>
    new Ollama({
      host: url,
      headers: { ...headers, authorization: `Bearer ${key}` },
      // Only streams can be aborted by the package itself.
      ...(signal !== undefined && { fetch: (input, init) => fetch(input, { ...init, signal }) }),
    })
  const client = clientWith()
  const asking = (text: string) => ({
    model,
    messages: [{ role: 'user', content: text }] as Message[],
    options: { num_predict: maxTokens },
  })
  const textOf = ({ message }: { message: Message }) => message.content

  return {
    plain: async (text) => textOf(await client.chat(asking(text))),
    async stream(text) {
      const parts = await Array.fromAsync(await client.chat({ ...asking(text), stream: true }))
      return parts.map(textOf).filter((piece) => piece !== '')
    },
    async tools(text) {
      const { messages, ...body } = asking(text)
      const stream = await client.chat({ ...body, messages: [...earlierCalls, ...messages], tools, stream: true })
      return (await Array.fromAsync(stream)).flatMap(({ message }) => callsOf(message))
    },
    async toolLoop(text) {
      const { messages, ...body } = asking(text)
      const history = [...earlierCalls, ...messages]
      const calls: Call[] = []
      for (let turn = 0; turn < mostTurns; turn++) {
        const { message } = await client.chat({ ...body, messages: history, tools })
        const made = callsOf(message)
        if (made.length === 0) return { calls, text: message.content }
        history.push(message)
        for (const call of made) {
          calls.push(call)
          history.push({ role: 'tool', tool_name: call.name, content: weather.result })
        }
      }
      return { calls, text: '' }
    },
    jsonSchema: async (text) => parsed(textOf(await client.chat({ ...asking(text), format: answerSchema }))),
    async image(text) {
      const messages = [{ role: 'user', content: text, images: [pixel] }]
      return textOf(await client.chat({ ...asking(text), messages }))
    },
    embeddings: async (texts) => (await client.embed({ model, input: [...texts] })).embeddings,
    badField: (text) => client.chat({ ...asking(text), options: { temperature: 'hot' as never } }),
    async abortStream(text) {
      const stream = await client.chat({ ...asking(text), stream: true })
      for await (const _part of stream) stream.abort()
    },
    abortWhole: (text, signal) => clientWith(signal).chat(asking(text)),
  }
}

function callsOf({ tool_calls: calls = [] }: Message): readonly Call[] {
  return calls.map(({ function: { name, arguments: given } }) => ({ name, arguments: given }))
}
