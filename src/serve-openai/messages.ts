import { z } from 'zod'
import type { ContentPart, ReasoningPart, ToolCallPart, ToolResultPart } from '../core/content.ts'
import { type Message, type Need, textOf } from '../core/request.ts'
import { checkAt, checkLength, fieldName } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { argumentsOfInput } from './freeform.ts'
import { content, documentedContent, readContent } from './parts.ts'
import { readReasoning, reasoningFields } from './reasoning.ts'

const string = z.string({ error: 'must be a string' })
const name = string.min(1, 'is empty')

const calledFunction = z.looseObject(
  { name, arguments: string },
  { error: 'must be an object with name and arguments' },
)
const functionCall = z.looseObject({ id: string, type: z.literal('function').nullish(), function: calledFunction })
const customCall = z.looseObject({
  id: string,
  type: z.literal('custom'),
  custom: z.looseObject({ name, input: string }, { error: 'must be an object with name and input' }),
})
const knownCalls = ['function', 'custom']
const otherCall = z.looseObject({ type: z.string().meta({ not: { enum: knownCalls } }) })
const calls = z.array(z.looseObject({}, { error: 'must be an object' }), { error: 'must be an array of tool calls' })

/** Messages by `role`, whose contents and calls are of the given shapes. */
function messageSchemas<Content extends z.ZodType, Calls extends z.ZodType>(content: Content, calls: Calls) {
  return {
    system: z.looseObject({ role: z.enum(['system', 'developer']), content }),
    user: z.looseObject({ role: z.literal('user'), content }),
    assistant: z.looseObject({
      role: z.literal('assistant'),
      content: content.nullish(),
      refusal: string.nullish(),
      tool_calls: calls.nullish(),
      function_call: calledFunction.nullish(),
      ...reasoningFields,
    }),
    tool: z.looseObject({ role: z.literal('tool'), tool_call_id: string, content }),
    function: z.looseObject({ role: z.literal('function'), name, content: content.nullish() }),
  } as const
}

const schemas = messageSchemas(content, calls)
const knownRoles = ['system', 'developer', 'user', 'assistant', 'tool', 'function']
const role = z.string({ error: 'must be system, developer, user, assistant or tool' })

/** Each message is checked when it is read, so that an error names the part and not the whole. */
export const message = z.looseObject({ role }, { error: 'must be an object' })
/** The same for the OpenAPI document. */
export const documentedMessage = z.union([
  ...Object.values(messageSchemas(documentedContent, z.array(z.union([functionCall, customCall, otherCall])))),
  z.looseObject({ role: z.string().meta({ not: { enum: knownRoles } }) }),
])

type RawMessage = z.infer<typeof message>

export interface Conversation {
  readonly messages: readonly Message[]
  /** What only a model that speaks the client's own dialect can read. */
  readonly needs: readonly Need[]
}

export function readConversation(raw: readonly RawMessage[], head: RequestHead): Conversation {
  const ids = new CallIds()
  const messages = raw.map((one, index) => {
    const read = readMessage(one, ['messages', index], ids)
    const field = fieldName(['messages', index, 'content'])
    if (read.role === 'system' || read.role === 'user') checkLength(textOf(read), field, head)
    return read
  })
  return { messages: withResultsTogether(messages), needs: opaqueNeeds(messages) }
}

function readMessage(raw: RawMessage, path: readonly PropertyKey[], ids: CallIds): Message {
  switch (raw.role) {
    case 'system':
    case 'developer': {
      const { content } = checkAt(schemas.system, raw, path)
      return { role: 'system', content: readContent(content, [...path, 'content']).map(onlyText) }
    }
    case 'user': {
      const { content } = checkAt(schemas.user, raw, path)
      return { role: 'user', content: readContent(content, [...path, 'content']) }
    }
    case 'assistant':
      return { role: 'assistant', content: readAssistant(raw, path, ids) }
    case 'tool': {
      const { tool_call_id: callId, content } = checkAt(schemas.tool, raw, path)
      const parts = readContent(content, [...path, 'content'])
      return toolMessage({ callId, name: ids.nameOf(callId), parts })
    }
    case 'function': {
      const { name, content } = checkAt(schemas.function, raw, path)
      const parts = readContent(content ?? '', [...path, 'content'])
      return toolMessage({ callId: ids.answered(name), name, parts })
    }
    default:
      return { role: 'user', content: [{ type: 'opaque', kind: `a message of the role ${raw.role}` }] }
  }
}

function onlyText(part: ContentPart): ContentPart {
  return part.type === 'text' || part.type === 'opaque' ? part : { type: 'opaque', kind: part.type }
}

function readAssistant(raw: RawMessage, path: readonly PropertyKey[], ids: CallIds): readonly ContentPart[] {
  const checked = checkAt(schemas.assistant, raw, path)
  const { content, refusal, tool_calls: calls, function_call: legacy, audio } = checked
  const parts = readContent(content ?? [], [...path, 'content']).map(onlyText)
  return [
    ...(readReasoning(checked) satisfies readonly (ReasoningPart | ContentPart)[]),
    ...parts.filter((part) => part.type !== 'text' || part.text !== ''),
    ...textParts(refusal),
    ...(audio === null || audio === undefined ? [] : [{ type: 'opaque' as const, kind: 'audio' }]),
    ...(calls ?? []).map((call, index) => readCall(call, [...path, 'tool_calls', index], ids)),
    ...(legacy === null || legacy === undefined ? [] : [ids.unnamed(legacy.name, legacy.arguments)]),
  ]
}

function textParts(text: string | null | undefined): readonly ContentPart[] {
  return text === null || text === undefined || text === '' ? [] : [{ type: 'text', text }]
}

function readCall(raw: Readonly<Record<string, unknown>>, path: readonly PropertyKey[], ids: CallIds): ContentPart {
  const type = checkAt(string, raw.type ?? 'function', [...path, 'type'])
  if (!knownCalls.includes(type)) return { type: 'opaque', kind: type }
  if (type === 'custom') {
    const { id, custom } = checkAt(customCall, raw, path)
    return ids.named({ type: 'tool-call', id, name: custom.name, arguments: argumentsOfInput(custom.input) })
  }
  const { id, function: called } = checkAt(functionCall, raw, path)
  return ids.named({ type: 'tool-call', id, name: called.name, arguments: called.arguments })
}

interface ToolResult {
  readonly callId: string
  readonly name: string
  readonly parts: readonly ContentPart[]
}

function toolMessage({ callId, name, parts }: ToolResult): Message {
  const content = parts.filter((part) => part.type === 'text' || part.type === 'image' || part.type === 'file')
  const result: ToolResultPart = { type: 'tool-result', callId, name, content, isError: false }
  return { role: 'tool', content: [result, ...parts.filter((part) => part.type === 'opaque')] }
}

/**
 * How calls and their results belong together. The deprecated `function_call` has no id; such a call gets one by its
 * place. Ids that begin so say nothing about the conversation (`madeUpId` of the gateway).
 */
class CallIds {
  readonly #names = new Map<string, string>()
  readonly #waiting: ToolCallPart[] = []
  #count = 0

  named(call: ToolCallPart): ToolCallPart {
    this.#names.set(call.id, call.name)
    return call
  }

  unnamed(name: string, json: string): ToolCallPart {
    const call: ToolCallPart = { type: 'tool-call', id: this.#next(), name, arguments: json }
    this.#waiting.push(call)
    return call
  }

  /** The id of the oldest call of this function that still waits for its result. */
  answered(name: string): string {
    const index = this.#waiting.findIndex((call) => call.name === name)
    const [call] = index < 0 ? [] : this.#waiting.splice(index, 1)
    return call?.id ?? this.#next()
  }

  nameOf(id: string): string {
    return this.#names.get(id) ?? ''
  }

  #next(): string {
    return `unnamed-${this.#count++}`
  }
}

/** OpenAI has a message for each result; here those of one turn are one message. */
function withResultsTogether(messages: readonly Message[]): readonly Message[] {
  const together: Message[] = []
  for (const message of messages) {
    const last = together.at(-1)
    if (last?.role !== 'tool' || message.role !== 'tool') together.push(message)
    else together[together.length - 1] = { role: 'tool', content: [...last.content, ...message.content] }
  }
  return together
}

/** What the model shall answer it must be able to read; what was answered long ago it can do without. */
function opaqueNeeds(messages: readonly Message[]): readonly Need[] {
  const answered = messages.findLastIndex(({ role }) => role === 'assistant')
  return messages.flatMap(({ content }, index) => {
    const opaque = content.find((part) => part.type === 'opaque')
    if (opaque === undefined) return []
    const field = fieldName(['messages', index, 'content'])
    const advice = `send it without ${opaque.kind}`
    return [{ capability: 'native', field, weight: index > answered ? 'must' : 'may', advice } satisfies Need]
  })
}
