import { HumanMessage, ToolMessage } from '@langchain/core/messages'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import {
  answerSchema,
  type Call,
  type Client,
  type Driver,
  mostTurns,
  type Place,
  pixel,
  refusalWithStatus,
  weather,
  weatherSchema,
} from './driver.ts'
import { openaiErrors } from './openai.ts'
import { npmVersion } from './versions.ts'

const tools = [
  {
    type: 'function' as const,
    function: { name: weather.name, description: weather.description, parameters: weatherSchema },
  },
]

export const langchainOpenai: Client = {
  name: '`@langchain/openai`',
  version: npmVersion('@langchain/openai'),
  code: "new ChatOpenAI({ model: 'auto', apiKey: KEY, configuration: { baseURL: 'http://127.0.0.1:8080/v1' } })",
  errors: openaiErrors,
  refusalOf: refusalWithStatus,
  open,
}

function open({ url, key, headers, model, maxTokens, firstChoice }: Place): Driver {
  const usual = {
    model,
    apiKey: key,
    maxRetries: 0,
    configuration: { baseURL: `${url}/v1`, defaultHeaders: headers },
  }
  const chat = new ChatOpenAI({ ...usual, maxTokens })

  return {
    plain: async (text) => (await chat.invoke(text)).text,
    async stream(text) {
      const chunks = await Array.fromAsync(await chat.stream(text))
      return chunks.map((chunk) => chunk.text).filter((piece) => piece !== '')
    },
    async tools(text) {
      const { tool_calls: calls } = await chat.bindTools(tools, { tool_choice: 'required' }).invoke(text)
      return (calls ?? []).map(({ name, args }) => ({ name, arguments: args }))
    },
    async toolLoop(text) {
      const messages: Parameters<typeof chat.invoke>[0] & unknown[] = [new HumanMessage(text)]
      const calls: Call[] = []
      for (let turn = 0; turn < mostTurns; turn++) {
        const choice = turn === 0 ? firstChoice : 'auto'
        const message = await chat.bindTools(tools, { tool_choice: choice }).invoke(messages)
        const made = message.tool_calls ?? []
        if (made.length === 0) return { calls, text: message.text }
        messages.push(message)
        for (const { id = '', name, args } of made) {
          calls.push({ name, arguments: args })
          messages.push(new ToolMessage({ tool_call_id: id, content: weather.result }))
        }
      }
      return { calls, text: '' }
    },
    jsonSchema: (text) =>
      chat.withStructuredOutput({ ...answerSchema }, { name: 'answer', method: 'jsonSchema' }).invoke(text),
    async image(text) {
      const url = `data:image/png;base64,${pixel}`
      const content = [
        { type: 'text' as const, text },
        { type: 'image_url' as const, image_url: { url } },
      ]
      return (await chat.invoke([new HumanMessage({ content })])).text
    },
    embeddings: (texts) => new OpenAIEmbeddings(usual).embedDocuments([...texts]),
    badField: (text) => new ChatOpenAI({ ...usual, topP: 5 }).invoke(text),
    async abortStream(text) {
      const stop = new AbortController()
      for await (const _chunk of await chat.stream(text, { signal: stop.signal })) stop.abort()
    },
    abortWhole: (text, signal) => chat.invoke(text, { signal }),
  }
}
