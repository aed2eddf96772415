import type { FinishReason, ReplyPart } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'
import { count, isRecord, list, record, type UpstreamIdentity } from '../upstream/errors.ts'
import { type ReplyReader, streamError, tokensOf } from './reply.ts'

type Fields = Readonly<Record<string, unknown>>

/** Reads the events of the Responses API, or the one body of a whole reply. */
export function responsesReader(identity: UpstreamIdentity): ReplyReader {
  /** Our count of the calls by the place of their item. */
  const calls = new Map<unknown, number>()
  let reason: FinishReason | undefined
  let refused = false
  let usage: Usage | undefined

  const begin = (item: Fields, at: unknown): readonly ReplyPart[] => {
    switch (item.type) {
      case 'message':
      case 'reasoning':
        return []
      case 'function_call':
        calls.set(at, calls.size)
        return [callPart(item, calls.size - 1)]
      case 'custom_tool_call':
        // Its input is no JSON, and only the native form can carry it: it is read to be counted.
        calls.set(at, calls.size)
        return [{ type: 'opaque', kind: item.type }, callPart(item, calls.size - 1)]
      default:
        return [{ type: 'opaque', kind: String(item.type) }]
    }
  }
  const close = (response: Fields): readonly ReplyPart[] => {
    if (response.status === 'failed') throw streamError(response.error, identity)
    usage = usageOf(response.usage) ?? usage
    reason = reasonOf(response, calls.size > 0, refused)
    return usage === undefined ? [] : [{ type: 'usage', usage }]
  }

  return {
    read(event) {
      const at = event.output_index
      switch (event.type) {
        case 'response.output_item.added':
          return begin(record(event.item), at)
        case 'response.output_item.done':
          return signatureParts(record(event.item))
        case 'response.refusal.delta':
          refused = true
          return textParts(event.delta)
        case 'response.output_text.delta':
          return textParts(event.delta, event.logprobs)
        case 'response.reasoning_text.delta':
        case 'response.reasoning_summary_text.delta':
          return thoughtParts(event.delta)
        case 'response.output_text.annotation.added':
          return [{ type: 'opaque', kind: 'annotations' }]
        case 'response.function_call_arguments.delta':
        case 'response.custom_tool_call_input.delta':
          return argumentParts(event.delta, calls.get(at))
        case 'response.completed':
        case 'response.incomplete':
        case 'response.failed':
          return close(record(event.response))
        case 'error':
          throw streamError(event.error ?? event, identity)
        default:
          break
      }
      if (event.object !== 'response') return []
      const parts = list(event.output)
        .map(record)
        .flatMap((item, index) => {
          if (list(item.content).some((piece) => record(piece).type === 'refusal')) refused = true
          return [...begin(item, index), ...wholeItem(item, calls.get(index))]
        })
      return [...parts, ...close(event)]
    },
    // Nothing but the last event of its kind, or a whole body, ends a response.
    end: () => {},
    finish: () => (reason === undefined ? undefined : { type: 'finish', reason, usage }),
  }
}

function wholeItem(item: Fields, call: number | undefined): readonly ReplyPart[] {
  switch (item.type) {
    case 'message':
      return list(item.content)
        .map(record)
        .flatMap((piece) => textParts(piece.text ?? piece.refusal, piece.logprobs))
    case 'reasoning': {
      const thoughts = [...list(item.summary), ...list(item.content)].flatMap((piece) =>
        thoughtParts(record(piece).text),
      )
      return [...thoughts, ...signatureParts(item)]
    }
    case 'function_call':
      return argumentParts(item.arguments, call)
    case 'custom_tool_call':
      return argumentParts(item.input, call)
    default:
      return []
  }
}

function callPart({ call_id, id, name }: Fields, index: number): ReplyPart {
  return { type: 'tool-call', index, id: String(call_id ?? id ?? ''), name: String(name ?? '') }
}

function argumentParts(text: unknown, index: number | undefined): readonly ReplyPart[] {
  if (index === undefined || typeof text !== 'string' || text === '') return []
  return [{ type: 'tool-call-delta', index, arguments: text }]
}

function signatureParts({ type, encrypted_content }: Fields): readonly ReplyPart[] {
  if (type !== 'reasoning' || typeof encrypted_content !== 'string' || encrypted_content === '') return []
  return [{ type: 'reasoning-signature', signature: encrypted_content }]
}

function textParts(text: unknown, logprobs?: unknown): readonly ReplyPart[] {
  if (typeof text !== 'string' || text === '') return []
  const told = tokensOf(logprobs)
  return [{ type: 'text-delta', text, ...(told.length > 0 && { logprobs: told }) }]
}

function thoughtParts(text: unknown): readonly ReplyPart[] {
  return typeof text === 'string' && text !== '' ? [{ type: 'reasoning-delta', text }] : []
}

function reasonOf({ status, incomplete_details }: Fields, called: boolean, refused: boolean): FinishReason {
  if (status === 'incomplete') {
    return record(incomplete_details).reason === 'content_filter' ? 'content-filter' : 'length'
  }
  if (refused) return 'content-filter'
  return called ? 'tool-calls' : 'stop'
}

function usageOf(usage: unknown): Usage | undefined {
  if (!isRecord(usage)) return undefined
  const input = count(usage.input_tokens)
  const output = count(usage.output_tokens)
  const { cached_tokens, cache_write_tokens } = record(usage.input_tokens_details)
  const cacheRead = Math.min(count(cached_tokens), input)
  const cacheWrite = Math.min(count(cache_write_tokens), input - cacheRead)
  const reasoning = Math.min(count(record(usage.output_tokens_details).reasoning_tokens), output)
  return {
    input: input - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    cacheWriteHour: 0,
    output: output - reasoning,
    reasoning,
  }
}
