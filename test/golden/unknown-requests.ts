import type { ClientRequestText } from './client-requests.ts'
import type { CaseName, Wire } from './reply.ts'

type Unknown = Readonly<Partial<Record<CaseName, ClientRequestText>>>

/** Odd white space, a number that JavaScript cannot hold, escapes, an unknown field, an unknown beta: all must arrive. */
function both(path: string, fields: string, streams: Streams): Unknown {
  const body = (stream: string) =>
    `{ "model" : "auto" ,\t${stream}\n  ${fields},\n  "mystery" : { "n":12345678901234567890, "f": 1.50 , "e":[ ]} , "s":"\\u00e9\\u2028\\/" }\n`
  const { headers = {} } = streams
  return {
    unknown: { path, headers, body: body(streams.whole) },
    'unknown-stream': { path, headers, body: body(streams.stream) },
  }
}

interface Streams {
  readonly whole: string
  readonly stream: string
  readonly headers?: Readonly<Record<string, string>>
}

const asked = '"stream_options": {"include_usage" : true, "include_obfuscation":false} ,'
const usual = { whole: '"stream":false,', stream: '"stream" :true,' }
const beta = { headers: { 'openai-beta': 'mystery=v9' } }

/** For the pairs in which the client and the model server speak the same dialect. */
export const unknownRequests: Readonly<Record<Wire, Unknown>> = {
  'openai-chat': both('/v1/chat/completions', '"messages" : [ {"role":"user","content":"Hi", "mystery":1.0} ]', {
    whole: usual.whole,
    stream: `${usual.stream} ${asked}`,
    ...beta,
  }),
  'openai-completions': both('/v1/completions', '"prompt" : "Hi"', {
    whole: usual.whole,
    stream: `${usual.stream} ${asked}`,
    ...beta,
  }),
  'openai-responses': both(
    '/v1/responses',
    '"input" : [ {"role":"user","content":"Hi", "mystery":1.0}, {"type":"mystery_call_output","id":"my_1"} ], "tools":[ {"type":"mystery_tool", "n":1.0} ]',
    { ...usual, ...beta },
  ),
  'anthropic-messages': both(
    '/v1/messages?beta=true',
    '"max_tokens" : 1024, "messages" : [ {"role":"user","content":[ {"type":"text","text":"Hi", "mystery":1.0}, {"type":"mystery_block","n":1.0} ]} ], "tools":[ {"type":"mystery_20990101", "name":"mystery"} ]',
    {
      ...usual,
      headers: {
        'anthropic-version': '2023-06-01',
        'anthropic-beta': 'context-management-2025-06-27,mystery-2099-01-01',
      },
    },
  ),
  'ollama-chat': both(
    '/api/chat',
    '"messages" : [ {"role":"user","content":"Hi", "mystery":1.0} ], "options":{ "mirostat":1, "min_p": 0.10, "mystery":[ 1.0 ]}',
    usual,
  ),
  'ollama-generate': both(
    '/api/generate',
    '"prompt" : "Hi", "options":{ "mirostat":1, "min_p": 0.10, "mystery":[ 1.0 ]}',
    usual,
  ),
}
