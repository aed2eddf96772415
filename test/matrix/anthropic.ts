import Anthropic from '@anthropic-ai/sdk'
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

const tools = [{ name: weather.name, description: weather.description, input_schema: inputSchema() }]

export const anthropicErrors = {
  model: ['NotFoundError', 404],
  field: ['BadRequestError', 400],
  key: ['AuthenticationError', 401],
} as const

export const anthropic: Client = {
  name: '`@anthropic-ai/sdk`',
  version: npmVersion('@anthropic-ai/sdk'),
  code: "new Anthropic({ baseURL: 'http://127.0.0.1:8080', apiKey: KEY })",
  errors: anthropicErrors,
  refusalOf: refusalWithStatus,
  open,
}

/** The package knows the field no more, and programs of before send it. */
const outOfRange = { top_p: 5 }

/** The package's types want lists that can be written to. */
export function inputSchema() {
  return { ...weatherSchema, required: [...weatherSchema.required] }
}

function open({ url, key, headers, model, maxTokens, firstChoice }: Place): Driver {
  const { messages } = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, defaultHeaders: headers })
  const asking = (content: Anthropic.MessageParam['content']) => ({
    model,
    max_tokens: maxTokens,
    messages: [{ role: 'user', content }] as Anthropic.MessageParam[],
  })

  return {
    plain: async (text) => textOf(await messages.create(asking(text))),
    async stream(text) {
      const pieces: string[] = []
      await messages
        .stream(asking(text))
        .on('text', (piece) => pieces.push(piece))
        .done()
      return pieces
    },
    async tools(text) {
      const body = { ...asking(text), tools, tool_choice: { type: 'any' as const } }
      return callsOf(await messages.stream(body).finalMessage()).map(({ call }) => call)
    },
    async toolLoop(text) {
      const body = asking(text)
      const calls: Call[] = []
      for (let turn = 0; turn < mostTurns; turn++) {
        const type = turn === 0 && firstChoice === 'required' ? 'any' : 'auto'
        const message = await messages.create({ ...body, tools, tool_choice: { type } })
        const made = callsOf(message)
        if (made.length === 0) return { calls, text: textOf(message) }
        calls.push(...made.map(({ call }) => call))
        const results = made.map(({ id }) => ({
          type: 'tool_result' as const,
          tool_use_id: id,
          content: weather.result,
        }))
        body.messages.push({ role: 'assistant', content: message.content }, { role: 'user', content: results })
      }
      return { calls, text: '' }
    },
    async jsonSchema(text) {
      const format = { type: 'json_schema' as const, schema: { ...answerSchema } }
      return parsed(textOf(await messages.create({ ...asking(text), output_config: { format } })))
    },
    async image(text) {
      const source = { type: 'base64' as const, media_type: 'image/png' as const, data: pixel }
      const message = await messages.create(
        asking([
          { type: 'image', source },
          { type: 'text', text },
        ]),
      )
      return textOf(message)
    },
    badField: (text) => messages.create({ ...asking(text), ...outOfRange }),
    abortStream(text) {
      const stream = messages.stream(asking(text))
      stream.on('text', () => stream.abort())
      return stream.done()
    },
    abortWhole: (text, signal) => messages.create(asking(text), { signal }),
  }
}

function textOf({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('')
}

function callsOf({ content }: Anthropic.Message) {
  return content.flatMap((block) =>
    block.type === 'tool_use' ? [{ id: block.id, call: { name: block.name, arguments: block.input } }] : [],
  )
}
