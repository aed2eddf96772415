import type { ReasoningEffort } from '../core/tools.ts'

/** What one Claude takes and another answers with a 400: from Anthropic's migration guides, by version. */
export interface ClaudeTraits {
  /** `budget` is `thinking.type: enabled` with a number of tokens, `adaptive` goes by effort. */
  readonly thinking: 'none' | 'budget' | 'adaptive'
  /** Thinks where the request says nothing of it. */
  readonly thinksUnasked: boolean
  /** The `thinking.type` that switches it off; undefined where nothing does. */
  readonly off: 'disabled' | 'between_tools' | undefined
  readonly efforts: readonly ReasoningEffort[]
  /** Hides its thoughts unless `display` asks for them. */
  readonly hidesThoughts: boolean
  /** Takes its signed thoughts back only behind the very same conversation, unless it is told to drop them. */
  readonly bindsThoughts: boolean
  /** `tool_choice` may demand a call, where the model does not think. */
  readonly forcesTools: boolean
  /** Continues a last message of the assistant. */
  readonly prefill: boolean
  /** Takes system messages within the conversation. */
  readonly systemAnywhere: boolean
  /** Has `output_config.format` and strict tools. */
  readonly structured: boolean
}

/** Also of names that are no Claude's: of those that serve this API, most keep to what was there first. */
const early: ClaudeTraits = {
  thinking: 'budget',
  thinksUnasked: false,
  off: 'disabled',
  efforts: [],
  hidesThoughts: false,
  bindsThoughts: false,
  forcesTools: true,
  prefill: true,
  systemAnywhere: false,
  structured: true,
}
const upToMax: readonly ReasoningEffort[] = ['low', 'medium', 'high', 'xhigh', 'max']

const before37: ClaudeTraits = { ...early, thinking: 'none', structured: false }
const before45: ClaudeTraits = { ...early, structured: false }
const since46: ClaudeTraits = {
  ...early,
  thinking: 'adaptive',
  efforts: ['low', 'medium', 'high', 'max'],
  prefill: false,
}
const since47: ClaudeTraits = { ...since46, efforts: upToMax, hidesThoughts: true }
const since48: ClaudeTraits = { ...since47, systemAnywhere: true }
const since5: ClaudeTraits = { ...since48, thinksUnasked: true }
const always: ClaudeTraits = { ...since5, off: undefined, bindsThoughts: true, forcesTools: false }

/** False for names of which no traits are known. */
export function isClaude(id: string): boolean {
  return /fable|mythos/.test(id) || versionOf(id) !== undefined
}

export function traitsOf(id: string): ClaudeTraits {
  if (/fable|mythos/.test(id)) return always
  const version = versionOf(id)
  if (version === undefined) return early
  if (version < 3.7) return before37
  if (version < 4.5) return before45
  if (version < 4.6) return id.includes('opus') ? { ...early, efforts: ['low', 'medium', 'high'] } : early
  if (version < 4.7) return since46
  if (version < 4.8) return since47
  if (version < 5) return since48
  if (version < 5.5) return since5
  if (id.includes('haiku')) return { ...since5, bindsThoughts: true }
  return id.includes('sonnet') ? { ...always, off: 'between_tools' } : always
}

/** The numbers stand behind the family (`claude-sonnet-4-6`) or, up to 3.7, before it; eight digits are a date. */
function versionOf(id: string): number | undefined {
  const found =
    /claude-(?:opus|sonnet|haiku)-(\d{1,2})(?:[-.](\d{1,2})(?!\d))?/.exec(id) ??
    /claude-(\d{1,2})(?:[-.](\d{1,2})(?!\d))?/.exec(id)
  return found === null ? undefined : Number(found[1]) + Number(found[2] ?? 0) / 10
}
