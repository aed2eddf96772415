import { printReply } from './golden-file.ts'

/** The forms in which model servers reply; named like the dialects. */
export type Wire =
  | 'openai-chat'
  | 'openai-completions'
  | 'openai-responses'
  | 'anthropic-messages'
  | 'ollama-chat'
  | 'ollama-generate'

/** Names with `stream` in them are streamed to the client. */
export type CaseName =
  | 'plain'
  | 'plain-stream'
  | 'tools'
  | 'tools-stream'
  | 'tool-results'
  | 'schema'
  | 'image'
  | 'thinking-stream'
  | 'length-stream'
  | 'error'
  | 'stream-error'
  | 'unknown'
  | 'unknown-stream'

export interface Reply {
  /** The page, and what was changed. */
  readonly source: string
  /** As a section of a file. */
  readonly text: string
}

/** What the model says in the cases in which nothing else matters; every wire cuts it in the same way. */
export const said: Readonly<
  Record<'plain' | 'tool-results' | 'schema' | 'image' | 'length-stream', readonly string[]>
> = {
  plain: ['Hello', '! How can I ', 'assist you today?'],
  'tool-results': ['It is 18 °C in Paris', ' and 14 °C in Bogotá 🌧️.'],
  schema: ['{"age": 22,', ' "available": true}'],
  image: ['A happy cartoon character,', ' which is cute and cheerful.'],
  'length-stream': ['One, two,', ' three'],
}

export function saidIn(name: CaseName): readonly string[] {
  return Object.entries(said).find(([known]) => known === name)?.[1] ?? said.plain
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): string {
  return printReply({
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value, undefined, 2),
  })
}

export function stream(body: string, contentType = 'text/event-stream; charset=utf-8'): string {
  return printReply({ status: 200, headers: { 'content-type': contentType }, body })
}
