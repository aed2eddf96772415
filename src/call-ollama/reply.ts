import { randomBytes } from 'node:crypto'
import { parseExactly } from '../core/exact-json.ts'
import type { FinishReason, ReplyPart, TokenLogprob } from '../core/reply.ts'
import { noUsage, type Usage } from '../core/usage.ts'
import { count, isRecord, messageIn, statusError, type UpstreamIdentity } from '../upstream/errors.ts'

type Fields = Readonly<Record<string, unknown>>

/** What the lines of one reply mean: those of `/api/chat`, or of `/api/generate`. */
export class OllamaReply {
  readonly #identity: UpstreamIdentity
  readonly #oneCall: boolean
  #calls = 0

  /** `oneCall` passes on the first tool call only, as Ollama cannot be told to make no others. */
  constructor(identity: UpstreamIdentity, { oneCall }: { readonly oneCall: boolean }) {
    this.#identity = identity
    this.#oneCall = oneCall
  }

  /** `text` is the line as it came: numbers of a call's arguments are kept as they stand there. Throws what an error line says. */
  *partsOf(line: Fields, text: string): Generator<ReplyPart> {
    // A status of 500 says: whatever the text, the failure is the server's.
    if ('error' in line) {
      const message = messageIn(line.error)
      // A line has no status: its words tell a full queue from a fault.
      throw statusError(this.#identity, {
        status: /busy|overloaded|pending requests/i.test(message) ? 503 : 500,
        message,
      })
    }
    const message = isRecord(line.message) ? line.message : { content: line.response, thinking: line.thinking }

    const { thinking, content, tool_calls } = message as Fields
    if (typeof thinking === 'string' && thinking !== '') yield { type: 'reasoning-delta', text: thinking }
    if (typeof content === 'string' && content !== '') {
      const logprobs = logprobsOf(line.logprobs)
      yield { type: 'text-delta', text: content, ...(logprobs.length > 0 && { logprobs }) }
    }
    if (Array.isArray(tool_calls) && tool_calls.length > 0) yield* this.#callsOf(text)
    if (line.done === true) yield { type: 'finish', reason: this.#reasonOf(line), usage: usageOf(line) }
  }

  *#callsOf(text: string): Generator<ReplyPart> {
    const line = parseExactly(text)
    const calls = isRecord(line) && isRecord(line.message) ? line.message.tool_calls : []
    for (const call of Array.isArray(calls) ? calls : []) yield* this.#callOf(call)
  }

  *#callOf(call: unknown): Generator<ReplyPart> {
    if (!isRecord(call) || !isRecord(call.function) || (this.#oneCall && this.#calls > 0)) return
    const { name, arguments: given } = call.function
    const index = this.#calls++
    // Older versions name no ids.
    const id = typeof call.id === 'string' && call.id !== '' ? call.id : `call_${randomBytes(12).toString('hex')}`
    yield { type: 'tool-call', index, id, name: String(name) }
    yield { type: 'tool-call-delta', index, arguments: JSON.stringify(given ?? {}) }
  }

  #reasonOf({ done_reason: reason }: Fields): FinishReason {
    if (reason === 'length') return 'length'
    return this.#calls > 0 ? 'tool-calls' : 'stop'
  }
}

function logprobsOf(value: unknown): TokenLogprob[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry) => {
    const told = oneLogprob(entry)
    if (told === undefined) return []
    const top: readonly unknown[] = Array.isArray(entry.top_logprobs) ? entry.top_logprobs : []
    const others = top.map(oneLogprob).filter((other) => other !== undefined)
    return [{ ...told, ...(others.length > 0 && { top: others }) }]
  })
}

function oneLogprob(entry: unknown): { token: string; logprob: number } | undefined {
  if (!isRecord(entry) || typeof entry.logprob !== 'number') return undefined
  return { token: typeof entry.token === 'string' ? entry.token : '', logprob: entry.logprob }
}

/** Ollama leaves out the prompt's count when it still had the prompt in memory; then nothing certain can be said. */
function usageOf(line: Fields): Usage | undefined {
  if (typeof line.prompt_eval_count !== 'number' || typeof line.eval_count !== 'number') return undefined
  return { ...noUsage, input: count(line.prompt_eval_count), output: count(line.eval_count) }
}
