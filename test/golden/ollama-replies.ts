import { printReply } from './golden-file.ts'
import { type CaseName, json, type Reply, saidIn, stream } from './reply.ts'

type Form = 'ollama-chat' | 'ollama-generate'

const docs = 'https://github.com/ollama/ollama/blob/main/docs/api.md'
const head = { model: 'qwen3', created_at: '2023-08-04T08:52:19.385406455-07:00' }
const counts = {
  total_duration: 4883583458,
  load_duration: 1334875,
  prompt_eval_count: 26,
  prompt_eval_duration: 342546000,
  eval_count: 282,
  eval_duration: 4535599000,
}

interface Piece {
  readonly content?: string
  readonly thinking?: string
  readonly tool_calls?: readonly object[]
}

const calls = [
  { function: { name: 'get_weather', arguments: { location: 'Paris' } } },
  { function: { name: 'get_weather', arguments: { location: 'Bogotá' } } },
]

/** What Ollama says in a chat, or to a prompt. */
export function ollamaReplies(form: Form, name: CaseName, whole: boolean): Reply {
  const page = `${docs}#${form === 'ollama-chat' ? 'generate-a-chat-completion' : 'generate-a-completion'}`
  switch (name) {
    case 'error':
      return {
        source: 'https://docs.ollama.com/api/errors',
        text: json({ error: 'the model failed to generate a response' }, 500),
      }
    case 'stream-error': {
      const lines = [...pieces(form, name).slice(0, 2), { error: 'an error was encountered while running the model' }]
      return { source: 'https://docs.ollama.com/api/errors#errors-that-occur-while-streaming', text: ndjson(lines) }
    }
    case 'unknown':
      return { source: `${page}, with fields that nobody knows`, text: unknownWhole(form) }
    case 'unknown-stream':
      return { source: `${page}, with fields that nobody knows`, text: unknownStream(form) }
    case 'tools-stream':
      return { source: `${docs}#chat-request-streaming-with-tools, two calls`, text: ndjson(pieces(form, name)) }
    case 'thinking-stream':
      return { source: 'https://docs.ollama.com/capabilities/thinking', text: ndjson(pieces(form, name)) }
    default:
      if (!whole) return { source: page, text: ndjson(pieces(form, name)) }
      return { source: `${page}, not streamed`, text: json(wholeBody(form, name)) }
  }
}

function wholeBody(form: Form, name: CaseName): object {
  const said = name === 'tools' ? { content: '', tool_calls: calls } : { content: saidIn(name).join('') }
  return line(form, said, { ...end('stop') })
}

function end(reason: string) {
  return { done_reason: reason, done: true, ...counts }
}

function pieces(form: Form, name: CaseName): readonly object[] {
  const last = line(form, { content: '' }, end(name === 'length-stream' ? 'length' : 'stop'))
  return [...told(name).map((piece) => line(form, piece, { done: false })), last]
}

function told(name: CaseName): readonly Piece[] {
  const texts = saidIn(name).map((content): Piece => ({ content }))
  if (name === 'tools-stream') return calls.map((call) => ({ content: '', tool_calls: [call] }))
  if (name !== 'thinking-stream') return texts
  return [...['The user greets me.', ' I greet back.'].map((thinking): Piece => ({ content: '', thinking })), ...texts]
}

function line(form: Form, { content, ...more }: Piece, rest: object): object {
  if (form === 'ollama-generate') return { ...head, response: content, ...more, ...rest }
  return { ...head, message: { role: 'assistant', content, ...more }, ...rest }
}

function ndjson(lines: readonly object[]): string {
  return stream(lines.map((one) => `${JSON.stringify(one)}\n`).join(''), 'application/x-ndjson')
}

function saidText(form: Form, text: string): string {
  return form === 'ollama-chat'
    ? `"message" : {"role":"assistant", "content":"${text}","mystery":1.0}`
    : `"response" :  "${text}"`
}

/** White space, numbers and fields that a gateway has no right to touch. */
function unknownWhole(form: Form): string {
  const body = `{ "model":"qwen3",\t"created_at":"${head.created_at}",${saidText(form, 'Hi \\u00e9\\u2028')},
  "done_reason":"stop","done":true,"prompt_eval_count":1,"eval_count":1, "big_number":12345678901234567890}\n`
  return printReply({ status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body })
}

function unknownStream(form: Form): string {
  const start = `{ "model":"qwen3","created_at":"${head.created_at}"`
  return stream(
    [
      `${start},${saidText(form, 'Hi \\u00e9')},"done":false , "big_number":12345678901234567890}\n`,
      `${start},${saidText(form, '')}, "mystery":{"n":1.50},"done":false}\n`,
      `${start},${saidText(form, '')},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":1,"mystery_count":3}\n`,
    ].join(''),
    'application/x-ndjson',
  )
}
