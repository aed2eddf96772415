import { type CaseName, json, type Reply, saidIn, stream } from './reply.ts'

type Form = 'openai-chat' | 'openai-completions'

const reference = 'https://platform.openai.com/docs/api-reference'
const pages: Readonly<Record<Form, string>> = {
  'openai-chat': `${reference}/chat/create`,
  'openai-completions': `${reference}/completions/create`,
}

const usage = {
  prompt_tokens: 19,
  completion_tokens: 10,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
}

const weather = {
  name: 'get_weather',
  paris: ['', '{"location":"', 'Paris"', '}'],
  bogota: ['', '{"location":"Bogotá"}'],
}

/** What a server of the chat API, or of the completions of old, says. */
export function openaiReplies(form: Form, name: CaseName, whole: boolean): Reply {
  const page = pages[form]
  switch (name) {
    case 'error':
      return {
        source: 'https://platform.openai.com/docs/guides/error-codes',
        text: json(
          {
            error: {
              message:
                'Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000, Used 29500, Requested 1200.',
              type: 'tokens',
              param: null,
              code: 'rate_limit_exceeded',
            },
          },
          429,
          { 'retry-after': '7', 'x-ratelimit-remaining-tokens': '500', 'x-request-id': 'req_123' },
        ),
      }
    case 'stream-error': {
      const chunks = deltas(form, name).slice(0, 2)
      const error = {
        message: 'The server had an error while processing your request.',
        type: 'server_error',
        param: null,
        code: null,
      }
      return { source: `${page}, cut by an error`, text: stream([...chunks, { error }].map(event).join('')) }
    }
    case 'unknown':
      return { source: `${page}, with fields that nobody knows`, text: unknownWhole(form) }
    case 'unknown-stream':
      return {
        source: `${reference}/chat-streaming, with fields and events that nobody knows`,
        text: unknownStream(form),
      }
    case 'tools-stream':
      return {
        source: 'https://platform.openai.com/docs/guides/function-calling#streaming, two calls',
        text: streamed(form, name),
      }
    case 'thinking-stream':
      return { source: 'https://api-docs.deepseek.com/guides/reasoning_model', text: streamed(form, name) }
    default:
      if (whole) return { source: page, text: json(wholeBody(form, name)) }
      return { source: `${reference}/chat-streaming`, text: streamed(form, name) }
  }
}

function head(form: Form, streams: boolean) {
  if (form === 'openai-completions') {
    return {
      id: 'cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7',
      object: 'text_completion',
      created: 1589478378,
      model: 'gpt-4.1-2025-04-14',
    }
  }
  const object = streams ? 'chat.completion.chunk' : 'chat.completion'
  return { id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT', object, created: 1741569952, model: 'gpt-4.1-2025-04-14' }
}

function wholeBody(form: Form, name: CaseName): object {
  const text = saidIn(name).join('')
  if (form === 'openai-completions') {
    const choices = [{ text, index: 0, logprobs: null, finish_reason: 'stop' }]
    return { ...head(form, false), system_fingerprint: 'fp_44709d6fcb', choices, usage }
  }
  const call = (id: string, pieces: readonly string[]) => {
    return { id, type: 'function', function: { name: weather.name, arguments: pieces.join('') } }
  }
  const calls = name === 'tools'
  const message = calls
    ? {
        role: 'assistant',
        content: null,
        tool_calls: [call('call_abc123', weather.paris), call('call_def456', weather.bogota)],
      }
    : { role: 'assistant', content: text, refusal: null, annotations: [] }
  const choices = [{ index: 0, message, logprobs: null, finish_reason: calls ? 'tool_calls' : 'stop' }]
  return { ...head(form, false), choices, usage, service_tier: 'default' }
}

function streamed(form: Form, name: CaseName): string {
  const chunks = deltas(form, name)
  const last = { ...chunk(form), choices: [], usage }
  return stream(`${[...chunks, last].map(event).join('')}data: [DONE]\n\n`)
}

function deltas(form: Form, name: CaseName): readonly object[] {
  const reason = name === 'tools-stream' ? 'tool_calls' : name === 'length-stream' ? 'length' : 'stop'
  const told = [...deltasOf(name), undefined]
  return told.map((delta) => {
    const end = delta === undefined ? reason : null
    const said =
      form === 'openai-chat'
        ? { index: 0, delta: delta ?? {}, logprobs: null, finish_reason: end }
        : { text: delta?.content ?? '', index: 0, logprobs: null, finish_reason: end }
    return { ...chunk(form), choices: [said], usage: null }
  })
}

function chunk(form: Form) {
  return { ...head(form, true), service_tier: 'default', system_fingerprint: 'fp_44709d6fcb' }
}

type Delta = Readonly<Record<string, unknown>>

function deltasOf(name: CaseName): readonly Delta[] {
  const role: Delta = { role: 'assistant', content: '', refusal: null }
  const texts = saidIn(name).map((content): Delta => ({ content }))
  if (name === 'thinking-stream') {
    const thoughts = ['The user greets me.', ' I greet back.'].map((thought) => ({
      content: null,
      reasoning_content: thought,
    }))
    return [role, ...thoughts, ...texts]
  }
  if (name !== 'tools-stream') return [role, ...texts]
  return [
    { role: 'assistant', content: null },
    ...callDeltas(0, 'call_DdmO9pD3xa9XTPNJ32zg2hcA', weather.paris),
    ...callDeltas(1, 'call_ABCD9pD3xa9XTPNJ32zg2hcB', weather.bogota),
  ]
}

function callDeltas(index: number, id: string, [first = '', ...rest]: readonly string[]): readonly Delta[] {
  const begin = { index, id, type: 'function', function: { name: weather.name, arguments: first } }
  const more = rest.map((fragment) => ({ index, function: { arguments: fragment } }))
  return [begin, ...more].map((call) => ({ tool_calls: [call] }))
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

/** White space, numbers and fields that a gateway has no right to touch. */
function unknownWhole(form: Form): string {
  const choice =
    form === 'openai-chat'
      ? `{ "index":0,"message":{"role":"assistant", "content":"Hi \\u00e9\\u2028","mystery":[1.0,2.50]},"finish_reason":"stop" }`
      : `{ "text":"Hi \\u00e9\\u2028", "index":0,"mystery":[1.0,2.50],"finish_reason":"stop" }`
  const { id, object, created } = head(form, false)
  const body = `{ "id":"${id}",\n\t"object" : "${object}","created":${created},"model":"gpt-4.1-2025-04-14",
  "choices":[${choice}],   "usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},
  "big_number":12345678901234567890 }\n`
  return `200\ncontent-type: application/json\nopenai-version: 2020-10-01\nopenai-organization: org-of-the-operator\nx-ratelimit-remaining-requests: 99\n\n${body}`
}

function unknownStream(form: Form): string {
  const chat = form === 'openai-chat'
  const { id, object, created } = head(form, true)
  const start = `{"id":"${id}", "object":"${object}","created":${created},"model":"gpt-4.1-2025-04-14"`
  const hi = chat
    ? `{"index":0,"delta":{"role":"assistant", "content":"Hi \\u00e9"},"finish_reason":null}`
    : `{"index":0,"text":"Hi \\u00e9","finish_reason":null}`
  const end = chat ? `{"index":0,"delta":{},"finish_reason":"stop"}` : `{"index":0,"text":"","finish_reason":"stop"}`
  return stream(
    [
      `: a comment of the server\n\n`,
      `data: ${start}, "choices":[${hi}], "obfuscation":"x7f" , "big_number":12345678901234567890}\n\n`,
      `id: 7\ndata:{"mystery_event": true, "choices" : [] }\n\n`,
      `data: ${start},"choices":[${end}]}\n\n`,
      `data: ${start},"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2, "mystery_tokens":3}}\n\n`,
      'data: [DONE]\n\n',
    ].join(''),
  )
}
