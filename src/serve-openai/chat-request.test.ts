import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { requestHead } from '../../test/fixtures/dialect-calls.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest } from '../core/request.ts'
import { openaiChat } from '../dialects/openai-chat.ts'

const messages = [{ role: 'user', content: 'hello' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const weather = { type: 'function', function: { name: 'weather', description: 'of a city', parameters, strict: true } }
const time = { type: 'function', function: { name: 'time' } }
const nothing = { type: 'object', properties: {} }
const timeTool = { type: 'function' as const, name: 'time', parameters: nothing }
const weatherTool = { type: 'function' as const, name: 'weather', description: 'of a city', parameters, strict: true }

function parse(fields: object, headers: Readonly<Record<string, string>> = {}): ChatRequest {
  return openaiChat.parse({ model: 'auto', messages, ...fields }, requestHead({ headers }))
}

const native = (field: string, weight: 'must' | 'prefer') => ({ capability: 'native' as const, field, weight })

describe('fields in the gateway’s words', () => {
  const cases: readonly { name: string; fields: object; expected: Partial<ChatRequest> }[] = [
    { name: 'nothing', fields: {}, expected: { model: 'auto', stream: false, caching: 'use' } },
    {
      name: 'sampling',
      fields: {
        temperature: 0,
        top_p: 0.5,
        presence_penalty: -2,
        frequency_penalty: 2,
        stop: 'end',
        seed: -1,
        max_tokens: 5,
        max_completion_tokens: 6,
        n: 3,
      },
      expected: {
        temperature: 0,
        topP: 0.5,
        presencePenalty: -2,
        frequencyPenalty: 2,
        stop: ['end'],
        seed: -1,
        maxTokens: 6,
        choices: 3,
      },
    },
    {
      name: 'tools of three kinds',
      fields: {
        tools: [
          weather,
          time,
          { type: 'custom', custom: { name: 'shell', description: 'runs' } },
          { type: 'web_search' },
        ],
        tool_choice: 'required',
        parallel_tool_calls: false,
      },
      expected: {
        tools: [
          weatherTool,
          timeTool,
          {
            type: 'function',
            name: 'shell',
            description: 'runs',
            parameters: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] },
            freeform: true,
          },
          { type: 'hosted', name: 'web_search' },
        ],
        toolChoice: { type: 'required' },
        parallelToolCalls: false,
        needs: [native('tools[3]', 'prefer')],
      },
    },
    {
      name: 'a tool of free text with a grammar, which others are told in words',
      fields: {
        tools: [
          {
            type: 'custom',
            custom: {
              name: 'shell',
              format: { type: 'grammar', grammar: { syntax: 'regex', definition: '[a-z]+' } },
            },
          },
        ],
      },
      expected: {
        tools: [
          {
            type: 'function',
            name: 'shell',
            parameters: {
              type: 'object',
              properties: {
                input: {
                  type: 'string',
                  description: 'The whole input of the tool, as plain text, in this regex grammar:\n[a-z]+',
                },
              },
              required: ['input'],
            },
            freeform: true,
          },
        ],
      },
    },
    {
      name: 'a named tool',
      fields: { tools: [time], tool_choice: { type: 'function', function: { name: 'time' } } },
      expected: { tools: [timeTool], toolChoice: { type: 'tool', name: 'time' } },
    },
    {
      name: 'some of the tools',
      fields: {
        tools: [weather, time],
        tool_choice: {
          type: 'allowed_tools',
          allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'time' } }] },
        },
      },
      expected: { tools: [timeTool], toolChoice: { type: 'required' } },
    },
    {
      name: 'a choice of a tool that the vendor runs',
      fields: { tools: [time], tool_choice: { type: 'web_search' } },
      expected: {
        tools: [timeTool],
        needs: [native('tool_choice', 'prefer')],
        extra: { tool_choice: { type: 'web_search' } },
      },
    },
    { name: 'a choice without tools', fields: { tools: [], tool_choice: 'auto' }, expected: {} },
    {
      name: 'functions of old',
      fields: { functions: [{ name: 'time' }], function_call: { name: 'time' } },
      expected: { tools: [timeTool], toolChoice: { type: 'tool', name: 'time' }, parallelToolCalls: false },
    },
    {
      name: 'a JSON schema',
      fields: {
        response_format: { type: 'json_schema', json_schema: { name: 'city', schema: parameters, strict: true } },
      },
      expected: { responseFormat: { type: 'json-schema', name: 'city', schema: parameters, strict: true } },
    },
    {
      name: 'a JSON object',
      fields: { response_format: { type: 'json_object' } },
      expected: { responseFormat: { type: 'json' } },
    },
    {
      name: 'probabilities',
      fields: { logprobs: true, top_logprobs: 4 },
      expected: { logprobs: { top: 4 } },
    },
    { name: 'no probabilities', fields: { logprobs: false, top_logprobs: 4 }, expected: {} },
    {
      name: 'an effort',
      fields: { reasoning_effort: 'xhigh' },
      expected: { reasoning: { enabled: true, effort: 'xhigh' } },
    },
    {
      name: 'no effort',
      fields: { reasoning_effort: 'none' },
      expected: { reasoning: { enabled: false, effort: 'none' } },
    },
    {
      name: 'an effort that only the vendor knows',
      fields: { reasoning_effort: 'default' },
      expected: { needs: [native('reasoning_effort', 'prefer')], extra: { reasoning_effort: 'default' } },
    },
    {
      name: 'a budget for reasoning',
      fields: { reasoning: { max_tokens: 2000 } },
      expected: { reasoning: { enabled: true, budgetTokens: 2000 } },
    },
    {
      name: 'no reasoning',
      fields: { reasoning: { enabled: false } },
      expected: { reasoning: { enabled: false } },
    },
    {
      name: 'who asks',
      fields: { safety_identifier: 'ann', prompt_cache_key: 'talk', metadata: { team: 'a' } },
      expected: { user: 'ann', session: 'talk', metadata: { team: 'a' } },
    },
    {
      name: 'a search that the vendor runs, and fields that nobody here knows',
      fields: { web_search_options: {}, service_tier: 'flex', store: true },
      expected: {
        needs: [native('web_search_options', 'prefer')],
        extra: { web_search_options: {}, service_tier: 'flex', store: true },
      },
    },
  ]
  for (const { name, fields, expected } of cases) {
    test(name, () => {
      const { id, dialect, messages, wishes, client, ...rest } = parse(fields)
      const { needs, ...others } = rest
      const plain = needs?.map(({ capability, field, weight }) => ({ capability, field, weight }))
      const defaults = { model: 'auto', stream: false, caching: 'use' }
      assert.deepEqual({ ...others, ...(plain && { needs: plain }) }, { ...defaults, ...expected })
      assert.equal(dialect, 'openai-chat')
    })
  }

  for (const field of ['modalities', 'response_format'] as const) {
    test(`${field} that only the vendor can keep to must go there`, () => {
      const values = { modalities: ['text', 'audio'], response_format: { type: 'grammar', grammar: 'x' } }
      const { needs, extra } = parse({ [field]: values[field] })
      const [need] = needs ?? []
      assert.deepEqual(extra, { [field]: values[field] })
      assert.deepEqual([need?.capability, need?.field, need?.weight], ['native', field, 'must'])
    })
  }

  test('the client’s bytes go with the request, and the headers that mean something', () => {
    const head = requestHead({
      bodyText: '{ "model":"auto"}',
      headers: { 'openai-beta': 'x=1', 'x-title': 'App', authorization: 'Bearer secret', 'x-session-id': 'mine' },
    })
    const request = openaiChat.parse({ model: 'auto', messages, prompt_cache_key: 'theirs' }, head)
    assert.deepEqual(request.client, {
      body: '{ "model":"auto"}',
      headers: { 'openai-beta': 'x=1', 'x-title': 'App' },
      query: '',
    })
    assert.equal(request.session, 'mine')
  })

  test('null is nothing', () => {
    const fields = [
      'stream',
      'stream_options',
      'n',
      'user',
      'temperature',
      'stop',
      'seed',
      'tools',
      'tool_choice',
      'functions',
      'function_call',
      'parallel_tool_calls',
      'response_format',
      'logprobs',
      'top_logprobs',
      'reasoning_effort',
      'reasoning',
      'modalities',
      'metadata',
      'safety_identifier',
      'prompt_cache_key',
      'max_tokens',
      'audio',
    ]
    const { wishes, client, extra, ...request } = parse(Object.fromEntries(fields.map((field) => [field, null])))
    const { wishes: _, client: __, ...least } = parse({})
    assert.deepEqual(request, least)
    assert.equal(extra, undefined)
  })
})

describe('fields that are refused', () => {
  const cases: readonly { fields: object; field: string }[] = [
    { fields: { model: '' }, field: 'model' },
    { fields: { n: 0 }, field: 'n' },
    { fields: { n: 129 }, field: 'n' },
    { fields: { top_logprobs: 21 }, field: 'top_logprobs' },
    { fields: { tools: [{}] }, field: 'tools[0].type' },
    { fields: { tools: [time, { type: 'function' }] }, field: 'tools[1].function' },
    { fields: { tools: [{ type: 'function', function: { name: '' } }] }, field: 'tools[0].function.name' },
    {
      fields: { tools: [{ type: 'function', function: { name: 'f', parameters: [] } }] },
      field: 'tools[0].function.parameters',
    },
    { fields: { tools: [time], tool_choice: 'time' }, field: 'tool_choice' },
    { fields: { tools: [time], tool_choice: { type: 'function', function: { name: 'tide' } } }, field: 'tool_choice' },
    { fields: { tools: [time], tool_choice: { type: 'function' } }, field: 'tool_choice.function' },
    { fields: { functions: [{}] }, field: 'functions[0].name' },
    { fields: { response_format: 'text' }, field: 'response_format' },
    { fields: { response_format: {} }, field: 'response_format.type' },
    { fields: { response_format: { type: 'json_schema' } }, field: 'response_format.json_schema' },
    { fields: { modalities: { toString: 1 } }, field: 'modalities' },
    { fields: { stop: ['a', 'b', 'c', 'd', 'e'] }, field: 'stop' },
    { fields: { stream_options: { include_usage: 1 } }, field: 'stream_options.include_usage' },
    { fields: { reasoning: { effort: 1 } }, field: 'reasoning.effort' },
  ]
  for (const { fields, field } of cases) {
    test(`${JSON.stringify(fields)}: ${field}`, () => {
      assert.throws(
        () => parse(fields),
        (error) => error instanceof GatewayError && error.code === 'invalid_request' && error.field === field,
      )
    })
  }
})
