import assert from 'node:assert/strict'
import { test } from 'node:test'
import { card, chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { lossesOf } from './losses.ts'

const opaque = { role: 'assistant', content: [{ type: 'opaque', kind: 'server_tool_use' }] } as const

const cases: { name: string; request: Partial<ChatRequest>; model?: Partial<ModelCard>; expected: string[] }[] = [
  { name: 'nothing', request: {}, expected: [] },
  {
    name: 'unknown fields of another dialect',
    request: { dialect: 'openai-chat', extra: { store: true, verbosity: 'low' } },
    expected: ["does not know 'store', 'verbosity' of openai-chat: left out"],
  },
  { name: 'unknown fields of its own', request: { dialect: 'own', extra: { store: true } }, expected: [] },
  {
    name: 'tools that the vendor runs',
    request: { dialect: 'openai-responses', tools: [{ type: 'hosted', name: 'web_search' }] },
    expected: ["has no tool 'web_search' of openai-responses: left out"],
  },
  {
    name: 'pieces of another dialect',
    request: { messages: [opaque, opaque] },
    expected: ["does not understand 'server_tool_use' in messages: left out"],
  },
  {
    name: 'needs that are told by name already are not told twice',
    request: {
      dialect: 'openai-chat',
      tools: [{ type: 'hosted', name: 'code' }],
      needs: [
        { capability: 'native', field: 'tools[0]', weight: 'prefer' },
        { capability: 'native', field: 'web_search_options', weight: 'prefer' },
        { capability: 'native', field: 'modalities', weight: 'must' },
      ],
    },
    expected: [
      "has no tool 'code' of openai-chat: left out",
      "cannot do 'web_search_options' of openai-chat: left out",
    ],
  },
  {
    name: 'what the model cannot do',
    request: { logprobs: { top: 0 }, reasoning: { enabled: true } },
    model: { capabilities: [] },
    expected: ["tells no 'logprobs': left out", "has no 'reasoning' that could be set: left out"],
  },
]

for (const { name, request, model, expected } of cases) {
  test(`losses: ${name}`, () => {
    const warnings = lossesOf(chat('Hi', request), card(model), ['own'])
    assert.deepEqual(
      warnings.map(({ message }) => message),
      expected.map((said) => `model 'tested' ${said}`),
    )
  })
}
