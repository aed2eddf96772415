import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { functionTools, type ReasoningEffort, type ReasoningWish } from '../core/tools.ts'
import { type Warning, warning } from '../translation/sampling.ts'
import type { Preset } from './presets.ts'

export interface ReasoningFields {
  readonly fields: Readonly<Record<string, unknown>>
  readonly warnings: readonly Warning[]
}

/** The wish for thinking in the words of this server, as far as it is known to take any. */
export function reasoningFields(request: ChatRequest, model: ModelCard, preset: Preset): ReasoningFields {
  const { reasoning } = request
  if (reasoning === undefined) return { fields: {}, warnings: [] }
  const enabled = reasoning.enabled && reasoning.effort !== 'none'
  const effort = effortOf(reasoning)
  const three = plain(effort)

  switch (preset.reasoning) {
    case 'effort':
      return given(enabled ? { reasoning_effort: three ?? 'medium' } : {})
    case 'openai':
      return openaiFields(request, model)
    case 'openrouter':
      return given({ reasoning: enabled ? openrouterWish(reasoning, effort) : { enabled: false } })
    case 'deepseek': {
      const level = three === 'medium' ? 'high' : effort === 'max' || effort === 'xhigh' ? 'max' : three
      const type = enabled ? 'enabled' : 'disabled'
      return given({ thinking: { type }, ...(enabled && level !== undefined && { reasoning_effort: level }) })
    }
    case 'template':
      return given({
        chat_template_kwargs: { enable_thinking: enabled },
        ...(enabled && three !== undefined && { reasoning_effort: three }),
      })
    case 'gpt-oss':
      if (model.id.includes('gpt-oss')) return given({ reasoning_effort: enabled ? (three ?? 'medium') : 'low' })
      return unknown(model)
    case 'none':
      return unknown(model)
    default:
      return preset.reasoning satisfies never
  }
}

function given(fields: ReasoningFields['fields']): ReasoningFields {
  return { fields, warnings: [] }
}

function unknown(model: ModelCard): ReasoningFields {
  return { fields: {}, warnings: [warning(model, 'thinks as its vendor sets it: reasoning was left out')] }
}

/** The effort that was asked for, or the one that a number of tokens comes to. */
function effortOf({ effort, budgetTokens }: ReasoningWish): ReasoningEffort | undefined {
  if (effort !== undefined || budgetTokens === undefined) return effort
  if (budgetTokens <= 2048) return 'low'
  return budgetTokens <= 8192 ? 'medium' : 'high'
}

/** The three that every server knows. */
function plain(effort: ReasoningEffort | undefined): 'low' | 'medium' | 'high' | undefined {
  if (effort === undefined || effort === 'none') return undefined
  if (effort === 'minimal') return 'low'
  return effort === 'xhigh' || effort === 'max' ? 'high' : effort
}

function openrouterWish({ budgetTokens, effort: asked }: ReasoningWish, effort: ReasoningEffort | undefined) {
  if (asked === undefined && budgetTokens !== undefined) return { max_tokens: budgetTokens }
  return effort === undefined ? { enabled: true } : { effort: effort === 'max' ? 'xhigh' : effort }
}

/** Which efforts a model of OpenAI knows; undefined for those that do not think. */
function openaiEfforts(id: string): readonly ReasoningEffort[] | undefined {
  const [, major, minor = '0'] = /gpt-(\d+)(?:\.(\d+))?/.exec(id) ?? []
  if (major === undefined) return /^(.*\/)?o\d|codex/.test(id) ? ['low', 'medium', 'high'] : undefined
  const version = Number(major) + Number(minor) / 10
  if (version < 5 || id.includes('chat')) return undefined
  if (version < 5.1) return ['minimal', 'low', 'medium', 'high']
  return ['none', 'low', 'medium', 'high', ...(version >= 5.2 ? (['xhigh'] as const) : [])]
}

function openaiFields({ reasoning, tools }: ChatRequest, model: ModelCard): ReasoningFields {
  const efforts = openaiEfforts(model.id)
  if (reasoning === undefined || efforts === undefined) return unknown(model)
  const off = !reasoning.enabled || reasoning.effort === 'none'
  const asked = off ? 'none' : (effortOf(reasoning) ?? 'medium')
  const effort = nearest(asked, efforts)
  // From GPT-5.4 on, the chat API refuses tools beside an effort; the default it takes.
  const refuses = functionTools(tools).length > 0 && efforts.includes('xhigh') && effort !== 'none'
  if (!refuses) return given({ reasoning_effort: effort })
  return { fields: {}, warnings: [warning(model, 'takes no reasoning effort beside tools: left out')] }
}

function nearest(asked: ReasoningEffort, efforts: readonly ReasoningEffort[]): ReasoningEffort {
  if (efforts.includes(asked)) return asked
  if (asked === 'none' || asked === 'minimal')
    return efforts[0] === 'none' && asked === 'minimal' ? 'low' : (efforts[0] ?? 'low')
  return efforts.at(-1) ?? 'high'
}
