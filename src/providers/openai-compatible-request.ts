import type { ModelCard } from '../core/model.ts'
import { type ChatRequest, textOf } from '../core/request.ts'
import type { Preset } from './openai-compatible-presets.ts'
import { acceptedSampling } from './sampling.ts'

/** The body of a chat completion request, and what of the request had to be left out of it. */
export function completionsBody(request: ChatRequest, model: ModelCard, preset: Preset) {
  // The stream is ours to configure, whatever the client asked of its own.
  const { stream_options: _, ...extra } = request.dialect === 'openai-chat' ? (request.extra ?? {}) : {}
  const { sampling, maxTokens, warnings } = acceptedSampling(request, model, preset.unsupported)
  const { seed, ...others } = sampling
  const body: Readonly<Record<string, unknown>> = {
    ...extra,
    model: model.id,
    messages: request.messages.map((message) => ({ role: message.role, content: textOf(message) })),
    stream: true,
    ...others,
    ...(preset.streamOptions && { stream_options: { include_usage: true } }),
    ...(seed !== undefined && { [preset.seedField]: seed }),
    ...(maxTokens !== undefined && { [preset.maxTokensField]: maxTokens }),
    ...(request.stop !== undefined && request.stop.length > 0 && { stop: request.stop }),
    // Only local replies are judged by them, and they make every chunk longer.
    ...(preset.logprobs && model.backend === 'local' && { logprobs: true }),
  }
  return { body, warnings }
}
