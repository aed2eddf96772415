import type OpenAI from 'openai'
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
import { openaiClient, openaiErrors } from './openai.ts'
import { npmVersion } from './versions.ts'

const tools = [
  {
    type: 'function' as const,
    name: weather.name,
    description: weather.description,
    parameters: { ...weatherSchema },
    strict: true,
  },
]

export const openaiResponses: Client = {
  name: '`openai`, Responses API',
  version: npmVersion('openai'),
  code: "new OpenAI({ baseURL: 'http://127.0.0.1:8080/v1', apiKey: KEY })",
  errors: openaiErrors,
  refusalOf: refusalWithStatus,
  open,
}

function open(place: Place): Driver {
  const { responses } = openaiClient(place)
  const asking = (text: string) => ({ model: place.model, max_output_tokens: place.maxTokens, input: text })

  return {
    plain: async (text) => (await responses.create(asking(text))).output_text,
    async stream(text) {
      const events = await Array.fromAsync(await responses.create({ ...asking(text), stream: true }))
      return events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : []))
    },
    async tools(text) {
      const body = { ...asking(text), tools, tool_choice: 'required' as const }
      return callsOf(await responses.stream(body).finalResponse()).map(({ call }) => call)
    },
    async toolLoop(text) {
      const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: text }]
      const calls: Call[] = []
      for (let turn = 0; turn < mostTurns; turn++) {
        const choice = turn === 0 ? place.firstChoice : 'auto'
        const response = await responses.create({ ...asking(text), input, tools, tool_choice: choice })
        const made = callsOf(response)
        if (made.length === 0) return { calls, text: response.output_text }
        input.push(...(response.output as OpenAI.Responses.ResponseInputItem[]))
        for (const { id, call } of made) {
          calls.push(call)
          input.push({ type: 'function_call_output', call_id: id, output: weather.result })
        }
      }
      return { calls, text: '' }
    },
    async jsonSchema(text) {
      const format = { type: 'json_schema' as const, name: 'answer', schema: { ...answerSchema }, strict: true }
      return (await responses.parse({ ...asking(text), text: { format } })).output_parsed
    },
    async image(text) {
      const image = {
        type: 'input_image' as const,
        image_url: `data:image/png;base64,${pixel}`,
        detail: 'auto' as const,
      }
      const content = [{ type: 'input_text' as const, text }, image]
      return (await responses.create({ ...asking(text), input: [{ role: 'user', content }] })).output_text
    },
    badField: (text) => responses.create({ ...asking(text), top_p: 5 }),
    async abortStream(text) {
      const stream = await responses.create({ ...asking(text), stream: true })
      for await (const { type } of stream) if (type === 'response.output_text.delta') stream.controller.abort()
    },
    abortWhole: (text, signal) => responses.create(asking(text), { signal }),
  }
}

function callsOf({ output }: OpenAI.Responses.Response) {
  return output.flatMap((item) =>
    item.type === 'function_call'
      ? [{ id: item.call_id, call: { name: item.name, arguments: parsed(item.arguments) } }]
      : [],
  )
}
