import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { messagesRequest } from '../../src/call-anthropic/request.ts'
import { chatBody } from '../../src/call-ollama/request.ts'
import { presetFor } from '../../src/call-openai/presets.ts'
import { completionsBody } from '../../src/call-openai/request.ts'
import { isText, joinText } from '../../src/core/content.ts'
import type { ChatRequest, Message } from '../../src/core/request.ts'
import { anthropicMessages } from '../../src/dialects/anthropic-messages.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'
import { ollamaChat } from '../../src/dialects/ollama-chat.ts'
import { openaiChat } from '../../src/dialects/openai-chat.ts'
import { requestHead } from '../fixtures/dialect-calls.ts'
import { card } from '../fixtures/stand-ins/calls.ts'
import { clientBodies } from './client-bodies.ts'
import { type History, histories, type Turn } from './history.ts'

const runs = { numRuns: 400, seed: 20261124 }

const model = card()
const preset = presetFor(undefined, 'http://127.0.0.1/v1')
const how = { keepAlive: '5m', size: { numCtx: 8192, promptTokens: 10 } }

type Name = 'openai-chat' | 'anthropic-messages' | 'ollama-chat'

/** Each dialect as clients speak it, and the body that a provider of it sends. */
const sides: Readonly<Record<Name, { readonly dialect: Dialect; readonly sent: (request: ChatRequest) => object }>> = {
  'openai-chat': { dialect: openaiChat, sent: (request) => completionsBody(request, model, preset).body },
  'anthropic-messages': {
    dialect: anthropicMessages,
    sent: (request) => messagesRequest(request, { ...model, id: 'claude-sonnet-4-5' }, 100).body,
  },
  'ollama-chat': { dialect: ollamaChat, sent: (request) => chatBody(request, model, how).body },
}

const names = Object.keys(sides) as Name[]

function parsed(name: Name, bodyText: string): ChatRequest {
  return sides[name].dialect.parse(JSON.parse(bodyText), requestHead({ bodyText }))
}

function sent(name: Name, request: ChatRequest): string {
  return JSON.stringify(sides[name].sent(request))
}

/** Where pieces of text become one, a blank line stands between them. */
const between = '\n\n'

interface Kept {
  readonly role: string
  readonly text: string
  readonly images: readonly string[]
  readonly calls: readonly { readonly name: string; readonly arguments: unknown; readonly id: string }[]
  /** Each with the place of its call among all calls. */
  readonly results: readonly { readonly call: number; readonly text: string; readonly id: string }[]
}

/**
 * What must come through in this order: who said which text, showed which images, called which tools with which
 * arguments, and which result is that of which call. Neighbours of the same role are one. Not reasoning: OpenAI has no
 * place for it, and Anthropic takes back only what it signed. Not the order of text and images within one message.
 */
function keptOf(messages: readonly Message[]): readonly Kept[] {
  const order = messages.flatMap(({ content }) =>
    content.flatMap((part) => (part.type === 'tool-call' ? [part.id] : [])),
  )
  const all = messages.map(({ role, content }): Kept => {
    const results = content.filter((part) => part.type === 'tool-result')
    return {
      role,
      text: content
        .filter(isText)
        .map(({ text }) => text)
        .join(between),
      images: content.flatMap((part) =>
        part.type === 'image' && part.source.kind === 'data' ? [part.source.data] : [],
      ),
      calls: content.flatMap((part) =>
        part.type === 'tool-call' ? [{ name: part.name, arguments: JSON.parse(part.arguments), id: part.id }] : [],
      ),
      results: results.map((part) => ({
        call: order.indexOf(part.callId),
        text: joinText(part.content),
        id: part.callId,
      })),
    }
  })
  const merged: Kept[] = []
  for (const next of all) {
    const last = merged.at(-1)
    if (last?.role === next.role) merged[merged.length - 1] = together(last, next)
    else merged.push(next)
  }
  return merged
}

function together(first: Kept, next: Kept): Kept {
  return {
    role: first.role,
    text: [first.text, next.text].filter((text) => text !== '').join(between),
    images: [...first.images, ...next.images],
    calls: [...first.calls, ...next.calls],
    results: [...first.results, ...next.results],
  }
}

/** The drawn conversation in the gateway's words. */
function expected({ system, turns }: History): readonly Message[] {
  const text = (value: string) => (value === '' ? [] : [{ type: 'text' as const, text: value }])
  const read = (turn: Turn): readonly Message[] => {
    if (turn.role === 'user') {
      const images = turn.images.map((data) => {
        return { type: 'image' as const, source: { kind: 'data' as const, mediaType: '', data } }
      })
      return [{ role: 'user', content: [...turn.texts.flatMap(text), ...images] }]
    }
    const calls = turn.calls.map((call) => ({ type: 'tool-call' as const, ...call }))
    const results = turn.calls.map(({ id, name, result }) => {
      return { type: 'tool-result' as const, callId: id, name, content: text(result), isError: false }
    })
    return [
      { role: 'assistant', content: [...text(turn.text), ...calls] },
      ...(results.length === 0 ? [] : [{ role: 'tool' as const, content: results }]),
    ]
  }
  return [
    ...(system.length === 0 ? [] : [{ role: 'system' as const, content: system.flatMap(text) }]),
    ...turns.flatMap(read),
  ]
}

/** With the ids that both ends take as they are; others stand for themselves by the place of their call alone. */
function withIds(kept: readonly Kept[], takes: (id: string) => boolean): readonly Kept[] {
  const shown = (id: string) => (takes(id) ? id : '')
  return kept.map((one) => ({
    ...one,
    calls: one.calls.map((call) => ({ ...call, id: shown(call.id) })),
    results: one.results.map((result) => ({ ...result, id: shown(result.id) })),
  }))
}

/** Ids that every vendor takes, and so are kept as they are. */
const portable = (id: string) => /^[a-zA-Z0-9_-]{1,40}$/.test(id)
const anything = () => true
const nothing = () => false

for (const from of names) {
  test(`${from} is understood`, () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { messages } = parsed(from, clientBodies[from](history))
        assert.deepEqual(withIds(keptOf(messages), anything), withIds(keptOf(expected(history)), anything))
      }),
      runs,
    )
  })

  for (const to of names.filter((name) => name !== from)) {
    test(`${from} to ${to} and back`, () => {
      fc.assert(
        fc.property(histories, (history) => {
          const first = parsed(from, clientBodies[from](history))
          const there = parsed(to, sent(to, first))
          const back = parsed(from, sent(from, there))
          const due = expected(history)
          const ids = new Set(keptOf(due).flatMap(({ calls }) => calls.map(({ id }) => id)))
          const same = (id: string) => ids.has(id) && portable(id)
          assert.deepEqual(withIds(keptOf(there.messages), same), withIds(keptOf(due), same))
          assert.deepEqual(withIds(keptOf(back.messages), same), withIds(keptOf(due), same))
        }),
        runs,
      )
    })
  }
}

for (const to of names) {
  test(`ollama-chat without ids to ${to}`, () => {
    fc.assert(
      fc.property(histories, (history) => {
        const first = parsed('ollama-chat', clientBodies['ollama-chat without ids'](history))
        const there = parsed(to, sent(to, first))
        assert.deepEqual(withIds(keptOf(there.messages), nothing), withIds(keptOf(expected(history)), nothing))
      }),
      runs,
    )
  })
  test(`numbers of openai-chat reach ${to} as they were written`, () => {
    fc.assert(
      fc.property(histories, (history) => {
        const body = sent(to, parsed('openai-chat', clientBodies['openai-chat'](history)))
        const inArguments = history.turns.flatMap((turn) => (turn.role === 'assistant' ? turn.calls : []))
        const due = inArguments.filter((call) => call.arguments.includes('12345678901234567890')).length
        assert.equal(body.split('12345678901234567890').length - 1, due)
      }),
      runs,
    )
  })
}
