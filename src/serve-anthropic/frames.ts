import type { ContentDelta } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import type { FrameWriter } from '../dialects/dialect.ts'
import { anthropicError } from './errors.ts'
import { noSignature } from './foreign.ts'
import { caller, countFields, parseArguments, showsThinking, stopFields, usageFields } from './reply.ts'
import { messageId } from './thread.ts'

interface Call {
  readonly index: number
  readonly id: string
  readonly name: string
  arguments: string
}

/** The one block that is being written. */
type Open =
  | { readonly kind: 'text' | 'redacted' }
  | { readonly kind: 'thinking'; signature: string }
  | { readonly kind: 'call'; readonly call: Call }

/**
 * A stream of events: one content block after the other. Calls that come at the same time wait for each other, because
 * their fragments cannot be mixed here.
 */
export function messageFrames(request: ChatRequest): FrameWriter {
  const shows = showsThinking(request)
  let blocks = 0
  let open: Open | undefined
  let hasCalls = false
  const waiting = new Map<number, Call>()

  const begin = (next: Open, block: object): string => {
    open = next
    return event('content_block_start', { index: blocks, content_block: block })
  }
  const delta = (fields: object) => event('content_block_delta', { index: blocks, delta: fields })

  function close(): string {
    if (open === undefined) return ''
    const last = lastDelta(open)
    const end = event('content_block_stop', { index: blocks })
    open = undefined
    const frames = (last === undefined ? '' : delta(last)) + end
    blocks += 1
    return frames
  }

  function beginCall(call: Call): string {
    const { id, name } = call
    const start = begin({ kind: 'call', call }, { type: 'tool_use', id, name, input: {}, caller })
    return call.arguments === '' ? start : start + delta({ type: 'input_json_delta', partial_json: call.arguments })
  }

  /** Goes on to the calls that wait, as far as those before them are complete. */
  function advance(): string {
    let frames = ''
    for (const [index, call] of waiting) {
      if (open?.kind === 'call' && parseArguments(open.call.arguments) === undefined) return frames
      waiting.delete(index)
      frames += close() + beginCall(call)
    }
    return frames
  }

  /** Ends everything that is open or waits: what comes next is of another kind. */
  function settle(): string {
    let frames = close()
    for (const call of waiting.values()) frames += beginCall(call) + close()
    waiting.clear()
    return frames
  }

  function text(words: string): string {
    if (words === '') return ''
    const start =
      open?.kind === 'text' ? '' : settle() + begin({ kind: 'text' }, { type: 'text', text: '', citations: null })
    return start + delta({ type: 'text_delta', text: words })
  }

  function beginThinking(): string {
    return settle() + begin({ kind: 'thinking', signature: '' }, { type: 'thinking', thinking: '', signature: '' })
  }

  function reasoning(thought: string): string {
    if (thought === '') return ''
    const goesOn = open?.kind === 'thinking' && open.signature === ''
    // Thoughts that nobody asked for may take minutes, in which the client must hear something.
    if (!shows) return (open?.kind === 'thinking' ? close() : '') + heartbeat
    return (goesOn ? '' : beginThinking()) + delta({ type: 'thinking_delta', thinking: thought })
  }

  function signed(signature: string): string {
    const start = open?.kind === 'thinking' ? '' : beginThinking()
    // Clients replace what they have by what comes: it is sent once, when it is complete.
    if (open?.kind === 'thinking') open.signature += signature
    return start
  }

  function call(part: Extract<ContentDelta, { type: 'tool-call' }>): string {
    hasCalls = true
    const next: Call = { index: part.index, id: part.id, name: part.name, arguments: '' }
    if (open?.kind !== 'call') return settle() + beginCall(next)
    waiting.set(part.index, next)
    return advance()
  }

  function more(index: number, fragment: string): string {
    if (open?.kind === 'call' && open.call.index === index) {
      open.call.arguments += fragment
      if (fragment === '') return ''
      const frames = delta({ type: 'input_json_delta', partial_json: fragment })
      // Only where the fragment may end the arguments: to look is to parse them.
      return waiting.size > 0 && fragment.includes('}') ? frames + advance() : frames
    }
    const later = waiting.get(index)
    if (later !== undefined) later.arguments += fragment
    return ''
  }

  function part(content: ContentDelta): string {
    // Nobody who speaks this API can ask for more than one reply.
    if ((content.choice ?? 0) > 0) return ''
    switch (content.type) {
      case 'text-delta':
        return text(content.text)
      case 'reasoning-delta':
        return reasoning(content.text)
      case 'reasoning-signature':
        return signed(content.signature)
      case 'reasoning-redacted':
        return settle() + begin({ kind: 'redacted' }, { type: 'redacted_thinking', data: content.data }) + close()
      case 'tool-call':
        return call(content)
      case 'tool-call-delta':
        return more(content.index, content.arguments)
      default:
        return content satisfies never
    }
  }

  return {
    contentType: 'text/event-stream; charset=utf-8',
    heartbeat,
    start: ({ requestId, model, promptUsage }) =>
      event('message_start', {
        message: {
          id: messageId(requestId),
          type: 'message',
          role: 'assistant',
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          stop_details: null,
          container: null,
          diagnostics: null,
          usage: usageFields({ ...promptUsage, output: 1, reasoning: 0 }),
        },
      }),
    part,
    end: ({ reason, stopSequence, receipt }) =>
      settle() +
      event('message_delta', {
        delta: stopFields({ reason, stopSequence, calls: hasCalls }),
        usage: countFields(receipt.usage),
      }) +
      event('message_stop', {}),
    error: (error, requestId) => sse('error', anthropicError(error, requestId)),
  }
}

/** What a block still needs before it ends. */
function lastDelta(open: Open): object | undefined {
  switch (open.kind) {
    case 'text':
    case 'redacted':
      return undefined
    case 'thinking':
      return { type: 'signature_delta', signature: open.signature === '' ? noSignature : open.signature }
    case 'call':
      // Some clients take no fragments for broken JSON.
      return open.call.arguments === '' ? { type: 'input_json_delta', partial_json: '{}' } : undefined
    default:
      return open satisfies never
  }
}

const heartbeat = sse('ping', { type: 'ping' })

function event(type: string, fields: object): string {
  return sse(type, { type, ...fields })
}

function sse(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
