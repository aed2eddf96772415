import type { Decision } from '../core/decision.ts'
import type { EmbeddingReply, EmbeddingRequest } from '../core/embedding.ts'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import { capabilitiesOf, type ModelCard } from '../core/model.ts'
import { costOf } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import { type ChatRequest, estimatePromptTokens, permits } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { refusalOfMode } from '../router/decide.ts'
import { resolveModel } from '../router/resolve-model.ts'
import type { Rooms } from './answer.ts'
import { isTimeout, reasonOf, startDeadline } from './deadline.ts'
import { permittedModels, refuseForbidden } from './permitted.ts'

export interface Embedded {
  readonly vectors: EmbeddingReply['vectors']
  /** The configured name of the model that made them. */
  readonly model: string
  /** What the provider could not do, in words for the caller. */
  readonly warnings: readonly string[]
  readonly receipt: Receipt
}

/**
 * Vectors for texts. Unlike a chat, one that fails is not passed on to another model: vectors of two models cannot be
 * compared, and whoever stores them would not notice. Throws only `GatewayError`.
 */
export async function embed(request: EmbeddingRequest, rooms: Rooms, client: AbortSignal): Promise<Embedded> {
  const model = choose(request, rooms)
  const stand = standIn(request)
  // What chats are compared with makes no vectors: these were not saved by routing.
  const receipt = rooms.account.open(stand, decisionFor(model, stand), model)
  const { signal, clear } = startDeadline(client, rooms.answerTimeoutSeconds)
  try {
    const provider = rooms.providers.get(model.provider)
    if (provider?.embed === undefined) throw noEmbeddings(model)
    const purchase = { model, request: stand, pinned: true, writes: false }
    const admission = await rooms.spending.admit(purchase, signal)
    if ('refused' in admission) throw admission.refused
    const attempt = receipt.attempt(model, estimate(stand))
    try {
      const { vectors, usage, warnings } = await provider.embed({ request, model }, signal)
      attempt.saw({ type: 'finish', reason: 'stop', usage })
      attempt.answered()
      return { vectors, model: model.name, warnings, receipt: receipt.answered() }
    } catch (error) {
      const reason = reasonOf(error, signal)
      if (!signal.aborted || isTimeout(reason)) attempt.failed(reason)
      throw toGatewayError(reason)
    } finally {
      admission.settle(attempt.current)
    }
  } catch (error) {
    receipt.failed(error)
    throw error
  } finally {
    clear()
    receipt.close()
  }
}

/** The named model, or the first one that is there among those that make embeddings; local ones first. */
function choose(request: EmbeddingRequest, { models: all, policy, availability }: Rooms): ModelCard {
  const { model: name, routing } = request
  refuseForbidden(request, all, policy.aliases)
  const models = permittedModels(all, request.holder)
  const named = resolveModel(name, models, policy.aliases)
  if (named !== 'auto') {
    const refusal = refusalOfMode(named, routing)
    if (refusal !== undefined) throw new GatewayError(refusal.code, refusal.message, { field: refusal.field })
    return named
  }
  const able = models
    .filter((model) => permits(routing, model.backend))
    .filter((model) => model.auto && capabilitiesOf(model, availability.of(model)).includes('embeddings'))
    .sort((a, b) => Number(a.backend === 'cloud') - Number(b.backend === 'cloud'))
  const present = able.find((model) => availability.of(model).available)
  if (present !== undefined) return present
  if (able.length === 0) {
    const message = 'no model that makes embeddings is configured: give one capabilities: [embeddings]'
    throw new GatewayError('unsupported', message, { field: 'model' })
  }
  const reasons = able.map((model) => `${model.name}: ${availability.of(model).reason}`).join('; ')
  const message = `no model can make embeddings at the moment (${reasons})`
  throw new GatewayError('no_model_available', message, { field: 'model', retryAfterSeconds: 5 })
}

function noEmbeddings({ name, provider }: ModelCard): GatewayError {
  const message = `model '${name}' is served by '${provider}', which makes no embeddings: name another one`
  return new GatewayError('unsupported', message, { field: 'model' })
}

function estimate(request: ChatRequest) {
  return { ...noUsage, input: estimatePromptTokens(request) }
}

/** The receipt knows chats: the texts stand in it like what a user said. Nothing of it is sent anywhere. */
function standIn({ id, dialect, model, inputs, caller, holder }: EmbeddingRequest): ChatRequest {
  const messages = inputs.map((text) => ({ role: 'user' as const, content: [{ type: 'text' as const, text }] }))
  return {
    id,
    dialect,
    model,
    messages,
    stream: false,
    caching: 'off',
    ...(caller !== undefined && { caller }),
    ...(holder !== undefined && { holder }),
  }
}

function decisionFor(model: ModelCard, request: ChatRequest): Decision {
  return {
    complexity: 0,
    factors: [],
    reasoning: `${model.name} makes embeddings`,
    plan: [model],
    requirements: ['embeddings'],
    estimatedCost: costOf(estimate(request), model.price),
    runnerUp: undefined,
    degraded: false,
    degradedReason: '',
    pinned: request.model !== 'auto',
  }
}
