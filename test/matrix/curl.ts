import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import type { Client } from './client.ts'
import { type Api, anthropic, type Fields, native, ollama, openai, type Turn } from './curl-apis.ts'
import { drivenClient } from './driven-client.ts'
import { type Call, type Driver, mostTurns, type Place, parsed, type Refusal, weather } from './driver.ts'

const run = promisify(execFile)

/** An answer with a status of 400 or more. */
class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

/** One client for each API: curl is the only one that speaks the gateway's own. */
export const curlClients: readonly Client[] = [native, openai, anthropic, ollama].map((api) =>
  drivenClient({
    name: `\`curl\`, ${api.name} API`,
    code: `curl http://127.0.0.1:8080${api.path} -H "authorization: Bearer $KEY" -H "content-type: application/json" -d '${api.example}'`,
    errors: api.errors,
    refusalOf: (error) => (error instanceof AnswerError ? error.refusal : undefined),
    open: (place) => open(api, place),
  }),
)

function open(api: Api, place: Place): Driver {
  const ask = (text: string, fields: Omit<Fields, 'text'> = {}) =>
    post(api, place, api.body(place, { text, ...fields }))
  const { embeddings } = api
  return {
    plain: async (text) => api.text(await ask(text)),
    stream: async (text) => api.pieces(await ask(text, { stream: true })).filter((piece) => piece !== ''),
    tools: async (text) => callsOf(api, await ask(text, { tools: 'required' })),
    async toolLoop(text) {
      const calls: Call[] = []
      const turns: Turn[] = []
      while (turns.length < mostTurns) {
        const reply = await ask(text, { turns, tools: turns.length === 0 ? place.firstChoice : 'auto' })
        const made = api.calls(reply)
        if (made.length === 0) return { calls, text: api.text(reply) }
        calls.push(...callsOf(api, reply))
        turns.push({ reply, results: made.map(({ id, name }) => ({ id, name, text: weather.result })) })
      }
      return { calls, text: '' }
    },
    jsonSchema: async (text) => parsed(api.text(await ask(text, { schema: true }))),
    image: async (text) => api.text(await ask(text, { image: true })),
    ...(embeddings && {
      embeddings: async (texts) =>
        embeddings.vectors(await post({ ...api, path: embeddings.path }, place, embeddings.body(place, texts))),
    }),
    badField: (text) => post(api, place, { ...api.body(place, { text }), ...api.badField }),
    async abortStream(text) {
      const child = begin(api, place, api.body(place, { text, stream: true }))
      if (child.stdout !== null) await once(child.stdout, 'data')
      await killed(child)
    },
    async abortWhole(text, signal) {
      const child = begin(api, place, api.body(place, { text }))
      const chunks: string[] = []
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk))
      await once(signal, 'abort')
      await killed(child)
      if (chunks.length === 0) throw new Error('curl was killed before it had an answer')
      return chunks.join('')
    },
  }
}

function callsOf(api: Api, reply: string): readonly Call[] {
  return api.calls(reply).map(({ name, arguments: given }) => ({ name, arguments: given }))
}

/** The body is read from the standard input. */
function argumentsFor(api: Api, { url, key, headers }: Place): string[] {
  const sent = {
    'content-type': 'application/json',
    authorization: `Bearer ${key}`,
    ...api.headers,
    ...headers,
  }
  const named = Object.entries(sent).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  return ['-sS', '--no-buffer', ...named, '--data-binary', '@-', `${url}${api.path}`]
}

/** The body of the answer. Throws an `AnswerError`. */
async function post(api: Api, place: Place, body: object): Promise<string> {
  // To the error output, so that the body stays clean.
  const status = ['--write-out', '%{stderr}%{http_code}']
  const running = run('curl', [...status, ...argumentsFor(api, place)], { maxBuffer: 10_000_000 })
  running.child.stdin?.end(JSON.stringify(body))
  const { stdout, stderr } = await running
  if (Number(stderr) === 200) return stdout
  throw new AnswerError({ ...api.refusal(stdout), status: Number(stderr) })
}

function begin(api: Api, place: Place, body: object): ChildProcess {
  const child = spawn('curl', argumentsFor(api, place), { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin?.end(JSON.stringify(body))
  return child
}

async function killed(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.stdout?.resume()
  child.kill()
  await closed
}
