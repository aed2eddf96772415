import { z } from 'zod'
import type { ContentPart, ToolResultPart } from '../core/content.ts'
import { joinText } from '../core/content.ts'
import type { Message, Need, Role } from '../core/request.ts'
import { checkAt, checkLength, fieldName } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { argumentsOfInput } from '../serve-openai/freeform.ts'
import type { ResponsesItem } from './body.ts'
import { type Asked, contentField, contentOf, isResultContent, type Path } from './content.ts'
import { unsealReasoning } from './reasoning.ts'
import { flatName } from './tools.ts'

const text = z.string({ error: 'must be a string' })

const thoughts = z.array(z.looseObject({ text }), { error: 'must be an array of {type, text}' }).nullish()

/** The items that are understood. */
export const itemSchemas = {
  message: z.looseObject({ role: text, content: contentField }),
  functionCall: z.looseObject({ call_id: text, name: text, namespace: text.nullish(), arguments: text }),
  customCall: z.looseObject({ call_id: text, name: text, namespace: text.nullish(), input: text }),
  callOutput: z.looseObject({ call_id: text.nullish(), output: contentField }),
  reasoning: z.looseObject({ summary: thoughts, content: thoughts, encrypted_content: text.nullish() }),
} as const

const roles: Readonly<Record<string, Role>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/** A message as it grows; the results of an assistant's calls follow it, wherever they stood among the items. */
interface Draft {
  readonly role: Role
  readonly content: ContentPart[]
  readonly results: ToolResultPart[]
}

export interface InputContext {
  readonly head: RequestHead
  /** Takes what the items ask for. */
  readonly needs: Need[]
}

/** The conversation that `input` holds. Items that only OpenAI understands become opaque parts at their place. */
export function messagesOf(items: readonly ResponsesItem[], { head, needs }: InputContext): readonly Message[] {
  const drafts: Draft[] = []
  const answered = items.findLastIndex(isOfAssistant)
  const asked = ([, index]: Path): Asked => ({ needs, weight: Number(index) > answered ? 'must' : 'may' })
  const calls = new Map<string, { readonly draft: Draft; readonly name: string }>()

  const begin = (role: Role): Draft => {
    const draft: Draft = { role, content: [], results: [] }
    drafts.push(draft)
    return draft
  }
  /** Thoughts, words and calls of one turn are items of their own. */
  const assistant = (): Draft => {
    const last = drafts.at(-1)
    return last?.role === 'assistant' && last.results.length === 0 ? last : begin('assistant')
  }
  const called = (id: string, name: string, written: string) => {
    const draft = assistant()
    draft.content.push({ type: 'tool-call', id, name, arguments: written })
    calls.set(id, { draft, name })
  }
  const opaque = (kind: string, at: Path, weight: Need['weight'] = 'may', advice?: string) => {
    needs.push({ capability: 'native', field: fieldName(at), weight, ...(advice !== undefined && { advice }) })
    assistant().content.push({ type: 'opaque', kind })
  }

  const say = (item: ResponsesItem, at: Path) => {
    const { role: name, content } = checkAt(itemSchemas.message, item, at)
    const role = Object.hasOwn(roles, name) ? roles[name] : undefined
    if (role === undefined) return opaque(`message of ${name}`, at)
    const inner = [...at, 'content']
    const parts = contentOf(content, inner, asked(at))
    if (role === 'system' || role === 'user') checkLength(joinText(parts), fieldName(inner), head)
    const draft = role === 'assistant' ? assistant() : begin(role)
    draft.content.push(...(role === 'user' ? parts : parts.map(textOnly)))
  }
  const answer = (item: ResponsesItem, at: Path) => {
    const { call_id: callId, output } = checkAt(itemSchemas.callOutput, item, at)
    if (typeof callId !== 'string') return opaque(item.type ?? '', at)
    const call = calls.get(callId)
    const content = contentOf(output, [...at, 'output'], asked(at)).filter(isResultContent)
    const result: ToolResultPart = { type: 'tool-result', callId, name: call?.name ?? '', content, isError: false }
    if (call !== undefined) call.draft.results.push(result)
    else begin('tool').content.push(result)
  }

  for (const [index, item] of items.entries()) {
    const at: Path = ['input', index]
    switch (item.type) {
      case undefined:
      case null:
        // A reference may go without its type, too.
        if ('role' in item || !('id' in item)) say(item, at)
        else opaque('item_reference', at, 'must', keepsNothing)
        break
      case 'message':
        say(item, at)
        break
      case 'function_call': {
        const call = checkAt(itemSchemas.functionCall, item, at)
        called(call.call_id, flatName(call.name, call.namespace), call.arguments)
        break
      }
      case 'custom_tool_call': {
        const call = checkAt(itemSchemas.customCall, item, at)
        called(call.call_id, flatName(call.name, call.namespace), argumentsOfInput(call.input))
        break
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
        answer(item, at)
        break
      case 'reasoning': {
        const thought = thoughtOf(checkAt(itemSchemas.reasoning, item, at))
        if (thought === undefined) opaque('reasoning', at)
        else assistant().content.push(thought)
        break
      }
      case 'item_reference':
        opaque('item_reference', at, 'must', keepsNothing)
        break
      case 'additional_tools':
        // No part of the conversation: parse takes the tools out of it.
        break
      default:
        if (item.type.startsWith('compaction')) opaque(item.type, at, 'must', keepsNothing)
        else if (answersVendor.test(item.type)) opaque(item.type, at, asked(at).weight, `send it without ${item.type}`)
        else opaque(item.type, at)
    }
  }
  return drafts.flatMap(({ role, content, results }): readonly Message[] =>
    results.length === 0
      ? [{ role, content }]
      : [
          { role, content },
          { role: 'tool', content: results },
        ],
  )
}

/** What the client did for a tool that only OpenAI's models know, as `local_shell_call_output`: the model waits for it. */
const answersVendor = /_(output|response)$/

function isOfAssistant({ type, role }: ResponsesItem): boolean {
  return role === 'assistant' || type === 'reasoning' || (type ?? '').endsWith('_call')
}

/** Why what lies with OpenAI alone cannot be used, and the way out. */
export const keepsNothing = 'send the whole conversation as input (and store: false): this gateway keeps nothing'

function textOnly(part: ContentPart): ContentPart {
  return part.type === 'text' || part.type === 'opaque' ? part : { type: 'opaque', kind: part.type }
}

/** Undefined for what OpenAI encrypted, and where there is nothing to read. */
function thoughtOf(item: z.infer<typeof itemSchemas.reasoning>): ContentPart | undefined {
  const { summary, content, encrypted_content: encrypted } = item
  const told = (summary ?? []).length > 0 ? summary : content
  const words = (told ?? []).map((part) => part.text).join('\n\n')
  if (typeof encrypted === 'string' && encrypted !== '') {
    const seal = unsealReasoning(encrypted)
    const empty = seal === undefined || (words === '' && Object.keys(seal).length === 0)
    return empty ? undefined : { type: 'reasoning', text: words, ...seal }
  }
  return words === '' ? undefined : { type: 'reasoning', text: words }
}
