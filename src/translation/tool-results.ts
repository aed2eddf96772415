import { type ContentPart, joinText, type ToolCallPart, type ToolResultPart } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { Message } from '../core/request.ts'
import { type Warning, warning } from './sampling.ts'

/** What a call without a result gets: every vendor refuses a conversation in which one is missing. */
const noResult = '[no result]'

/**
 * The conversation in the form that vendors demand: neighbours of the assistant are one message, the results of its
 * calls come right after it, in one message and in the order of the calls, each call has exactly one. A result whose
 * call is not there becomes text of the user, and whatever was put right is told.
 */
export function pairToolResults(
  messages: readonly Message[],
  model: ModelCard,
): { readonly messages: readonly Message[]; readonly warnings: readonly Warning[] } {
  const paired: Message[] = []
  let missing = 0
  let orphans = 0

  for (let at = 0; at < messages.length; ) {
    const message = messages[at]
    if (message === undefined) break
    if (message.role !== 'assistant') {
      const content = message.content.map((part) => {
        if (part.type !== 'tool-result') return part
        orphans++
        return asText(part)
      })
      paired.push({ role: message.role === 'tool' ? 'user' : message.role, content })
      at++
      continue
    }

    const turn: ContentPart[] = []
    for (; messages[at]?.role === 'assistant'; at++) turn.push(...(messages[at]?.content ?? []))
    paired.push({ role: 'assistant', content: turn })
    const calls = turn.filter((part) => part.type === 'tool-call')
    const begin = at
    while (at < messages.length && messages[at]?.role !== 'assistant') at++
    const { results, rest, lost, strays } = sortOut(calls, messages.slice(begin, at))
    // Calls at the very end of a conversation are the caller's own matter, but no vendor takes them so.
    missing += lost
    orphans += strays
    if (results.length > 0) paired.push({ role: 'tool', content: results })
    paired.push(...rest)
  }

  const warnings: Warning[] = []
  if (missing > 0) warnings.push(warning(model, `needs a result for every tool call: ${missing} were filled in`))
  if (orphans > 0) warnings.push(warning(model, `knows no call for ${orphans} tool results: sent as text`))
  return { messages: paired, warnings }
}

function sortOut(calls: readonly ToolCallPart[], following: readonly Message[]) {
  const given = following.flatMap(({ content }) => content.filter((part) => part.type === 'tool-result'))
  const used = new Set<ContentPart>()
  let lost = 0
  const results = calls.map((call): ToolResultPart => {
    const result = given.find((part) => part.callId === call.id && !used.has(part))
    if (result === undefined) {
      lost++
      const content = [{ type: 'text', text: noResult }] as const
      return { type: 'tool-result', callId: call.id, name: call.name, content, isError: true }
    }
    used.add(result)
    return result.name === '' ? { ...result, name: call.name } : result
  })

  let strays = 0
  const rest = following.flatMap((message): readonly Message[] => {
    const content = message.content.flatMap((part): readonly ContentPart[] => {
      if (part.type !== 'tool-result') return [part]
      if (used.has(part)) return []
      strays++
      return [asText(part)]
    })
    if (content.length === 0 && message.content.length > 0) return []
    return [{ role: message.role === 'tool' ? 'user' : message.role, content }]
  })
  return { results, rest, lost, strays }
}

function asText({ name, content }: ToolResultPart): ContentPart {
  return { type: 'text', text: `Result of ${name === '' ? 'a tool' : `the tool ${name}`}: ${joinText(content)}` }
}
