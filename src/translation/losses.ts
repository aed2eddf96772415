import type { ContentPart } from '../core/content.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { type Warning, warning } from './sampling.ts'

/**
 * What a request loses on its way into the words of another dialect, for every provider alike: one warning for each
 * kind of loss, naming the fields. `speaks` are the dialects whose unknown fields (`extra`) the provider passes on.
 * What only one vendor refuses (a seed, a penalty) is the matter of its own file. Not for requests that pass through.
 */
export function lossesOf(request: ChatRequest, model: ModelCard, speaks: readonly string[]): readonly Warning[] {
  const warnings: Warning[] = []
  const lose = (names: readonly string[], said: (list: string) => string) => {
    const list = [...new Set(names)].map((name) => `'${name}'`).join(', ')
    if (list !== '') warnings.push(warning(model, said(list)))
  }

  const foreign = speaks.includes(request.dialect) ? [] : Object.keys(request.extra ?? {})
  lose(foreign, (fields) => `does not know ${fields} of ${request.dialect}: left out`)

  const hosted = (request.tools ?? []).flatMap((tool) => (tool.type === 'hosted' ? [tool.name] : []))
  lose(hosted, (tools) => `has no tool ${tools} of ${request.dialect}: left out`)

  const opaque = request.messages.flatMap(({ content }) => content.flatMap(opaqueKind))
  lose(opaque, (kinds) => `does not understand ${kinds} in messages: left out`)

  lose(otherNeeds(request), (fields) => `cannot do ${fields} of ${request.dialect}: left out`)

  const failed = request.messages.some(({ content }) =>
    content.some((part) => part.type === 'tool-result' && part.isError),
  )
  if (failed && !speaks.includes('anthropic-messages')) {
    lose(['is_error'], (field) => `knows no ${field} of a tool result: left out`)
  }
  if (request.logprobs !== undefined && !model.capabilities.includes('logprobs')) {
    lose(['logprobs'], (field) => `tells no ${field}: left out`)
  }
  if (request.reasoning?.enabled === true && !model.capabilities.includes('reasoning')) {
    lose(['reasoning'], (field) => `has no ${field} that could be set: left out`)
  }
  return warnings
}

function opaqueKind(part: ContentPart): readonly string[] {
  return part.type === 'opaque' ? [part.kind] : []
}

/** What only a model of the same dialect could have done, beside tools and messages, which are told by name. */
function otherNeeds({ needs = [], extra = {} }: ChatRequest): readonly string[] {
  return needs
    .filter(({ capability, weight }) => capability === 'native' && weight !== 'must')
    .map(({ field }) => field)
    .filter((field) => !(field in extra) && !/^(tools|messages|input|system)\b/.test(field))
}
