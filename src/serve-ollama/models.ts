import { createHash } from 'node:crypto'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { type Capability, capabilitiesOf } from '../core/model.ts'
import { checkBody } from '../dialects/check.ts'
import type { InfoContext, ListedModel } from '../dialects/dialect.ts'

/** What the clients of Ollama see of a model, or of `auto`. */
interface OllamaModel {
  /** With its tag, as Ollama lists names. */
  readonly name: string
  readonly digest: string
  readonly provider: string
  readonly capabilities: readonly string[]
  readonly contextTokens: number
  readonly available: boolean
  /** Why not, and the way out. */
  readonly reason: string
}

/** When the gateway began: clients show it, and 1970 looks like a mistake. */
const modifiedAt = new Date().toISOString()

/** Models do not leave the memory of somebody else's server at a time that we knew. */
const expiresAt = '2099-12-31T23:59:59Z'

/** `model_info` names its entries after the architecture; clients read that name first. */
const architecture = 'hybrid'

const details = z.object({
  parent_model: z.string(),
  format: z.string(),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
})
const listed = z.object({
  name: z.string(),
  model: z.string(),
  modified_at: z.string(),
  size: z.int(),
  digest: z.string(),
  details,
})
export const tagsReply = z.object({ models: z.array(listed) }).meta({ id: 'OllamaModels' })

const running = listed.omit({ modified_at: true }).extend({
  expires_at: z.string(),
  size_vram: z.int(),
  context_length: z.int(),
})
export const psReply = z.object({ models: z.array(running) }).meta({ id: 'OllamaRunningModels' })

export const showReply = z
  .object({
    modelfile: z.string(),
    parameters: z.string(),
    template: z.string(),
    details,
    model_info: z.record(z.string(), z.union([z.string(), z.int()])),
    capabilities: z.array(z.string()),
    modified_at: z.string(),
  })
  .meta({ id: 'OllamaModel' })

const name = z.string({ error: 'must be a string' })

/** `name` is what the field was called once, and some clients still call it. */
export const modelBody = z.looseObject({ model: name.nullish(), name: name.nullish() })

export function tags({ models }: InfoContext): z.infer<typeof tagsReply> {
  return { models: all(models).map((model) => ({ ...entry(model), modified_at: modifiedAt })) }
}

/** Everything that could answer now: to clients, that is what is in memory. */
export function ps({ models }: InfoContext): z.infer<typeof psReply> {
  return {
    models: all(models)
      .filter(({ available }) => available)
      .map((model) => ({
        ...entry(model),
        expires_at: expiresAt,
        size_vram: 0,
        context_length: model.contextTokens,
      })),
  }
}

export function show(context: InfoContext): z.infer<typeof showReply> {
  const model = named(context)
  return {
    modelfile: '',
    parameters: '',
    // From this, older clients learn whether a model takes tools.
    template: `{{ .System }}${model.capabilities.includes('tools') ? '{{ .Tools }}' : ''}{{ .Prompt }}`,
    details: detailsOf(model),
    model_info: {
      'general.architecture': architecture,
      'general.basename': model.name.replace(/:latest$/, ''),
      [`${architecture}.context_length`]: model.contextTokens,
    },
    capabilities: [...model.capabilities],
    modified_at: modifiedAt,
  }
}

/** Clients pull before they use: what is there is pulled already. Nothing else can be, from here. */
export function pull(context: InfoContext): { readonly status: 'success' } {
  const wanted = nameIn(context.body)
  const model = find(wanted, context)
  if (model === undefined) {
    const message = `model '${wanted}' is not configured: add it to 'models' in hybrid.yaml, then run \`hybrid models pull\``
    throw new GatewayError('unsupported', message, { field: 'model' })
  }
  if (!model.available) throw new GatewayError('model_unavailable', `model '${model.name}': ${model.reason}`)
  return { status: 'success' }
}

type Known = Pick<InfoContext, 'models' | 'resolve'>

/** Throws `unknown_model` where none of the models is called so. */
export function requireModel(wanted: string, context: Known): OllamaModel {
  const model = find(wanted, context)
  if (model !== undefined) return model
  const known = all(context.models).map((one) => one.name)
  const message = `model '${wanted}' is not configured; the known ones are: ${known.join(', ')}`
  throw new GatewayError('unknown_model', message, { field: 'model' })
}

function named(context: InfoContext): OllamaModel {
  return requireModel(nameIn(context.body), context)
}

function nameIn(body: unknown): string {
  const { model, name: formerly } = checkBody(modelBody, body)
  const wanted = model || formerly
  if (wanted) return wanted
  throw new GatewayError('invalid_request', 'model: is required', { field: 'model' })
}

/** What a request of that name would be answered by. */
function find(wanted: string, { models, resolve }: Known): OllamaModel | undefined {
  const found = resolve(wanted)
  return found === 'auto' ? auto(models) : found && describe(found)
}

/** `auto` first: what clients take when nobody chooses. */
function all(models: readonly ListedModel[]): readonly OllamaModel[] {
  return [auto(models), ...models.map(describe)]
}

/** It can what the models can among which it chooses, of those that are there. */
function auto(models: readonly ListedModel[]): OllamaModel {
  const candidates = models.filter(({ model }) => model.auto)
  const present = candidates.filter(({ availability }) => availability.available)
  const able = (present.length > 0 ? present : candidates).map(describe)
  const embedding = models.filter(({ availability }) => availability.available).map(describe)
  const capabilities = [
    ...able.flatMap((model) => model.capabilities),
    // Vectors come from the models that make them, whether or not they take part in `auto`.
    ...embedding.flatMap((model) => model.capabilities.filter((capability) => capability === 'embedding')),
  ]
  return {
    name: withTag('auto'),
    digest: digestOf(models.map(({ model }) => model.name).join()),
    provider: 'hybrid',
    capabilities: [...new Set(capabilities)],
    contextTokens: Math.max(0, ...able.map(({ contextTokens }) => contextTokens)),
    available: present.length > 0,
    reason: 'none of the models can answer at the moment',
  }
}

function describe({ model, availability }: ListedModel): OllamaModel {
  return {
    name: withTag(model.name),
    digest: digestOf(`${model.provider}/${model.id}`),
    provider: model.provider,
    capabilities: inOllamasWords(capabilitiesOf(model, availability)),
    contextTokens: model.contextTokens,
    available: availability.available,
    reason: availability.reason,
  }
}

const words: Readonly<Partial<Record<Capability, string>>> = {
  tools: 'tools',
  'weak-tools': 'tools',
  images: 'vision',
  audio: 'audio',
  reasoning: 'thinking',
  embeddings: 'embedding',
}

function inOllamasWords(capabilities: readonly Capability[]): readonly string[] {
  const known = [...new Set(capabilities.flatMap((capability) => words[capability] ?? []))]
  // What makes embeddings and has no other talent is a model for embeddings.
  const chats = capabilities.length === 0 || capabilities.some((capability) => capability !== 'embeddings')
  return chats ? ['completion', ...known] : known
}

function entry(model: OllamaModel) {
  return { name: model.name, model: model.name, size: 0, digest: model.digest, details: detailsOf(model) }
}

function detailsOf({ provider }: OllamaModel): z.infer<typeof details> {
  return {
    parent_model: '',
    format: '',
    family: provider,
    families: [provider],
    parameter_size: '',
    quantization_level: '',
  }
}

/** Of the name alone, as there may be no file; Ollama's own client cuts it to twelve digits without looking. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function withTag(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`
}
