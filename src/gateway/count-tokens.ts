import { GatewayError } from '../core/errors.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { type Rooms, route } from './answer.ts'

/** Size of the prompt in tokens, as the model that would answer counts it, or our estimate where its server does not. */
export async function countTokens(request: ChatRequest, rooms: Rooms, signal: AbortSignal): Promise<number> {
  const [model] = route(request, rooms).plan
  const provider = model === undefined ? undefined : rooms.providers.get(model.provider)
  if (model === undefined || provider?.countTokens === undefined) return estimatePromptTokens(request)
  try {
    return await provider.countTokens({ request, model }, signal)
  } catch (error) {
    // A request that its server refuses is worth an error; a server that is not there is worth an estimate.
    if (error instanceof GatewayError && !error.retryable) throw error
    return estimatePromptTokens(request)
  }
}
