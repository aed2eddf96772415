import { type CaseName, json, type Reply, saidIn, stream } from './reply.ts'

const reference = 'https://platform.openai.com/docs/api-reference'
const id = 'resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654'
const messageId = 'msg_67c9fdcf37fc8190ba82116e33fb28c507b8b0ad4e5eb654'

const usage = {
  input_tokens: 37,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 11,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 48,
}

/** What OpenAI's Responses API says. */
export function responsesReplies(name: CaseName, whole: boolean): Reply {
  switch (name) {
    case 'error': {
      const message = "Invalid value: 'gpt-4.1'. Supported values are listed in the documentation."
      const error = { message, type: 'invalid_request_error', param: 'model', code: 'invalid_value' }
      return { source: 'https://platform.openai.com/docs/guides/error-codes', text: json({ error }, 400) }
    }
    case 'stream-error': {
      const error = { code: 'server_error', message: 'The model failed to generate a response.' }
      const failed = { type: 'response.failed', response: { ...response('failed', []), error } }
      const events = [...begun(), ...messageItem(name).slice(0, 3), failed]
      return { source: `${reference}/responses-streaming/response/failed`, text: streamed(events) }
    }
    case 'unknown':
      return { source: `${reference}/responses/create, with fields that nobody knows`, text: unknownWhole }
    case 'unknown-stream':
      return {
        source: `${reference}/responses-streaming, with fields and events that nobody knows`,
        text: unknownStream,
      }
    case 'tools-stream':
      return {
        source: 'https://platform.openai.com/docs/guides/function-calling#streaming, two calls',
        text: streamed([...begun(), ...calls.flatMap(callItem), end('completed', calls)]),
      }
    case 'thinking-stream':
      return {
        source: `${reference}/responses-streaming/response/reasoning_summary_text`,
        text: streamed([
          ...begun(),
          ...reasoningItem,
          ...messageItem(name, 1),
          end('completed', [reasoning, message(name)]),
        ]),
      }
    case 'length-stream': {
      const cut = {
        ...response('incomplete', [message(name)]),
        incomplete_details: { reason: 'max_output_tokens' },
        usage,
      }
      const events = [...begun(), ...messageItem(name), { type: 'response.incomplete', response: cut }]
      return { source: `${reference}/responses-streaming/response/incomplete`, text: streamed(events) }
    }
    default: {
      const output = name === 'tools' ? calls : [message(name)]
      if (whole)
        return { source: `${reference}/responses/create`, text: json({ ...response('completed', output), usage }) }
      const events = [...begun(), ...messageItem(name), end('completed', output)]
      return { source: `${reference}/responses-streaming`, text: streamed(events) }
    }
  }
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

function response(status: string, output: readonly object[]) {
  return {
    id,
    object: 'response',
    created_at: 1741290958,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: 'gpt-4.1-2025-04-14',
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: true,
    temperature: 1.0,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1.0,
    truncation: 'disabled',
    usage: null,
    user: null,
    metadata: {},
  }
}

function begun(): readonly Event[] {
  return ['created', 'in_progress'].map((word) => ({ type: `response.${word}`, response: response('in_progress', []) }))
}

function end(status: string, output: readonly object[]): Event {
  return { type: `response.${status}`, response: { ...response(status, output), usage } }
}

function message(name: CaseName) {
  const content = [{ type: 'output_text', text: saidIn(name).join(''), annotations: [] }]
  return { id: messageId, type: 'message', status: 'completed', role: 'assistant', content }
}

function messageItem(name: CaseName, index = 0): readonly Event[] {
  const place = { item_id: messageId, output_index: index, content_index: 0 }
  const item = message(name)
  const [part] = item.content
  const begin = { ...item, status: 'in_progress', content: [] }
  return [
    { type: 'response.output_item.added', output_index: index, item: begin },
    { type: 'response.content_part.added', ...place, part: { ...part, text: '' } },
    ...saidIn(name).map((delta): Event => ({ type: 'response.output_text.delta', ...place, delta })),
    { type: 'response.output_text.done', ...place, text: part?.text },
    { type: 'response.content_part.done', ...place, part },
    { type: 'response.output_item.done', output_index: index, item },
  ]
}

const call = { type: 'function_call', status: 'completed', name: 'get_weather' }
const calls = [
  {
    id: 'fc_67ca09c6bedc8190a7abfec07b1a1332096610f474011cc0',
    ...call,
    arguments: '{"location":"Paris"}',
    call_id: 'call_unLAR8MvFNptuiZK6K6HCy5k',
  },
  {
    id: 'fc_67ca09c6bedc8190a7abfec07b1a1332096610f474011cc1',
    ...call,
    arguments: '{"location":"Bogotá"}',
    call_id: 'call_unLAR8MvFNptuiZK6K6HCy6m',
  },
]

function callItem(item: (typeof calls)[number], index: number): readonly Event[] {
  const place = { item_id: item.id, output_index: index }
  const fragments = [item.arguments.slice(0, 2), item.arguments.slice(2)]
  return [
    {
      type: 'response.output_item.added',
      output_index: index,
      item: { ...item, status: 'in_progress', arguments: '' },
    },
    ...fragments.map((delta): Event => ({ type: 'response.function_call_arguments.delta', ...place, delta })),
    { type: 'response.function_call_arguments.done', ...place, arguments: item.arguments },
    { type: 'response.output_item.done', output_index: index, item },
  ]
}

const reasoningId = 'rs_6820f383d7c08191846711c5df8233bc0ac5ba57aafcbac7'
const thought = 'The user greets me.'
const reasoning = {
  id: reasoningId,
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: thought }],
  encrypted_content: 'gAAAAABoIPOEhY4Kr',
}
const summary = { item_id: reasoningId, output_index: 0, summary_index: 0 }
const reasoningItem: readonly Event[] = [
  { type: 'response.output_item.added', output_index: 0, item: { id: reasoningId, type: 'reasoning', summary: [] } },
  { type: 'response.reasoning_summary_part.added', ...summary, part: { type: 'summary_text', text: '' } },
  { type: 'response.reasoning_summary_text.delta', ...summary, delta: thought },
  { type: 'response.reasoning_summary_text.done', ...summary, text: thought },
  { type: 'response.reasoning_summary_part.done', ...summary, part: { type: 'summary_text', text: thought } },
  { type: 'response.output_item.done', output_index: 0, item: reasoning },
]

function streamed(events: readonly Event[]): string {
  const frames = events.map(({ type, ...fields }, sequence_number) => {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`
  })
  return stream(frames.join(''))
}

/** White space, numbers and fields that a gateway has no right to touch. */
const unknownWhole = `200
content-type: application/json
openai-processing-ms: 12
openai-organization: org-of-the-operator

{ "id":"${id}",\t"object" : "response","status":"completed","model":"gpt-4.1-2025-04-14",
  "output":[ {"type":"mystery_call","id":"my_1","n":12345678901234567890},
  {"id":"${messageId}","type":"message","role":"assistant","status":"completed",
   "content":[{"type":"output_text","text":"Hi \\u00e9\\u2028","annotations":[],"mystery":1.0}]}],
  "usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2, "mystery_tokens":3} }
`

const unknownStream = stream(
  [
    `event: response.created\ndata: {"type":"response.created", "sequence_number":0,"response":${JSON.stringify(response('in_progress', []))} }\n\n`,
    'event: response.mystery.delta\ndata: {"type":"response.mystery.delta","n":12345678901234567890}\n\n',
    `event: response.output_text.delta\nid: 12\ndata:{"type":"response.output_text.delta", "item_id":"${messageId}","output_index":0,"content_index":0,"delta":"Hi \\u00e9","obfuscation":"x7f"}\n\n`,
    `event: response.completed\ndata: {"type":"response.completed","response":${JSON.stringify({ ...response('completed', [message('plain')]), usage })}, "mystery":1.0}\n\n`,
  ].join(''),
)
