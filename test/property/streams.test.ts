import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import fc from 'fast-check'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { joinText, type OutputPart } from '../../src/core/content.ts'
import { MessageBuilder } from '../../src/core/message-builder.ts'
import type { ContentDelta, FinishReason } from '../../src/core/reply.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'
import { ollamaChat } from '../../src/dialects/ollama-chat.ts'
import { openaiChat } from '../../src/dialects/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses.ts'
import { requestHead, written } from '../fixtures/dialect-calls.ts'
import { receipt } from '../fixtures/receipt.ts'
import { replies } from './deltas.ts'

const runs = { numRuns: 400, seed: 20261124 }
const sizes = [1, 7, 3, 64, 211]

/** The stream that a dialect writes for this reply, as a `fetch` that the vendor's package takes for its server. */
function server(dialect: Dialect, body: object, deltas: readonly ContentDelta[]): typeof fetch {
  const request = dialect.parse(body, requestHead({ bodyText: JSON.stringify(body) }))
  const writer = dialect.frames(request)
  const bytes = Buffer.from(written(writer, deltas, { reason: reasonOf(deltas), receipt: receipt({}) }))
  return async () => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0, count = 0; at < bytes.length; count++) {
          const size = sizes[count % sizes.length] ?? 1
          controller.enqueue(new Uint8Array(bytes.subarray(at, at + size)))
          at += size
        }
        controller.close()
      },
    })
    return new Response(stream, { headers: { 'content-type': writer.contentType } })
  }
}

function reasonOf(deltas: readonly ContentDelta[]): FinishReason {
  return deltas.some(({ type }) => type === 'tool-call') ? 'tool-calls' : 'stop'
}

function built(deltas: readonly ContentDelta[]): readonly OutputPart[] {
  const builder = new MessageBuilder()
  for (const delta of deltas) builder.add(delta)
  return builder.finish({ reason: reasonOf(deltas) })[0]?.content ?? []
}

function callsOf(content: readonly OutputPart[]) {
  return content.filter((part) => part.type === 'tool-call')
}

function thoughtsOf(content: readonly OutputPart[]): string {
  return content.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
}

/** One property of all replies, for one vendor's package. */
function agrees(name: string, check: (deltas: readonly ContentDelta[]) => Promise<void>): void {
  test(`${name} reads what was said`, () => fc.assert(fc.asyncProperty(replies, check), runs))
}

const ask = [{ role: 'user' as const, content: 'Hi' }]
const local = { baseURL: 'http://127.0.0.1/v1', apiKey: 'none', maxRetries: 0 }

agrees('ChatCompletionStream of openai', async (deltas) => {
  const body = { model: 'auto', messages: ask, stream: true as const, stream_options: { include_usage: true } }
  const client = new OpenAI({ ...local, fetch: server(openaiChat, body, deltas) })
  const stream = client.chat.completions.stream(body)
  let thoughts = ''
  stream.on('chunk', ({ choices: [choice] }) => {
    thoughts += String((choice?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? '')
  })
  const { choices, usage } = await stream.finalChatCompletion()
  const due = built(deltas)
  const [choice] = choices
  assert.equal(choice?.message.content ?? '', joinText(due))
  assert.equal(thoughts, thoughtsOf(due))
  assert.equal(choice?.finish_reason, reasonOf(deltas) === 'stop' ? 'stop' : 'tool_calls')
  assert.equal(usage?.total_tokens, 15)
  assert.deepEqual(
    (choice?.message.tool_calls ?? []).map((call) =>
      'function' in call ? [call.id, call.function.name, call.function.arguments] : [],
    ),
    callsOf(due).map((call) => [call.id, call.name, call.arguments]),
  )
})

agrees('ResponseStream of openai', async (deltas) => {
  const body = { model: 'auto', input: 'Hi', stream: true as const, include: ['reasoning.encrypted_content' as const] }
  const client = new OpenAI({ ...local, fetch: server(openaiResponses, body, deltas) })
  const { output, status } = await client.responses.stream(body).finalResponse()
  assert.equal(status, 'completed')
  const items = output.map((item) => {
    switch (item.type) {
      case 'message':
        return ['text', item.content.map((piece) => (piece.type === 'output_text' ? piece.text : '')).join('')]
      case 'reasoning':
        return ['reasoning', item.summary.map(({ text }) => text).join('')]
      case 'function_call':
        return ['tool-call', item.call_id, item.name, item.arguments]
      default:
        return [item.type]
    }
  })
  const due = built(deltas).map((part) => {
    if (part.type === 'text') return ['text', part.text]
    if (part.type === 'tool-call') return ['tool-call', part.id, part.name, part.arguments]
    return ['reasoning', part.text]
  })
  // What a vendor must get back comes back with the next request.
  const next = { ...body, input: [...ask, ...output] }
  const again = openaiResponses.parse(next, requestHead({ bodyText: JSON.stringify(next) }))
  const thoughts = again.messages.flatMap(({ content }) => content.filter((part) => part.type === 'reasoning'))
  assert.deepEqual(
    thoughts,
    built(deltas).filter((part) => part.type === 'reasoning'),
  )
  // A response without any item is one with an empty message.
  assert.deepEqual(items, due.length === 0 ? [['text', '']] : due)
})

agrees('MessageStream of @anthropic-ai/sdk', async (deltas) => {
  const body = {
    model: 'auto',
    max_tokens: 2000,
    messages: ask,
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
  }
  const fetch = server(anthropicMessages, { ...body, stream: true }, deltas)
  const client = new Anthropic({ ...local, baseURL: 'http://127.0.0.1', fetch })
  const { content, stop_reason } = await client.messages.stream(body).finalMessage()
  assert.equal(stop_reason, reasonOf(deltas) === 'stop' ? 'end_turn' : 'tool_use')
  const blocks = content.map((block) => {
    switch (block.type) {
      case 'text':
        return ['text', block.text]
      case 'thinking':
        return ['thinking', block.thinking, block.signature]
      case 'redacted_thinking':
        return ['redacted', block.data]
      case 'tool_use':
        return ['tool-call', block.id, block.name, block.input]
      default:
        return [block.type]
    }
  })
  const due = built(deltas).map((part) => {
    if (part.type === 'text') return ['text', part.text]
    if (part.type === 'tool-call') return ['tool-call', part.id, part.name, JSON.parse(part.arguments)]
    if (part.redacted !== undefined) return ['redacted', part.redacted]
    // Clients drop what nobody signed.
    return ['thinking', part.text, part.signature ?? 'unsigned']
  })
  assert.deepEqual(blocks, due)
})

agrees('the ollama package', async (deltas) => {
  const body = { model: 'auto', messages: ask, stream: true as const, think: true }
  const client = new Ollama({ host: 'http://127.0.0.1', fetch: server(ollamaChat, body, deltas) })
  const parts = await Array.fromAsync(await client.chat(body))
  const due = built(deltas)
  assert.equal(parts.map(({ message }) => message.content).join(''), joinText(due))
  assert.equal(parts.map(({ message }) => message.thinking ?? '').join(''), thoughtsOf(due))
  assert.deepEqual(
    parts
      .flatMap(({ message }) => message.tool_calls ?? [])
      .map((call) => [call.function.name, call.function.arguments]),
    callsOf(due).map((call) => [call.name, JSON.parse(call.arguments)]),
  )
  const last = parts.at(-1)
  assert.deepEqual([last?.done, last?.done_reason, last?.eval_count], [true, 'stop', 5])
})
