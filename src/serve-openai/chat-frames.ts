import { MessageBuilder } from '../core/message-builder.ts'
import type { ContentDelta } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import type { FrameWriter } from '../dialects/dialect.ts'
import { finishWord, reasoningField } from './chat-reply.ts'
import { openaiError } from './errors.ts'
import { freeformNames, inputOfArguments } from './freeform.ts'
import { chatLogprobs } from './logprobs.ts'
import { type ReasoningDetail, reasoningDetails } from './reasoning.ts'
import { usageFields } from './usage.ts'

/** What every stream of OpenAI's begins, continues and ends with; `prefix` is that of the ids. */
export function streamOf(request: ChatRequest, prefix: string, object: string) {
  const withUsage = request.wishes?.includeUsage === true
  let base = { id: `${prefix}-${request.id}`, object, created: 0, model: request.model }
  return {
    contentType: 'text/event-stream; charset=utf-8',
    heartbeat: ': still working\n\n',
    open: (model: string) => {
      base = { ...base, created: Math.floor(Date.now() / 1000), model }
    },
    chunk: (choice: object) => frame({ ...base, choices: [choice], ...(withUsage && { usage: null }) }),
    close: (receipt: Parameters<typeof usageFields>[0]) => {
      const usage = withUsage ? frame({ ...base, choices: [], usage: usageFields(receipt) }) : ''
      return `${usage}data: [DONE]\n\n`
    },
    error: ((error, requestId) => frame(openaiError(error, requestId))) satisfies FrameWriter['error'],
  }
}

function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

/** The chunks of one streamed chat completion. */
export function chatFrames(request: ChatRequest): FrameWriter {
  const { contentType, heartbeat, open, chunk, close, error } = streamOf(request, 'chatcmpl', 'chat.completion.chunk')
  const choices = Array.from({ length: request.choices ?? 1 }, () => new ChoiceDeltas(request))
  const deltaChunk = (index: number) => (delta: Delta) =>
    chunk({ index, delta: delta.delta, logprobs: delta.logprobs ?? null, finish_reason: null })
  return {
    contentType,
    heartbeat,
    error,
    start(facts) {
      open(facts.model)
      const role = { delta: { role: 'assistant', content: '', refusal: null } }
      return choices.map((_, index) => deltaChunk(index)(role)).join('')
    },
    part(part) {
      const index = part.choice ?? 0
      return (choices[index]?.of(part) ?? []).map(deltaChunk(index)).join('')
    },
    end({ reason, reasons, receipt }) {
      const ends = choices.map((choice, index) => {
        const last = {
          index,
          delta: {},
          logprobs: null,
          finish_reason: finishWord(reasons?.[index] ?? reason, request),
        }
        return choice.rest().map(deltaChunk(index)).join('') + chunk(last)
      })
      return ends.join('') + close(receipt)
    },
  }
}

interface Delta {
  readonly delta: object
  readonly logprobs?: object | null
}

interface OpenCall {
  readonly index: number
  readonly isFreeform: boolean
  json: string
}

/** What one choice says, delta by delta. */
class ChoiceDeltas {
  readonly #request: ChatRequest
  readonly #freeform: ReadonlySet<string>
  readonly #reasoning = new MessageBuilder()
  readonly #calls = new Map<number, OpenCall>()

  constructor(request: ChatRequest) {
    this.#request = request
    this.#freeform = freeformNames(request.tools)
  }

  of(part: ContentDelta): readonly Delta[] {
    switch (part.type) {
      case 'text-delta': {
        const logprobs = this.#request.logprobs === undefined ? null : chatLogprobs(part.logprobs)
        return [{ delta: { content: part.text }, logprobs }]
      }
      case 'reasoning-delta':
        this.#keep(part)
        return this.#hides ? [] : [{ delta: { [reasoningField(this.#request)]: part.text } }]
      case 'reasoning-signature':
      case 'reasoning-redacted':
        this.#keep(part)
        return []
      case 'tool-call':
        return this.#openCall(part)
      case 'tool-call-delta':
        return this.#continueCall(part)
      default:
        return part satisfies never
    }
  }

  /** What must still be said before the end. */
  rest(): readonly Delta[] {
    const details = this.#hides ? [] : this.#details()
    return [...this.#closeCalls(), ...(details.length > 0 ? [{ delta: { reasoning_details: details } }] : [])]
  }

  get #hides(): boolean {
    return this.#request.wishes?.hideReasoning === true
  }

  #keep(part: ContentDelta): void {
    this.#reasoning.add({ ...part, choice: 0 })
  }

  /** All at once: some clients join the pieces of a stream, others keep the last one. */
  #details(): readonly ReasoningDetail[] {
    const [choice] = this.#reasoning.finish({ reason: 'stop' })
    return reasoningDetails(choice?.content ?? [])
  }

  #openCall({ index, id, name }: Extract<ContentDelta, { type: 'tool-call' }>): readonly Delta[] {
    const isFreeform = this.#freeform.has(name)
    this.#calls.set(index, { index, isFreeform, json: '' })
    if (this.#isLegacy) return index === 0 ? [{ delta: { function_call: { name, arguments: '' } } }] : []
    const call = isFreeform
      ? { index, id, type: 'custom', custom: { name, input: '' } }
      : { index, id, type: 'function', function: { name, arguments: '' } }
    return [{ delta: { tool_calls: [call] } }]
  }

  #continueCall({ index, arguments: json }: Extract<ContentDelta, { type: 'tool-call-delta' }>): readonly Delta[] {
    const call = this.#calls.get(index)
    if (call === undefined || json === '') return []
    call.json += json
    // The text in it is known once the JSON around it is complete.
    return call.isFreeform ? [] : this.#argumentsDelta(index, json)
  }

  /**
   * At the very end, since the pieces of several calls may take turns. A call without arguments is one with an empty
   * object: clients read them as JSON.
   */
  #closeCalls(): readonly Delta[] {
    return [...this.#calls.values()].flatMap(({ index, isFreeform, json }) => {
      if (isFreeform) return [{ delta: { tool_calls: [{ index, custom: { input: inputOfArguments(json) } }] } }]
      return json === '' ? this.#argumentsDelta(index, '{}') : []
    })
  }

  #argumentsDelta(index: number, json: string): readonly Delta[] {
    if (this.#isLegacy) return index === 0 ? [{ delta: { function_call: { arguments: json } } }] : []
    return [{ delta: { tool_calls: [{ index, function: { arguments: json } }] } }]
  }

  get #isLegacy(): boolean {
    return this.#request.wishes?.functionCall === true
  }
}
