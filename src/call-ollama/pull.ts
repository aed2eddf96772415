import { toGatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import type { ProviderServices, PullProgress } from '../providers/provider.ts'
import { count, messageIn, upstreamError } from '../upstream/errors.ts'
import { readLines } from '../upstream/ndjson.ts'
import type { Upstream } from '../upstream/upstream.ts'

const retryMs = 60_000

/** Asks Ollama to pull a model and reports how far it is. Throws `GatewayError` where Ollama says that it failed. */
export async function pullModel(
  upstream: Upstream,
  model: ModelCard,
  onProgress: (progress: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const { identity } = upstream
  const body = { model: model.id, stream: true }
  const reply = await upstream.open({ method: 'POST', path: '/api/pull', body }, signal)
  if (reply.status >= 300) throw await upstream.errorOf(reply)

  for await (const { fields: line } of readLines(reply.body, identity)) {
    if ('error' in line) {
      throw upstreamError(identity, 'upstream_failed', `could not pull '${model.id}': ${messageIn(line.error)}`)
    }
    if (line.status === 'success') {
      reply.release()
      return
    }
    onProgress({
      model: model.name,
      step: typeof line.status === 'string' ? line.status : 'pulling',
      doneBytes: count(line.completed),
      totalBytes: typeof line.total === 'number' ? line.total : undefined,
    })
  }
  throw upstreamError(identity, 'upstream_cut', `stopped pulling '${model.id}' before it was complete`)
}

type PullState =
  | { readonly state: 'running'; readonly percent: number | undefined }
  | { readonly state: 'failed'; readonly message: string; readonly at: number }

/** Pulls missing models without being waited for, each of them once at a time. */
export function backgroundPulls(upstream: Upstream, services: ProviderServices) {
  const states = new Map<string, PullState>()
  const stop = new AbortController()

  const start = (model: ModelCard): void => {
    states.set(model.id, { state: 'running', percent: undefined })
    const onProgress = (progress: PullProgress) => {
      states.set(model.id, { state: 'running', percent: percentOf(progress) })
      services.progress(progress)
    }
    pullModel(upstream, model, onProgress, stop.signal).then(
      () => {
        states.delete(model.id)
        services.say('info', `pulled ${model.id}`)
        services.changed()
      },
      (error: unknown) => {
        const { message } = toGatewayError(error)
        states.set(model.id, { state: 'failed', message, at: Date.now() })
        if (!stop.signal.aborted) services.say('warn', message)
      },
    )
  }

  return {
    /** Starts the pull unless it runs or failed a moment ago; says how it stands. */
    ensure(model: ModelCard): string {
      const state = states.get(model.id)
      if (state?.state === 'running') {
        return state.percent === undefined ? 'being pulled' : `being pulled, ${state.percent} %`
      }
      if (state?.state === 'failed' && Date.now() - state.at < retryMs)
        return `${state.message}; tried again in a minute`
      if (stop.signal.aborted) return 'not pulled'
      start(model)
      return 'being pulled'
    },
    close: () => stop.abort(),
  }
}

function percentOf({ doneBytes, totalBytes }: PullProgress): number | undefined {
  return totalBytes === undefined || totalBytes === 0 ? undefined : Math.floor((100 * doneBytes) / totalBytes)
}
