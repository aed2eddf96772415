import type { ModelCard } from '../core/model.ts'
import { type ChatRequest, textOf } from '../core/request.ts'
import { acceptedSampling, type Warning, warning } from './sampling.ts'

interface TextBlock {
  readonly type: 'text'
  readonly text: string
}

interface Turn {
  readonly role: 'user' | 'assistant'
  readonly content: readonly TextBlock[]
}

/** The body of a Messages request, and what of the request had to be left out of it. */
export function messagesBody(request: ChatRequest, model: ModelCard, defaultMaxTokens: number) {
  const extra = request.dialect === 'anthropic-messages' ? request.extra : undefined
  const warnings: Warning[] = []

  const unsupported = ['seed', 'presence_penalty', 'frequency_penalty'] as const
  const accepted = acceptedSampling(request, model, unsupported)
  warnings.push(...accepted.warnings)
  const { temperature, top_p } = accepted.sampling
  // Newer models refuse both together, and the temperature is what callers mean when they set both.
  if (temperature !== undefined && top_p !== undefined) {
    warnings.push(warning(model, 'does not accept top_p beside temperature: left out'))
  }
  if (temperature !== undefined && temperature > 1) {
    warnings.push(warning(model, `takes temperatures up to 1: ${temperature} became 1`))
  }
  const stops = request.stop?.filter((stop) => stop.trim() !== '')
  if (stops?.length !== request.stop?.length)
    warnings.push(warning(model, 'does not accept blank stop sequences: left out'))

  const system = request.messages.filter((message) => message.role === 'system').map(textOf)
  const turns = mergeTurns(request)
  // A conversation needs a turn: instructions without a question are the question.
  const instructionsOnly = turns.length === 0

  const body: Readonly<Record<string, unknown>> = {
    ...extra,
    model: model.id,
    max_tokens: accepted.maxTokens ?? Math.min(defaultMaxTokens, model.maxOutputTokens),
    messages: instructionsOnly ? [{ role: 'user', content: system.join('\n\n') }] : turns,
    stream: true,
    ...(!instructionsOnly && system.length > 0 && { system: system.join('\n\n') }),
    ...(temperature !== undefined && { temperature: Math.min(Math.max(temperature, 0), 1) }),
    ...(temperature === undefined && top_p !== undefined && { top_p }),
    ...(stops !== undefined && stops.length > 0 && { stop_sequences: stops }),
  }
  return { body, warnings }
}

/** Turns alternate, hold no empty text, and the last one of the assistant does not end in blanks; else it is refused. */
function mergeTurns(request: ChatRequest): readonly Turn[] {
  const turns: Turn[] = []
  for (const message of request.messages) {
    const { role } = message
    if (role === 'system') continue
    const content = message.content.filter((part) => part.text.trim() !== '').map(({ text }) => textBlock(text))
    if (content.length === 0) continue
    const last = turns.at(-1)
    if (last?.role === role) turns[turns.length - 1] = { role, content: [...last.content, ...content] }
    else turns.push({ role, content })
  }

  const last = turns.at(-1)
  const lastBlock = last?.content.at(-1)
  if (last?.role !== 'assistant' || lastBlock === undefined) return turns
  const content = [...last.content.slice(0, -1), textBlock(lastBlock.text.trimEnd())]
  return [...turns.slice(0, -1), { role: 'assistant', content }]
}

function textBlock(text: string): TextBlock {
  return { type: 'text', text }
}
