import assert from 'node:assert/strict'
import type Anthropic from '@anthropic-ai/sdk'
import { anthropicErrors } from './anthropic.ts'
import { assertReached, type Loop } from './claude-code-reached.ts'
import { betas, Conversation, claudeCode, isSmall, said } from './claude-code-requests.ts'
import type { Client, Outcome, Target } from './client.ts'
import { drivenClient } from './driven-client.ts'
import {
  answerSchema,
  type Call,
  type Driver,
  type Place,
  parsed,
  pixel,
  refusalWithStatus,
  weather,
} from './driver.ts'
import { assertWeatherCall, weatherQuestion } from './material.ts'

type Message = Anthropic.Beta.BetaMessage

const driven = drivenClient({
  name: 'Claude Code’s requests',
  version: '2.1',
  code: 'ANTHROPIC_BASE_URL=http://127.0.0.1:8080 ANTHROPIC_AUTH_TOKEN=$KEY ANTHROPIC_MODEL=auto claude',
  errors: anthropicErrors,
  refusalOf: refusalWithStatus,
  open,
})

/** What Claude Code sends, by Anthropic's own package; the program itself is not run. */
export const claudeCodeClient: Client = { ...driven, run: { ...driven.run, 'tool loop': toolLoop } }

async function toolLoop(target: Target): Promise<Outcome> {
  const { address: url, key, model, kind } = target
  const firstChoice = kind === 'llama-cpp' ? 'required' : 'auto'
  const loop = await loopAt({ url, key, model, headers: {}, maxTokens: 60, firstChoice }, weatherQuestion)
  // The others do not think, or their API does not show it.
  if (kind === 'anthropic' || kind === 'ollama' || kind === 'echo') {
    assert.ok(loop.replies.every(({ content }) => content[0]?.type === 'thinking'))
  }
  for (const [index, { content, stop_reason: reason }] of loop.replies.entries()) {
    const calls = callsOf({ content })
    for (const call of calls) assertWeatherCall(call.name, call.arguments)
    if (index % 2 === 0) assert.deepEqual([calls.length, reason], [1, 'tool_use'])
    else assert.notEqual(textOf({ content }), '')
  }
  assertReached(target, loop)
  return 'yes'
}

function open(place: Place): Driver {
  const { client, sent } = claudeCode(place)
  const { messages } = client.beta
  const stream = (body: Parameters<typeof messages.stream>[0]) => messages.stream(body).finalMessage()
  const asking = (text: string, tools = false) => new Conversation(place).body([said(text)], { tools })
  const short = (text: string) => {
    const { thinking: _, context_management: __, ...body } = asking(text)
    return { ...body, max_tokens: place.maxTokens }
  }

  return {
    /** What it does at its start: a probe, a short call that is not streamed, a count, the list of models. */
    async plain(text) {
      assert.equal((await fetch(place.url, { method: 'HEAD' })).status, 200)
      const { model, system = [], messages: asked, ...body } = short(text)
      const message = await messages.create({ ...body, model, system, messages: asked })
      assert.ok(message.usage.output_tokens > 0)
      assert.equal(sent.at(-1)?.path, '/v1/messages?beta=true')

      const counted = await messages.countTokens({ model, system, messages: asked, betas })
      assert.ok(counted.input_tokens > 0)
      const models = await Array.fromAsync(client.models.list())
      assert.ok(models.some(({ id, type }) => id === model && type === 'model'))
      return textOf(message)
    },
    async stream(text) {
      const pieces: string[] = []
      const events = messages.stream(asking(text)).on('text', (piece) => pieces.push(piece))
      const { usage } = await events.finalMessage()
      assert.ok(usage.output_tokens > 0)
      return pieces
    },
    async tools(text) {
      return callsOf(await stream({ ...asking(text, true), ...insisting(place) }))
    },
    async toolLoop(text) {
      const { replies } = await loopAt(place, text)
      return { calls: replies.flatMap(callsOf), text: replies.slice(-1).map(textOf).join('') }
    },
    async jsonSchema(text) {
      const format = { type: 'json_schema' as const, schema: answerSchema }
      return parsed(textOf(await stream({ ...asking(text), output_config: { format } })))
    },
    async image(text) {
      const source = { type: 'base64' as const, media_type: 'image/png' as const, data: pixel }
      const content = [
        { type: 'text' as const, text },
        { type: 'image' as const, source },
      ]
      return textOf(await stream(new Conversation(place).body([{ role: 'user', content }])))
    },
    badField: (text) => stream({ ...asking(text), ...{ top_p: 5 } }),
    async abortStream(text) {
      const events = messages.stream(short(text))
      events.once('text', () => events.abort())
      await events.done()
    },
    abortWhole: (text, signal) => messages.create(short(text), { signal }),
  }
}

/** Two questions, each with a call and its result: four requests, each with all that was said before. */
async function loopAt(place: Place, text: string): Promise<Loop> {
  const { client, sent } = claudeCode(place)
  const conversation = new Conversation(place)
  const turns: Anthropic.Beta.BetaMessageParam[] = []
  const replies: Message[] = []
  const ask = async (choice: ReturnType<typeof insisting>) => {
    const body = { ...conversation.body([...turns], { tools: true }), ...choice }
    const message = await client.beta.messages.stream(body).finalMessage()
    replies.push(message)
    turns.push({ role: 'assistant', content: message.content })
    return message
  }
  for (const asked of [text, `And now? ${text}`]) {
    turns.push(said(asked))
    turns.push(resultsFor(await ask(insisting(place))))
    await ask({})
  }
  return { conversation, sent, replies }
}

/** Claude Code never insists on a call; the very small model makes one only where it must. */
function insisting(place: Place): { readonly tool_choice?: Anthropic.Beta.BetaToolChoice } {
  return isSmall(place) ? { tool_choice: { type: 'tool', name: weather.name } } : {}
}

function resultsFor({ content }: Message): Anthropic.Beta.BetaMessageParam {
  const calls = content.filter((block) => block.type === 'tool_use')
  return {
    role: 'user',
    content: calls.map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: weather.result })),
  }
}

function callsOf({ content }: Pick<Message, 'content'>): readonly Call[] {
  return content.flatMap((block) => (block.type === 'tool_use' ? [{ name: block.name, arguments: block.input }] : []))
}

function textOf({ content }: Pick<Message, 'content'>): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('')
}
