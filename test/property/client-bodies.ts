import type { Assistant, History, Turn } from './history.ts'

/** A conversation as a client of each dialect sends it. Written as JSON text, so that numbers stay as they are. */
export const clientBodies = {
  'openai-chat': ({ system, turns }: History) =>
    body({ messages: [...systemMessage(textPieces(system)), ...turns.flatMap(chatMessages)] }),

  'anthropic-messages': ({ system, turns }: History) =>
    body({
      max_tokens: 100,
      ...(system.length > 0 && { system: textPieces(system) }),
      messages: turns.flatMap(anthropicTurns),
    }),

  'ollama-chat': ({ system, turns }: History) =>
    body({ messages: [...systemMessage(system.join('\n\n')), ...turns.flatMap((turn) => ollamaMessages(turn, true))] }),

  /** The same for older clients, which repeat no ids. */
  'ollama-chat without ids': ({ system, turns }: History) =>
    body({
      messages: [...systemMessage(system.join('\n\n')), ...turns.flatMap((turn) => ollamaMessages(turn, false))],
    }),
} as const satisfies Record<string, (history: History) => string>

function body(fields: object): string {
  return JSON.stringify({ model: 'auto', ...fields })
}

function systemMessage(system: string | readonly object[]): readonly object[] {
  return system.length === 0 ? [] : [{ role: 'system', content: system }]
}

function textPieces(texts: readonly string[]): readonly object[] {
  return texts.map((text) => ({ type: 'text', text }))
}

function chatMessages(turn: Turn): readonly object[] {
  if (turn.role === 'user') {
    const images = turn.images.map((image) => ({ type: 'image_url', image_url: { url: dataUrl(image) } }))
    return [{ role: 'user', content: [...textPieces(turn.texts), ...images] }]
  }
  const { text, reasoning, calls } = turn
  const tool_calls = calls.map((call) => {
    return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } }
  })
  return [
    {
      role: 'assistant',
      content: text === '' ? null : text,
      ...(reasoning !== '' && { reasoning_content: reasoning }),
      ...(calls.length > 0 && { tool_calls }),
    },
    ...calls.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
  ]
}

function anthropicTurns(turn: Turn): readonly object[] {
  if (turn.role === 'user') {
    const images = turn.images.map((data) => {
      return { type: 'image', source: { type: 'base64', media_type: mediaType(data), data } }
    })
    return [{ role: 'user', content: [...images, ...textPieces(turn.texts)] }]
  }
  const { text, reasoning, calls } = turn
  const content = [
    ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: 'c2lnbmVk' }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...calls.map((call) => ({ type: 'tool_use', id: call.id, name: call.name, input: JSON.parse(call.arguments) })),
  ]
  return [{ role: 'assistant', content }, ...anthropicResults(turn)]
}

function anthropicResults({ calls }: Assistant): readonly object[] {
  if (calls.length === 0) return []
  const content = calls.map(({ id, result }) => ({ type: 'tool_result', tool_use_id: id, content: result }))
  return [{ role: 'user', content }]
}

function ollamaMessages(turn: Turn, named: boolean): readonly object[] {
  if (turn.role === 'user') {
    return [{ role: 'user', content: turn.texts.join('\n\n'), ...(turn.images.length > 0 && { images: turn.images }) }]
  }
  const { text, reasoning, calls } = turn
  const tool_calls = calls.map((call) => {
    return { ...(named && { id: call.id }), function: { name: call.name, arguments: JSON.parse(call.arguments) } }
  })
  return [
    {
      role: 'assistant',
      content: text,
      ...(reasoning !== '' && { thinking: reasoning }),
      ...(calls.length > 0 && { tool_calls }),
    },
    ...calls.map(({ id, name, result }) => {
      return { role: 'tool', content: result, tool_name: name, ...(named && { tool_call_id: id }) }
    }),
  ]
}

function dataUrl(image: string): string {
  return `data:${mediaType(image)};base64,${image}`
}

function mediaType(image: string): string {
  return image.startsWith('iVBOR') ? 'image/png' : 'image/jpeg'
}
