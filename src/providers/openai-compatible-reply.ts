import type { GatewayError } from '../core/errors.ts'
import type { FinishReason, ReplyPart } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'
import { count, isRecord, messageIn, statusError, type UpstreamIdentity } from './upstream-errors.ts'

type Fields = Readonly<Record<string, unknown>>

/** What of one chunk is passed on at once. */
export function* deltasOf(choice: Fields): Generator<ReplyPart> {
  const delta = record(choice.delta)
  // vLLM and DeepSeek say `reasoning_content`, OpenRouter and newer vLLM `reasoning`.
  const reasoning = delta.reasoning_content ?? delta.reasoning
  if (typeof reasoning === 'string' && reasoning !== '') yield { type: 'reasoning-delta', text: reasoning }

  const text = delta.content ?? delta.refusal
  if (typeof text !== 'string' || text === '') return
  const entries = record(choice.logprobs).content
  const logprobs = Array.isArray(entries)
    ? entries.map((entry) => entry?.logprob).filter((logprob) => typeof logprob === 'number')
    : []
  yield { type: 'text-delta', text, ...(logprobs.length > 0 && { logprobs }) }
}

/** The first choice: a reply here is one text, however many were asked for. Empty in the chunk that holds the usage. */
export function choiceOf(chunk: Fields): Fields {
  const choices = Array.isArray(chunk.choices) ? chunk.choices : []
  return record(choices.find((choice) => isRecord(choice) && (choice.index ?? 0) === 0))
}

export function finishReasonOf(choice: Fields): FinishReason | undefined {
  const { finish_reason } = choice
  if (typeof finish_reason !== 'string' || finish_reason === '') return undefined
  if (finish_reason === 'length') return 'length'
  return finish_reason === 'content_filter' ? 'content-filter' : 'stop'
}

/** The usage of a chunk in disjoint buckets, where it has one. */
export function usageOf(chunk: Fields): Usage | undefined {
  const usage = chunk.usage ?? record(chunk.x_groq).usage
  if (!isRecord(usage)) return undefined

  const prompt = count(usage.prompt_tokens)
  const completion = count(usage.completion_tokens)
  const cached = count(record(usage.prompt_tokens_details).cached_tokens) || count(usage.prompt_cache_hit_tokens)
  const cacheRead = Math.min(cached, prompt)
  const thought = count(record(usage.completion_tokens_details).reasoning_tokens)
  // Some servers (xAI) count the reasoning beside the completion, not within it; only their total tells.
  const beside = thought > 0 && count(usage.total_tokens) === prompt + completion + thought
  const reasoning = beside ? thought : Math.min(thought, completion)
  return {
    input: prompt - cacheRead,
    cacheRead,
    cacheWrite: 0,
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
  if (/rate_?limit|insufficient_quota/i.test(words)) return 429
  if (/overloaded|unavailable/i.test(words)) return 503
  if (/invalid_request|bad_?request|context_length/i.test(words)) return 400
  return 500
}

function record(value: unknown): Fields {
  return isRecord(value) ? value : {}
}
