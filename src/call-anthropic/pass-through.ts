import { parseExactly } from '../core/exact-json.ts'
import type { ModelCard } from '../core/model.ts'
import type { ClientRequest } from '../core/request.ts'
import { edited } from '../translation/pass-through.ts'
import { fixedFields, leftOut, lowered, type Warning, warning } from '../translation/sampling.ts'
import { list, record } from '../upstream/errors.ts'
import { goOn, notContinued } from './content.ts'
import { type ClaudeTraits, isClaude, traitsOf } from './models.ts'
import { leastBudget } from './thinking.ts'

type Fields = Readonly<Record<string, unknown>>

/** What a chat request may hold and a request to count must not. */
const uncounted = [
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'metadata',
  'service_tier',
]

/** The client's body for this model: with its name, and without what it is known to refuse. */
export function passedBody({ body }: ClientRequest, model: ModelCard) {
  const fields = record(JSON.parse(body))
  const warnings: Warning[] = []
  const edits: Record<string, unknown> = { model: model.id }

  const refused = model.fixedSampling ? fixedFields.filter((field) => field in fields) : []
  for (const field of refused) edits[field] = undefined
  if (refused.length > 0) warnings.push(leftOut(model, refused))
  if (typeof fields.max_tokens === 'number' && fields.max_tokens > model.maxOutputTokens) {
    edits.max_tokens = model.maxOutputTokens
    warnings.push(lowered(model, fields.max_tokens))
  }
  // A client that names its Claude knows it; where the gateway chose, the fields of one do not fit every other.
  if (fields.model !== model.id && isClaude(model.id)) fitClaude(body, { fields, model, edits, warnings })
  fitBudget(fields, model, { edits, warnings })
  return { bodyText: edited(body, edits), warnings }
}

/** The same for a request that only counts: what the model refuses there it refuses here. */
export function countedClientBody({ body }: ClientRequest, model: ModelCard): string {
  const fields = record(JSON.parse(body))
  const edits: Record<string, unknown> = { model: model.id }
  if (fields.model !== model.id && isClaude(model.id)) fitClaude(body, { fields, model, edits, warnings: [] })
  return edited(body, { ...edits, ...Object.fromEntries(uncounted.map((field) => [field, undefined])) })
}

interface Fitted {
  readonly edits: Record<string, unknown>
  readonly warnings: Warning[]
}

interface Fitting extends Fitted {
  readonly fields: Fields
  readonly model: ModelCard
}

function fitClaude(body: string, { fields, model, ...fitted }: Fitting): void {
  fitThinking(fields, model, fitted)
  fitToolChoice(fields, model, fitted)
  if (traitsOf(model.id).prefill || !beginsReply(fields)) return
  const { messages } = parseExactly(body) as { readonly messages: readonly unknown[] }
  fitted.edits.messages = [...messages, goOn]
  fitted.warnings.push(notContinued(model))
}

/** True where the last turn is words of the assistant; one that the vendor's own tool interrupted all models continue. */
function beginsReply({ messages }: Fields): boolean {
  const { role, content } = record(list(messages).at(-1))
  return role === 'assistant' && list(content).every((block) => record(block).type === 'text')
}

/** A call can be demanded of a model that does not think, so of some never. */
function fitToolChoice(fields: Fields, model: ModelCard, { edits, warnings }: Fitted): void {
  const traits = traitsOf(model.id)
  const { type, name: _, ...rest } = record(fields.tool_choice)
  if (type !== 'any' && type !== 'tool') return
  if (!traits.forcesTools) {
    edits.tool_choice = { type: 'auto', ...rest }
    warnings.push(warning(model, "cannot be made to call a tool: tool_choice became 'auto'"))
  } else if (traits.thinksUnasked && traits.off !== undefined && !('thinking' in fields)) {
    edits.thinking = { type: traits.off }
  }
}

function fitThinking(fields: Fields, model: ModelCard, { edits, warnings }: Fitted): void {
  const traits = traitsOf(model.id)
  const thinking = record(fields.thinking)
  const { effort, ...output } = record(fields.output_config)
  const maxTokens = Number(edits.max_tokens ?? fields.max_tokens)

  const fitted = fittedThinking(thinking, traits, maxTokens)
  if (fitted !== thinking) {
    edits.thinking = fitted
    warnings.push(warning(model, `does not take thinking.type '${thinking.type}': it became ${said(fitted)}`))
  }
  if (effort === undefined || effort === null || traits.efforts.some((known) => known === effort)) return
  const near = traits.efforts.length === 0 ? {} : { effort: 'high' }
  const config = { ...output, ...near }
  edits.output_config = Object.keys(config).length === 0 ? undefined : config
  warnings.push(
    warning(model, `knows no effort '${effort}': it ${near.effort === undefined ? 'was left out' : "became 'high'"}`),
  )
}

/** A budget that fitted into the client's limit must fit into the one that this limit was lowered to. */
function fitBudget(fields: Fields, model: ModelCard, { edits, warnings }: Fitted): void {
  const { max_tokens: limit } = edits
  const thinking = record('thinking' in edits ? edits.thinking : fields.thinking)
  const { budget_tokens: budget } = thinking
  if (typeof limit !== 'number' || thinking.type !== 'enabled' || typeof budget !== 'number' || budget < limit) return
  // Between calls of tools a client may think with more than its limit, where it asks for that.
  if (budget >= Number(fields.max_tokens)) return
  const lower = Math.floor(limit / 2)
  const fits = lower >= leastBudget
  edits.thinking = fits ? { ...thinking, budget_tokens: lower } : undefined
  warnings.push(
    warning(model, `${fits ? `thinks with ${lower} tokens at most` : 'does not think'} within its limit of ${limit}`),
  )
}

function fittedThinking(thinking: Fields, traits: ClaudeTraits, maxTokens: number): Fields | undefined {
  switch (thinking.type) {
    case 'enabled': {
      if (traits.thinking === 'none') return undefined
      // A budget shows its thoughts unless `display` hides them; these models do it the other way round.
      return traits.thinking === 'adaptive' && traits.efforts.includes('xhigh')
        ? { type: 'adaptive', display: thinking.display ?? 'summarized' }
        : thinking
    }
    case 'adaptive': {
      if (traits.thinking === 'adaptive') return thinking
      const budget = Math.floor(maxTokens / 2)
      return traits.thinking === 'budget' && budget >= leastBudget
        ? { type: 'enabled', budget_tokens: budget }
        : undefined
    }
    case 'disabled':
    case 'between_tools':
      if (traits.off === thinking.type) return thinking
      return traits.off === undefined ? undefined : { type: traits.off }
    default:
      return thinking
  }
}

function said(fitted: Fields | undefined): string {
  return fitted === undefined ? 'the default' : `'${fitted.type}'`
}
