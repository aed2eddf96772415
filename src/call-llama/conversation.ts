import { type ContentPart, joinText } from '../core/content.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import { functionTools, type ResponseFormat } from '../core/tools.ts'
import { signatureOf } from './schema-signature.ts'
import { callBegin, callText, type OfferedTools, resultText, toolsPrompt } from './tools.ts'

/** A turn in plain text, as chat templates know it. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant'
  readonly text: string
}

/**
 * The conversation as text: tools and the form of the reply stand in the system prompt, earlier calls and their results
 * are written as the model itself would. No system prompt is added where there is nothing to say: reading it is most of
 * the time until the first token. A last turn of the assistant is one that the model goes on writing.
 */
export function turnsOf(request: ChatRequest, offered: OfferedTools | undefined): readonly Turn[] {
  const { messages, tools, toolChoice, responseFormat } = request
  const told = toolChoice?.type === 'none' ? [] : functionTools(tools)
  const instructions = [
    ...(told.length > 0 ? [toolsPrompt(told)] : []),
    ...(offered?.forced === true ? [] : formatPrompt(responseFormat)),
  ]
  const begin: readonly Turn[] = offered?.forced === true ? [{ role: 'assistant', text: `${callBegin}\n` }] : []
  return joined([...withInstructions(messages.map(turnOf), instructions), ...begin])
}

function turnOf({ role, content }: Message): Turn {
  switch (role) {
    case 'system':
    case 'user':
      return { role, text: joinText(content) }
    case 'assistant': {
      const calls = content.filter((part) => part.type === 'tool-call')
      const texts = [joinText(content), ...(calls.length > 0 ? [callText(calls)] : [])]
      return { role, text: texts.filter((text) => text !== '').join('\n') }
    }
    case 'tool':
      return { role: 'user', text: content.flatMap(resultOf).join('\n') }
    default:
      throw role satisfies never
  }
}

function resultOf(part: ContentPart): readonly string[] {
  return part.type === 'tool-result' ? [resultText(joinText(part.content))] : []
}

function formatPrompt(format: ResponseFormat | undefined): readonly string[] {
  if (format?.type === 'json') return ['Reply with a JSON object and nothing else.']
  if (format?.type !== 'json-schema') return []
  return [`Reply with JSON of this form and nothing else: ${signatureOf(format.schema)}`]
}

function withInstructions(turns: readonly Turn[], instructions: readonly string[]): readonly Turn[] {
  if (instructions.length === 0) return turns
  const [first, ...rest] = turns
  if (first?.role !== 'system') return [{ role: 'system', text: instructions.join('\n\n') }, ...turns]
  return [{ role: 'system', text: [first.text, ...instructions].join('\n\n') }, ...rest]
}

/** Templates do not expect two turns of one speaker: they are one. */
function joined(turns: readonly Turn[]): readonly Turn[] {
  const all: Turn[] = []
  for (const turn of turns) {
    const last = all.at(-1)
    if (last === undefined || last.role !== turn.role || turn.role === 'system') all.push(turn)
    else all[all.length - 1] = { role: turn.role, text: `${last.text}\n${turn.text}` }
  }
  return all
}
