import { z } from 'zod'
import type { ContentPart, OpaquePart, TextPart, ToolCallPart, ToolResultPart } from '../core/content.ts'
import type { Message, Role } from '../core/request.ts'
import { at, checkLength, exactBody } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { mediaPart } from './media.ts'

const text = z.string({ error: 'must be a string' })

export const imagesField = z
  .array(text, { error: 'must be an array of images in base64' })
  .nullish()
  .describe('Images in base64.')

const callArguments = z.union([z.record(z.string(), z.unknown()), z.string()], { error: 'must be an object' })

export const ollamaMessage = z.looseObject(
  {
    role: text.describe('`system`, `user`, `assistant` or `tool`.'),
    content: text.nullish(),
    thinking: text.nullish(),
    images: imagesField,
    tool_calls: z
      .array(
        z.looseObject({
          id: text.nullish(),
          function: z.looseObject({ name: text, arguments: callArguments.nullish() }),
        }),
        { error: 'must be an array of tool calls' },
      )
      .nullish(),
    tool_name: text.nullish().describe('Of a `tool` message: the tool whose result it is.'),
    tool_call_id: text.nullish(),
  },
  { error: 'must be an object with role and content' },
)

type OllamaMessage = z.infer<typeof ollamaMessage>

/**
 * What the ids begin with that stand in for those that a client does not repeat. `gateway/tool-loops.ts` knows it, and
 * finds nothing out from such an id.
 */
const madeUpId = 'unnamed-'

/** The conversation in the gateway's words, one message for each of the client's. */
export function conversation(messages: readonly OllamaMessage[], head: RequestHead): readonly Message[] {
  const calls = new Calls()
  const written = exactBody(head)
  return messages.map((message, index) => {
    const field = `messages[${index}]`
    const role = roles[message.role.toLowerCase()]
    switch (role) {
      case 'system':
        checkLength(message.content ?? '', `${field}.content`, head)
        return { role, content: orEmpty([...textPart(message.content), ...opaqueImages(message, role)]) }
      case 'user':
        checkLength(message.content ?? '', `${field}.content`, head)
        return { role, content: orEmpty(said(message, field)) }
      case 'assistant':
        return { role, content: orEmpty(answered(message, calls, at(written, 'messages', index))) }
      case 'tool':
        return { role, content: [result(message, field, calls)] }
      case undefined:
        return { role: 'user', content: [{ type: 'opaque', kind: `role '${message.role}'` }] }
      default:
        return role satisfies never
    }
  })
}

const roles: Readonly<Record<string, Role | undefined>> = {
  __proto__: null as never,
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
}

/** Text and images, in the order in which Ollama's templates write them. */
function said({ content, images }: OllamaMessage, field: string) {
  const media = (images ?? []).map((image, index) => mediaPart(image, `${field}.images[${index}]`))
  return [...media, ...textPart(content)]
}

function answered(message: OllamaMessage, calls: Calls, exact: unknown): ContentPart[] {
  const { thinking, content, tool_calls } = message
  return [
    ...(thinking ? [{ type: 'reasoning', text: thinking } as const] : []),
    ...textPart(content),
    ...opaqueImages(message, 'assistant'),
    ...calls.open(tool_calls ?? [], exact),
  ]
}

/** Other APIs have no place for images but the user's turn and the results of tools. */
function opaqueImages({ images }: OllamaMessage, role: Role): readonly OpaquePart[] {
  return (images ?? []).map(() => ({ type: 'opaque', kind: `images of role '${role}'` }))
}

function result(message: OllamaMessage, field: string, calls: Calls): ToolResultPart {
  const { id, name } = calls.close(message.tool_call_id, message.tool_name)
  return { type: 'tool-result', callId: id, name, content: said(message, field), isError: false }
}

function textPart(content: string | null | undefined): readonly TextPart[] {
  return content ? [{ type: 'text', text: content }] : []
}

/** A message of nothing stays in its place: between two others it tells whose turn was whose. */
function orEmpty<Part extends ContentPart>(content: readonly Part[]): readonly (Part | TextPart)[] {
  return content.length > 0 ? content : [{ type: 'text', text: '' }]
}

/** Gives the calls of a conversation ids where the client has none, and finds the call that a result belongs to. */
class Calls {
  readonly #waiting: { readonly id: string; readonly name: string }[] = []
  #count = 0

  /** `exact` is the message with its numbers as they were written, where JavaScript would round them. */
  open(calls: NonNullable<OllamaMessage['tool_calls']>, exact: unknown): readonly ToolCallPart[] {
    // What was not answered before the model spoke again never will be.
    this.#waiting.length = 0
    return calls.map(({ id, function: { name, arguments: rounded } }, index) => {
      const given = at(exact, 'tool_calls', index, 'function', 'arguments') ?? rounded
      const call = { id: id || this.#nextId(), name }
      this.#waiting.push(call)
      return { type: 'tool-call', ...call, arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {}) }
    })
  }

  /** By its id; else the first of that name that still waits; else the first that waits. */
  close(id: string | null | undefined, name: string | null | undefined): { id: string; name: string } {
    const byId = this.#waiting.findIndex((call) => call.id === id)
    const unnamed = (call: { readonly id: string }) => !id || call.id.startsWith(madeUpId)
    const byName = name ? this.#waiting.findIndex((call) => call.name === name && unnamed(call)) : -1
    const byOrder = name ? -1 : this.#waiting.findIndex(unnamed)
    const place = [byId, byName, byOrder].find((found) => found >= 0)
    const [call] = place === undefined ? [] : this.#waiting.splice(place, 1)
    return { id: call?.id ?? (id || this.#nextId()), name: name || (call?.name ?? '') }
  }

  #nextId(): string {
    return `${madeUpId}${this.#count++}`
  }
}
