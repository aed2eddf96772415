import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'

type Fields = Readonly<Record<string, unknown>>

/** What has come of a reply: pieces of text, whether it says that it is complete, and the error that it tells. */
export interface Heard {
  readonly pieces: readonly string[]
  readonly complete: boolean
  /** In the dialect's own words; empty where it tells none. */
  readonly error: string
}

/** A client of one dialect, which knows nothing but its own API. */
export interface Client {
  readonly name: string
  readonly path: string
  readonly body: (asked: Pick<Asked, 'model' | 'stream' | 'said'>) => object
  readonly hearWhole: (body: Fields) => string
  readonly hearError: (body: Fields) => string
  readonly hearStream: (text: string) => Heard
}

export const prompt = 'Count up to four.'
const messages = (said = prompt) => [{ role: 'user', content: said }]

export const clients: readonly Client[] = [
  {
    name: 'openai-chat',
    path: '/v1/chat/completions',
    body: ({ model, stream, said }) => ({ model, messages: messages(said), stream }),
    hearWhole: ({ choices }) => String(at(choices, 0, 'message', 'content')),
    hearError: openaiError,
    hearStream: (text) => {
      const events = eventsOf(text)
      const chunks = events.map(({ fields }) => fields)
      const reasons = chunks.map((chunk) => at(chunk, 'choices', 0, 'finish_reason'))
      return {
        pieces: texts(chunks.map((chunk) => at(chunk, 'choices', 0, 'delta', 'content'))),
        complete: reasons.includes('stop') && events.at(-1)?.data === '[DONE]',
        error: chunks.filter((chunk) => 'error' in chunk).map(openaiError)[0] ?? '',
      }
    },
  },
  {
    name: 'openai-responses',
    path: '/v1/responses',
    body: ({ model, stream, said = prompt }) => ({ model, input: said, stream }),
    hearWhole: ({ status, output }) => (status === 'completed' ? String(at(output, 0, 'content', 0, 'text')) : ''),
    hearError: openaiError,
    hearStream: (text) => {
      const events = eventsOf(text).map(({ fields }) => fields)
      const last = events.at(-1)
      const failed = last?.type === 'response.failed'
      const told = events.find(({ type }) => type === 'error')
      return {
        pieces: texts(events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : undefined))),
        complete: last?.type === 'response.completed',
        // Ours comes in both forms, as clients differ in which of the two they take for the end; a vendor's own in one.
        error:
          told === undefined
            ? failed
              ? 'response.failed'
              : ''
            : openaiError('error' in told ? told : { error: told }),
      }
    },
  },
  {
    name: 'anthropic-messages',
    path: '/v1/messages',
    body: ({ model, stream, said }) => ({ model, max_tokens: 100, messages: messages(said), stream }),
    hearWhole: ({ type, content }) => (type === 'message' ? String(at(content, 0, 'text')) : ''),
    hearError: anthropicError,
    hearStream: (text) => {
      const events = eventsOf(text).map(({ fields }) => fields)
      return {
        pieces: texts(events.map((event) => at(event, 'delta', 'text'))),
        complete: events.at(-1)?.type === 'message_stop',
        error: events.filter(({ type }) => type === 'error').map(anthropicError)[0] ?? '',
      }
    },
  },
  {
    name: 'ollama-chat',
    path: '/api/chat',
    body: ({ model, stream, said }) => ({ model, messages: messages(said), stream }),
    hearWhole: ({ done, message }) => (done === true ? String(at(message, 'content')) : ''),
    hearError: ollamaError,
    hearStream: (text) => {
      const lines = text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Fields)
      return {
        pieces: texts(lines.map((line) => at(line, 'message', 'content'))),
        complete: lines.at(-1)?.done === true,
        error: lines.filter((line) => 'error' in line).map(ollamaError)[0] ?? '',
      }
    },
  },
  {
    name: 'native',
    path: '/api/v1/chat',
    body: ({ model, stream, said = prompt }) => ({ model, prompt: said, stream }),
    hearWhole: ({ response }) => String(response),
    hearError: nativeError,
    hearStream: (text) => {
      const events = eventsOf(text)
      return {
        pieces: texts(events.map(({ event, fields }) => (event === 'delta' ? fields.text : undefined))),
        complete: events.at(-1)?.event === 'done',
        error: events.filter(({ event }) => event === 'error').map(({ fields }) => nativeError(fields))[0] ?? '',
      }
    },
  },
]

function openaiError({ error }: Fields): string {
  return `${at(error, 'type')}, ${at(error, 'code')}`
}

function anthropicError({ type, error }: Fields): string {
  return type === 'error' ? String(at(error, 'type')) : ''
}

/** Ollama has no codes, only a sentence. */
function ollamaError({ error }: Fields): string {
  return typeof error === 'string' && error !== '' ? 'a sentence' : ''
}

function nativeError({ code }: Fields): string {
  return String(code)
}

interface HeardEvent {
  readonly event: string
  readonly data: string
  readonly fields: Fields
}

/** The events of a stream, without comments; one that is not complete yet is left out. */
function eventsOf(text: string): readonly HeardEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((frame) => {
      const data = /^data: (.*)$/m.exec(frame)?.[1]
      if (data === undefined) return []
      const event = /^event: (.*)$/m.exec(frame)?.[1] ?? ''
      return [{ event, data, fields: data === '[DONE]' ? {} : JSON.parse(data) }]
    })
}

function texts(values: readonly unknown[]): readonly string[] {
  return values.flatMap((value) => (typeof value === 'string' && value !== '' ? [value] : []))
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let inner = value
  for (const key of path) {
    if (typeof inner !== 'object' || inner === null) return undefined
    inner = (inner as Readonly<Record<string | number, unknown>>)[key]
  }
  return inner
}

export interface Asked {
  readonly url: string
  readonly client: Client
  readonly model: string
  readonly stream: boolean
  readonly id: string
  /** The prompt, where it is another than the usual one. */
  readonly said?: string
}

export interface Exchange {
  /** The head of the reply, once it is there. */
  readonly head: Promise<IncomingMessage>
  /** What has come of the body. */
  readonly text: () => string
  /** Resolves once the body has something that `enough` takes for enough. */
  readonly heard: (enough: (text: string) => boolean) => Promise<void>
  /** Resolves at the end of the exchange: true where the connection was cut. */
  readonly cut: Promise<boolean>
  readonly hangUp: () => void
}

const agent = new Agent({ keepAlive: false })

/** Asks over a connection of its own. */
export function ask({ url, client, id, ...asked }: Asked): Exchange {
  const head = Promise.withResolvers<IncomingMessage>()
  const cut = Promise.withResolvers<boolean>()
  const changed = new EventTarget()
  let text = ''
  // Whoever hangs up before the head does not wait for it.
  head.promise.catch(() => {})

  const outgoing = httpRequest(
    `${url}${client.path}`,
    { method: 'POST', agent, headers: { 'content-type': 'application/json', 'x-request-id': id } },
    (incoming) => {
      head.resolve(incoming)
      incoming.setEncoding('utf8')
      incoming.on('data', (piece: string) => {
        text += piece
        changed.dispatchEvent(new Event('change'))
      })
      incoming.on('error', () => {})
      incoming.on('close', () => cut.resolve(!incoming.complete))
    },
  )
  outgoing.on('error', (error) => {
    head.reject(error)
    cut.resolve(true)
  })
  outgoing.end(JSON.stringify(client.body(asked)))

  return {
    head: head.promise,
    text: () => text,
    heard: (enough) =>
      new Promise((resolve) => {
        const look = () => {
          if (!enough(text)) return
          changed.removeEventListener('change', look)
          resolve()
        }
        changed.addEventListener('change', look)
        look()
      }),
    cut: cut.promise,
    hangUp: () => outgoing.destroy(),
  }
}

/** How an exchange looked to its client, from its head to its end. */
export interface Seen extends Heard {
  readonly status: number
  readonly retryAfter: string | undefined
  /** `silent`: in good order, but before the reply was complete and without an error. */
  readonly ended: 'complete' | 'error' | 'cut' | 'silent'
  readonly body: string
}

export async function seenBy(asked: Asked): Promise<Seen> {
  const { client, stream } = asked
  const exchange = ask(asked)
  const { statusCode: status = 0, headers } = await exchange.head
  const isCut = await exchange.cut
  const body = exchange.text()
  const heard = status === 200 && stream ? client.hearStream(body) : hearBody(client, status, isCut ? '{}' : body)
  const ended = isCut ? 'cut' : heard.error !== '' ? 'error' : heard.complete ? 'complete' : 'silent'
  return { ...heard, status, retryAfter: headers['retry-after'], ended, body }
}

function hearBody(client: Client, status: number, body: string): Heard {
  const fields = JSON.parse(body) as Fields
  if (status !== 200) return { pieces: [], complete: false, error: client.hearError(fields) }
  const text = client.hearWhole(fields)
  return { pieces: [text], complete: text !== '', error: '' }
}
