import { randomUUID } from 'node:crypto'
import type { OutputPart } from '../core/content.ts'
import type { GatewayError } from '../core/errors.ts'
import { wholePart } from '../core/message-builder.ts'
import type { ContentDelta, TokenLogprob } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import type { FrameWriter } from '../dialects/dialect.ts'
import { openaiError } from '../serve-openai/errors.ts'
import { bodyOf } from './body.ts'
import {
  closingState,
  type ItemStatus,
  itemOf,
  logprobOf,
  type OutputItem,
  type ResponseState,
  responseObject,
  textContent,
} from './reply.ts'
import { calledAs } from './tools.ts'

/** An item that has been announced and is not complete. */
type Open = { readonly index: number; readonly item: OutputItem; readonly pieces: string[] } & (
  | { readonly type: 'text'; readonly logprobs: TokenLogprob[] }
  | { readonly type: 'reasoning'; signature?: string; redacted?: string }
  | { readonly type: 'tool-call'; readonly call: number; readonly id: string; readonly name: string }
)

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

/** The events of one streamed response, in the order that OpenAI documents. */
export function responsesFrames(request: ChatRequest): FrameWriter {
  const tools = calledAs(bodyOf(request))
  const answer = randomUUID().replaceAll('-', '')
  const told = request.logprobs !== undefined
  const output: OutputItem[] = []
  let open: Open[] = []
  let began = 0
  let sequence = 0
  let base: Pick<ResponseState, 'created_at' | 'model'> = {
    created_at: Math.floor(Date.now() / 1000),
    model: request.model,
  }

  const event = ({ type, ...fields }: Event): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`
  const events = (all: readonly Event[]): string => all.map(event).join('')
  const response = (state: Partial<ResponseState> & Pick<ResponseState, 'status'>) =>
    responseObject(request, { ...base, ...state })

  const announce = (part: OutputPart): { readonly index: number; readonly item: OutputItem; readonly text: string } => {
    const index = began++
    const item = itemOf(part, { answer, index, status: 'in_progress', tools })
    return { index, item, text: event({ type: 'response.output_item.added', output_index: index, item }) }
  }
  const close = (one: Open, status: ItemStatus): string => {
    const logprobs = one.type === 'text' && told ? one.logprobs : undefined
    const item = itemOf(wholePart(one), { answer, index: one.index, status, tools, logprobs })
    open = open.filter((other) => other !== one)
    output[one.index] = item
    return events([...closingEvents(one, item), { type: 'response.output_item.done', output_index: one.index, item }])
  }
  /** Before something new begins: calls whose arguments may still come stay open, all else is complete. */
  const closeComplete = (): string =>
    open
      .filter((one) => one.type !== 'tool-call' || isJson(one.pieces.join('')))
      .map((one) => close(one, 'completed'))
      .join('')

  const beginText = (): string => {
    const before = closeComplete()
    const { index, item, text } = announce({ type: 'text', text: '' })
    open.push({ type: 'text', index, item, pieces: [], logprobs: [] })
    const part = { item_id: item.id, output_index: index, content_index: 0, part: textContent('') }
    return before + text + event({ type: 'response.content_part.added', ...part })
  }
  const beginReasoning = (): string => {
    const before = closeComplete()
    const { index, item, text } = announce({ type: 'reasoning', text: '' })
    open.push({ type: 'reasoning', index, item, pieces: [] })
    return before + text
  }

  const say = ({ text, logprobs = [] }: Extract<ContentDelta, { type: 'text-delta' }>): string => {
    const news = told ? logprobs : []
    if (text === '' && news.length === 0) return ''
    const before = last(open)?.type === 'text' ? '' : beginText()
    const current = last(open)
    if (current?.type !== 'text') return before
    current.pieces.push(text)
    current.logprobs.push(...news)
    const place = { item_id: current.item.id, output_index: current.index, content_index: 0 }
    return before + event({ type: 'response.output_text.delta', ...place, delta: text, logprobs: news.map(logprobOf) })
  }
  /** A piece that is signed or encrypted is complete: what follows is the next one. */
  const think = (text: string): string => {
    if (text === '') return ''
    const running = last(open)
    const before = running?.type === 'reasoning' && !isSealed(running) ? '' : beginReasoning()
    const current = last(open)
    if (current?.type !== 'reasoning') return before
    const place = { item_id: current.item.id, output_index: current.index, summary_index: 0 }
    const first = current.pieces.length === 0
    current.pieces.push(text)
    const part = { type: 'summary_text', text: '' }
    return (
      before +
      (first ? event({ type: 'response.reasoning_summary_part.added', ...place, part }) : '') +
      event({ type: 'response.reasoning_summary_text.delta', ...place, delta: text })
    )
  }
  const sign = (signature: string): string => {
    const running = last(open)
    const before = running?.type === 'reasoning' && running.redacted === undefined ? '' : beginReasoning()
    const current = last(open)
    if (current?.type === 'reasoning') current.signature = (current.signature ?? '') + signature
    return before
  }
  const redact = (data: string): string => {
    const before = beginReasoning()
    const current = last(open)
    if (current?.type === 'reasoning') current.redacted = data
    return before
  }
  const call = ({ index: number, id, name }: Extract<ContentDelta, { type: 'tool-call' }>): string => {
    const before = closeComplete()
    const { index, item, text } = announce({ type: 'tool-call', id, name, arguments: '' })
    open.push({ type: 'tool-call', index, item, call: number, id, name, pieces: [] })
    return before + text
  }
  const argue = ({ index, arguments: written }: Extract<ContentDelta, { type: 'tool-call-delta' }>): string => {
    const current = open.find((one) => one.type === 'tool-call' && one.call === index)
    if (current === undefined || written === '') return ''
    current.pieces.push(written)
    // Free text cannot be told before the JSON around it is complete.
    if (current.item.type !== 'function_call') return ''
    const place = { item_id: current.item.id, output_index: current.index }
    return event({ type: 'response.function_call_arguments.delta', ...place, delta: written })
  }

  return {
    contentType: 'text/event-stream; charset=utf-8',
    heartbeat: ': still working\n\n',
    start(facts) {
      base = { created_at: Math.floor(Date.now() / 1000), model: facts.model }
      const begun = response({ status: 'in_progress' })
      return events([
        { type: 'response.created', response: begun },
        { type: 'response.in_progress', response: begun },
      ])
    },
    part(part) {
      if ((part.choice ?? 0) > 0) return ''
      switch (part.type) {
        case 'text-delta':
          return say(part)
        case 'reasoning-delta':
          return think(part.text)
        case 'reasoning-signature':
          return sign(part.signature)
        case 'reasoning-redacted':
          return redact(part.data)
        case 'tool-call':
          return call(part)
        case 'tool-call-delta':
          return argue(part)
        default:
          return part satisfies never
      }
    },
    end({ reason, receipt }) {
      const closing = closingState(reason, receipt.usage)
      const empty = began === 0 ? beginText() : ''
      const rest = open.map((one) => close(one, one.index === began - 1 ? lastStatus(closing) : 'completed')).join('')
      const ended = response({ ...closing, output })
      return empty + rest + event({ type: `response.${closing.status}`, response: ended })
    },
    error(error, requestId) {
      const fault = faultOf(error, requestId)
      // Flat as documented, and nested as OpenAI sends it; some clients take the one for the end, some the other.
      return events([
        { ...fault, error: fault, type: 'error' },
        {
          type: 'response.failed',
          response: response({
            status: 'failed',
            output: output.filter((item) => item !== undefined),
            error: { code: failureCode(error), message: fault.message },
          }),
        },
      ])
    },
  }
}

/** A reply that was cut was cut in its last item. */
export function lastStatus({ status }: Pick<ResponseState, 'status'>): ItemStatus {
  return status === 'incomplete' ? 'incomplete' : 'completed'
}

function closingEvents(one: Open, item: OutputItem): readonly Event[] {
  const place = { item_id: item.id, output_index: one.index }
  switch (item.type) {
    case 'message': {
      const [part] = item.content
      const at = { ...place, content_index: 0 }
      return [
        { type: 'response.output_text.done', ...at, text: part?.text ?? '', logprobs: part?.logprobs ?? [] },
        { type: 'response.content_part.done', ...at, part },
      ]
    }
    case 'reasoning':
      return item.summary.flatMap((part, index) => [
        { type: 'response.reasoning_summary_text.done', ...place, summary_index: index, text: part.text },
        { type: 'response.reasoning_summary_part.done', ...place, summary_index: index, part },
      ])
    case 'function_call': {
      const type = 'response.function_call_arguments'
      const done = { type: `${type}.done`, ...place, name: item.name, arguments: item.arguments }
      // Arguments that the model never wrote are those of an empty object, and the deltas must add up to them.
      return one.pieces.length > 0 ? [done] : [{ type: `${type}.delta`, ...place, delta: item.arguments }, done]
    }
    case 'custom_tool_call': {
      const type = 'response.custom_tool_call_input'
      const delta = { type: `${type}.delta`, ...place, delta: item.input }
      return [...(item.input === '' ? [] : [delta]), { type: `${type}.done`, ...place, input: item.input }]
    }
    default:
      return item satisfies never
  }
}

function last(open: readonly Open[]): Open | undefined {
  return open.at(-1)
}

function isSealed({ signature, redacted }: { readonly signature?: string; readonly redacted?: string }): boolean {
  return signature !== undefined || redacted !== undefined
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The code of a failed response: OpenAI's list is a closed one, and clients act on some of its words. */
function failureCode({ code }: GatewayError): string {
  switch (code) {
    case 'context_too_long':
      return 'context_length_exceeded'
    case 'upstream_rate_limited':
    case 'rate_limited':
      return 'rate_limit_exceeded'
    case 'invalid_request':
    case 'unsupported':
    case 'upstream_rejected':
      return 'invalid_prompt'
    default:
      return 'server_error'
  }
}

interface Fault {
  readonly type: string
  readonly code: string
  readonly message: string
  readonly param: string | null
}

function faultOf(error: GatewayError, requestId: string): Fault {
  return (openaiError(error, requestId) as { readonly error: Fault }).error
}
