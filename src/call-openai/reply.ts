import { randomUUID } from 'node:crypto'
import type { GatewayError } from '../core/errors.ts'
import { type FinishReason, isContent, type ReplyPart, type TokenLogprob } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'
import { count, isRecord, list, messageIn, record, statusError, type UpstreamIdentity } from '../upstream/errors.ts'

type Fields = Readonly<Record<string, unknown>>
type Finish = Extract<ReplyPart, { type: 'finish' }>

/** Reads the chunks, or the one body, of a reply; remembers what later ones build upon. */
export interface ReplyReader {
  readonly read: (chunk: Fields) => readonly ReplyPart[]
  /** Undefined as long as the reply is not complete. */
  readonly finish: () => Finish | undefined
  /** Takes the reply for complete: some servers end without ever naming a reason. */
  readonly end: () => void
}

interface Choice {
  reason: FinishReason | undefined
  refused: boolean
  /** Our count of the calls by the server's index and id. */
  readonly calls: { readonly index: unknown; readonly id: string }[]
}

export function chatReader(): ReplyReader {
  return choicesReader((fields, choice, of) => {
    const parts = messageParts(
      record(fields.delta ?? fields.message),
      choice,
      tokensOf(record(fields.logprobs).content),
    )
    return of === undefined ? parts : parts.map((part) => (isContent(part) ? { ...part, ...of } : part))
  })
}

/** Completions of a text (`/completions`): no roles, no tools, logprobs in lists of their own. */
export function completionReader(): ReplyReader {
  return choicesReader(({ text, logprobs }, _choice, of) => {
    if (typeof text !== 'string' || text === '') return []
    const { tokens, token_logprobs: values, top_logprobs: tops } = record(logprobs)
    const told = list(tokens).flatMap((token, at): readonly TokenLogprob[] => {
      const logprob = list(values)[at]
      if (typeof token !== 'string' || typeof logprob !== 'number') return []
      const others = Object.entries(record(list(tops)[at]))
      const top = others.flatMap(([token, logprob]) => tokenOf({ token, logprob }) ?? [])
      return [{ token, logprob, ...(top.length > 0 && { top }) }]
    })
    return [{ type: 'text-delta', text, ...(told.length > 0 && { logprobs: told }), ...of }]
  })
}

/** As many as clients may ask for: what a broken server counts must not fill the memory. */
const mostChoices = 128

type ChoiceParts = (fields: Fields, choice: Choice, of: { readonly choice: number } | undefined) => readonly ReplyPart[]

function choicesReader(partsOf: ChoiceParts): ReplyReader {
  const choices: Choice[] = []
  let usage: Usage | undefined
  const choiceAt = (index: number): Choice => {
    while (choices.length <= index) choices.push({ reason: undefined, refused: false, calls: [] })
    return choices[index] as Choice
  }

  return {
    read(chunk) {
      const parts: ReplyPart[] = []
      for (const fields of list(chunk.choices).filter(isRecord)) {
        const index = Math.min(count(fields.index), mostChoices - 1)
        const choice = choiceAt(index)
        parts.push(...partsOf(fields, choice, index === 0 ? undefined : { choice: index }))
        choice.reason = finishReasonOf(fields, choice) ?? choice.reason
      }
      const report = usageOf(chunk)
      if (report === undefined) return parts
      usage = report
      return [...parts, { type: 'usage', usage }]
    },
    end() {
      for (const choice of choices) choice.reason ??= choice.calls.length > 0 ? 'tool-calls' : 'stop'
    },
    finish() {
      const reasons = choices.flatMap(({ reason }) => reason ?? [])
      const [reason] = reasons
      if (reason === undefined || reasons.length < choices.length) return undefined
      return { type: 'finish', reason, ...(reasons.length > 1 && { reasons }), usage }
    },
  }
}

function messageParts(message: Fields, choice: Choice, logprobs: readonly TokenLogprob[]): readonly ReplyPart[] {
  const parts: ReplyPart[] = []
  // vLLM and DeepSeek say `reasoning_content`, OpenRouter and newer vLLM `reasoning`.
  pushThought(parts, message.reasoning_content ?? message.reasoning)
  if (Array.isArray(message.content)) {
    // Mistral's thinking models send pieces.
    for (const piece of message.content.map(record)) {
      if (piece.type === 'thinking') for (const inner of list(piece.thinking)) pushThought(parts, record(inner).text)
      else if (typeof piece.text === 'string' && piece.text !== '') parts.push({ type: 'text-delta', text: piece.text })
    }
  }
  const { refusal, audio, annotations } = message
  if (typeof refusal === 'string' && refusal !== '') choice.refused = true
  const text = typeof message.content === 'string' && message.content !== '' ? message.content : refusal
  if (typeof text === 'string' && text !== '') {
    parts.push({ type: 'text-delta', text, ...(logprobs.length > 0 && { logprobs }) })
  } else if (message.content === '' && logprobs.length > 0 && parts.length === 0) {
    // A token that is a piece of a character says nothing until the rest of it comes.
    parts.push({ type: 'text-delta', text: '', logprobs })
  }
  for (const [at, call] of list(message.tool_calls).map(record).entries()) parts.push(...callParts(call, at, choice))
  if (isRecord(message.function_call))
    parts.push(...callParts({ index: 0, function: message.function_call }, 0, choice))
  if (isRecord(audio)) parts.push({ type: 'opaque', kind: 'audio' })
  if (list(annotations).length > 0) parts.push({ type: 'opaque', kind: 'annotations' })
  return parts
}

function pushThought(parts: ReplyPart[], text: unknown): void {
  if (typeof text === 'string' && text !== '') parts.push({ type: 'reasoning-delta', text })
}

/** A piece of a tool call. Servers without indexes, or with the same for all, tell their calls apart by the id. */
function callParts(call: Fields, position: number, { calls }: Choice): readonly ReplyPart[] {
  const custom = isRecord(call.custom) ? call.custom : undefined
  // The input of a custom tool is no JSON, and only the native form can carry it: it is read to be counted.
  const { name, arguments: fragment } =
    custom === undefined ? record(call.function) : { name: custom.name, arguments: custom.input }
  const given = typeof call.id === 'string' ? call.id : ''
  const at = call.index ?? position
  let known = calls.findLastIndex(({ index, id }) => index === at && (given === '' || id === given))
  const begins = known === -1
  if (begins) known = calls.push({ index: at, id: given || `call_${randomUUID().replaceAll('-', '')}` }) - 1
  const parts: ReplyPart[] = begins && custom !== undefined ? [{ type: 'opaque', kind: 'custom' }] : []
  if (begins) parts.push({ type: 'tool-call', index: known, id: calls[known]?.id ?? '', name: String(name ?? '') })
  const text = isRecord(fragment) ? JSON.stringify(fragment) : fragment
  if (typeof text === 'string' && text !== '') parts.push({ type: 'tool-call-delta', index: known, arguments: text })
  return parts
}

/** The probabilities in a list of OpenAI's form. */
export function tokensOf(logprobs: unknown): readonly TokenLogprob[] {
  return list(logprobs).flatMap((entry) => {
    const { top_logprobs, ...own } = record(entry)
    const token = tokenOf(own)
    const top = list(top_logprobs).flatMap((other) => tokenOf(record(other)) ?? [])
    return token === undefined ? [] : [{ ...token, ...(top.length > 0 && { top }) }]
  })
}

function tokenOf({ token, logprob }: Fields): TokenLogprob | undefined {
  return typeof logprob === 'number' ? { token: String(token ?? ''), logprob } : undefined
}

function finishReasonOf({ finish_reason }: Fields, { refused, calls }: Choice): FinishReason | undefined {
  if (typeof finish_reason !== 'string' || finish_reason === '') return undefined
  if (finish_reason === 'length') return 'length'
  if (finish_reason === 'content_filter' || refused) return 'content-filter'
  // Some servers end with `stop` after a call.
  return calls.length > 0 ? 'tool-calls' : 'stop'
}

/** The usage of a chunk in disjoint buckets, where it has one. */
export function usageOf(chunk: Fields): Usage | undefined {
  const usage = chunk.usage ?? record(chunk.x_groq).usage
  if (!isRecord(usage)) return undefined

  const prompt = count(usage.prompt_tokens)
  const completion = count(usage.completion_tokens)
  const cached = count(record(usage.prompt_tokens_details).cached_tokens) || count(usage.prompt_cache_hit_tokens)
  const cacheRead = Math.min(cached, prompt)
  const cacheWrite = Math.min(count(record(usage.prompt_tokens_details).cache_write_tokens), prompt - cacheRead)
  const thought = count(record(usage.completion_tokens_details).reasoning_tokens)
  // Some servers (xAI) count the reasoning beside the completion, not within it; only their total tells.
  const beside = thought > 0 && count(usage.total_tokens) === prompt + completion + thought
  const reasoning = beside ? thought : Math.min(thought, completion)
  return {
    input: prompt - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    cacheWriteHour: 0,
    output: beside ? completion : completion - reasoning,
    reasoning,
  }
}

/** The error inside a stream that had begun well. */
export function streamError(error: unknown, identity: UpstreamIdentity): GatewayError {
  return statusError(identity, { status: statusOf(record(error)), message: messageIn(error) })
}

function statusOf({ code, status, type }: Fields): number {
  for (const number of [code, status]) {
    if (typeof number === 'number' && number >= 400 && number < 600) return number
  }
  const words = [code, type].filter((word) => typeof word === 'string').join(' ')
  if (/invalid_?api_?key|authentication/i.test(words)) return 401
  if (/rate_?limit|insufficient_quota/i.test(words)) return 429
  if (/overloaded|unavailable/i.test(words)) return 503
  if (/invalid_request|bad_?request|context_length/i.test(words)) return 400
  return 500
}
