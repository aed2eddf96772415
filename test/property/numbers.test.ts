import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageBuilder } from '../../src/core/message-builder.ts'
import type { ContentDelta } from '../../src/core/reply.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages.ts'
import { native } from '../../src/dialects/native.ts'
import { ollamaChat } from '../../src/dialects/ollama-chat.ts'
import { openaiChat } from '../../src/dialects/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses.ts'
import { answerFacts, requestHead, written } from '../fixtures/dialect-calls.ts'
import { receipt } from '../fixtures/receipt.ts'

const number = '12345678901234567890'
const deltas: readonly ContentDelta[] = [
  { type: 'tool-call', index: 0, id: 'call_1', name: 'count' },
  { type: 'tool-call-delta', index: 0, arguments: `{"n":${number}}` },
]
const messages = [{ role: 'user', content: 'Hi' }]

const cases = [
  { dialect: native, body: { messages } },
  { dialect: openaiChat, body: { model: 'auto', messages } },
  { dialect: openaiResponses, body: { model: 'auto', input: 'Hi' } },
  { dialect: anthropicMessages, body: { model: 'auto', max_tokens: 10, messages } },
  { dialect: ollamaChat, body: { model: 'auto', messages } },
]

for (const { dialect, body } of cases) {
  test(`a number that JavaScript cannot hold reaches clients of ${dialect.name} as the model wrote it`, () => {
    const request = dialect.parse(body, requestHead({ bodyText: JSON.stringify(body) }))
    const end = { reason: 'tool-calls', receipt: receipt({}) } as const
    assert.ok(written(dialect.frames(request), deltas, end).includes(number))

    const message = new MessageBuilder()
    for (const delta of deltas) message.add(delta)
    const reply = { facts: answerFacts, choices: message.finish(end), receipt: end.receipt }
    assert.ok(JSON.stringify(dialect.whole(reply, request)).includes(number))
  })
}
