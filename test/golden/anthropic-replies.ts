import { type CaseName, json, type Reply, saidIn, stream } from './reply.ts'

const docs = 'https://docs.claude.com/en'
const streaming = `${docs}/docs/build-with-claude/streaming`
const model = 'claude-sonnet-4-5-20250929'
const id = 'msg_013Zva2CMHLNnXjNJJKqJ2EF'
const begun = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null }

const paris = { type: 'tool_use', id: 'toolu_01T1x1fJ34qAmk2tNTrN7Up6', name: 'get_weather', input: {} }
const bogota = { ...paris, id: 'toolu_01A09q90qw90lq917835lq9' }

/** What Anthropic's Messages API says. */
export function anthropicReplies(name: CaseName, whole: boolean): Reply {
  switch (name) {
    case 'error':
      return {
        source: `${docs}/api/errors`,
        text: json(
          {
            type: 'error',
            error: { type: 'overloaded_error', message: 'Overloaded' },
            request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy',
          },
          529,
          { 'request-id': 'req_011CSHoEeqs5C35K2UUqR7Fy' },
        ),
      }
    case 'stream-error': {
      const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
      const events = [...start(), ...textBlock(0, saidIn(name)).slice(0, 2), error]
      return { source: `${streaming}#error-events`, text: stream(events.map(event).join('')) }
    }
    case 'unknown':
      return { source: `${docs}/api/messages, with fields that nobody knows`, text: unknownWhole }
    case 'unknown-stream':
      return { source: `${streaming}, with fields, deltas and events that nobody knows`, text: unknownStream }
    case 'tools-stream':
      return {
        source: `${streaming}#streaming-request-with-tool-use, two calls`,
        text: streamed(
          [
            ...textBlock(0, ['Okay', ", let's", ' check the weather:']),
            ...block(1, paris, inputs(['', '{"location":', ' "Par', 'is"}'])),
            ...block(2, bogota, inputs(['', '{"location": "Bogotá"}'])),
          ],
          'tool_use',
        ),
      }
    case 'thinking-stream':
      return {
        source: `${streaming}#streaming-request-with-extended-thinking`,
        text: streamed(thoughtAndText, 'end_turn'),
      }
    case 'length-stream':
      return { source: streaming, text: streamed(textBlock(0, saidIn(name)), 'max_tokens') }
    default:
      if (whole) return { source: `${docs}/api/messages`, text: json(wholeBody(name)) }
      return { source: `${streaming}#basic-streaming-request`, text: streamed(textBlock(0, saidIn(name)), 'end_turn') }
  }
}

function wholeBody(name: CaseName): object {
  const calls = name === 'tools'
  const content = calls
    ? [
        { type: 'text', text: "Okay, let's check the weather:" },
        { ...paris, input: { location: 'Paris' } },
        { ...bogota, input: { location: 'Bogotá' } },
      ]
    : [{ type: 'text', text: saidIn(name).join('') }]
  return {
    ...begun,
    content,
    stop_reason: calls ? 'tool_use' : 'end_turn',
    usage: { input_tokens: 2095, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 503 },
  }
}

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

function streamed(blocks: readonly Event[], reason: string): string {
  const delta = { stop_reason: reason, stop_sequence: null }
  const end: readonly Event[] = [
    { type: 'message_delta', delta, usage: { output_tokens: 15 } },
    { type: 'message_stop' },
  ]
  return stream([...start(), ...blocks, ...end].map(event).join(''))
}

function start(): readonly Event[] {
  const usage = { input_tokens: 25, cache_creation_input_tokens: 0, cache_read_input_tokens: 100, output_tokens: 1 }
  return [{ type: 'message_start', message: { ...begun, usage } }, { type: 'ping' }]
}

function block(index: number, content: Event, deltas: readonly Event[]): readonly Event[] {
  return [
    { type: 'content_block_start', index, content_block: content },
    ...deltas.map((delta): Event => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

function textBlock(index: number, texts: readonly string[]): readonly Event[] {
  return block(
    index,
    { type: 'text', text: '' },
    texts.map((text) => ({ type: 'text_delta', text })),
  )
}

function inputs(fragments: readonly string[]): readonly Event[] {
  return fragments.map((partial_json) => ({ type: 'input_json_delta', partial_json }))
}

const thoughtAndText: readonly Event[] = [
  ...block(0, { type: 'thinking', thinking: '', signature: '' }, [
    { type: 'thinking_delta', thinking: 'I need to find the GCD of 1071 and 462.' },
    { type: 'thinking_delta', thinking: '\n147 = 7 × 21 + 0' },
    { type: 'signature_delta', signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds' },
  ]),
  ...textBlock(1, ['The greatest common divisor of 1071 and 462', ' is **21**.']),
]

function event(data: Event): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
}

/** White space, numbers and fields that a gateway has no right to touch. */
const unknownWhole = `200
content-type: application/json
anthropic-ratelimit-requests-remaining: 999
anthropic-organization-id: org-of-the-operator

{ "id":"${id}" ,\t"type":"message","role":"assistant",
  "model":"${model}","content":[{"type":"text","text":"Hi \\u00e9\\u2028" , "mystery":1.0},
  {"type":"mystery_block","n":12345678901234567890}],
  "stop_reason":"end_turn","stop_sequence":null,"context_management":{"applied_edits":[]},
  "usage":{"input_tokens":1,"output_tokens":1,"mystery_tokens":3} }
`

const unknownStream = stream(
  [
    `event: message_start\ndata: {"type":"message_start", "message":${JSON.stringify({ ...begun, mystery: 1, usage: { input_tokens: 1, output_tokens: 1 } })} }\n\n`,
    'event: mystery_event\ndata: {"type":"mystery_event","n":12345678901234567890}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"mystery_block","x": 1.0}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"mystery_delta","x":[ 1 ]}}\n\n',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}\n\n',
    'event: content_block_delta\nid: 12\ndata:{"type":"content_block_delta", "index":1,"delta":{"type":"text_delta","text":"Hi \\u00e9"}}\n\n',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2},"context_management":{"applied_edits":[]}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop" }\n\n',
  ].join(''),
)
