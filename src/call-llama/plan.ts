import type { ChatRequest } from '../core/request.ts'
import { rootGrammar, schemaGrammar } from './grammar.ts'
import { callBegin, type OfferedTools, offeredTools } from './tools.ts'

/** The form that a reply shall have, before it is written. */
export interface ReplyPlan {
  /** The tools that may be called, or must. */
  readonly offered: OfferedTools | undefined
  /** Grammars of the text, the best one first; undefined where it is free. */
  readonly grammars: readonly string[] | undefined
  /** What of the form cannot be held to, in words that follow the model's name. */
  readonly ignored: readonly string[]
}

export function planReply({ tools, toolChoice, parallelToolCalls, responseFormat }: ChatRequest): ReplyPlan {
  const offered = offeredTools(tools, toolChoice, parallelToolCalls === true)
  if (responseFormat === undefined || responseFormat.type === 'text' || offered?.forced === true) {
    return { offered, grammars: undefined, ignored: [] }
  }
  const mark = offered === undefined ? '' : ` | "${callBegin}"`
  const grammarOf = (value: string, rules: readonly string[] = []) => rootGrammar({ value: value + mark, rules })
  if (responseFormat.type === 'json') return { offered, grammars: [grammarOf('object')], ignored: [] }
  const found = schemaGrammar(responseFormat.schema)
  if (found === undefined) return { offered, grammars: [grammarOf('value')], ignored: [lostSchema] }
  const { value, rules, ignored } = found
  return { offered, grammars: [grammarOf(value, rules), grammarOf('value')], ignored: lost(ignored) }
}

/** Where a grammar cannot be used after all. */
export const lostSchema = 'cannot be held to this schema: the reply is JSON of any form'

export function lost(keywords: readonly string[]): readonly string[] {
  return keywords.length === 0
    ? []
    : [`cannot be held to ${keywords.join(', ')} of a schema: the reply may differ there`]
}
