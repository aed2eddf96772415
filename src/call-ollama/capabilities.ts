import type { Capability, ModelCard } from '../core/model.ts'
import { isRecord } from '../upstream/errors.ts'
import type { Upstream } from '../upstream/upstream.ts'

type Fields = Readonly<Record<string, unknown>>

/** What every model can, as it is Ollama that holds them to it, or reads it off them. */
const always: readonly Capability[] = ['json-schema', 'logprobs']

const names: Readonly<Record<string, Capability>> = {
  tools: 'tools',
  vision: 'images',
  audio: 'audio',
  thinking: 'reasoning',
  embedding: 'embeddings',
}

interface Known {
  readonly capabilities: readonly Capability[]
  readonly embedsOnly: boolean
}

/** What Ollama says that its models can do, asked once for each model and version of it. */
export function ollamaCapabilities(upstream: Upstream) {
  const known = new Map<string, Known & { readonly digest: string }>()

  return {
    /** Undefined where Ollama does not tell now; it is asked again at the next look. */
    async look(id: string, digest: string, signal: AbortSignal): Promise<Known | undefined> {
      const before = known.get(id)
      if (before?.digest === digest) return before
      const body = { model: id }
      const shown = await upstream.json({ method: 'POST', path: '/api/show', body }, signal).catch(() => undefined)
      if (!isRecord(shown)) return undefined
      const found = { digest, capabilities: capabilitiesIn(shown), embedsOnly: embedsOnly(shown) }
      known.set(id, found)
      return found
    },

    /** The card with what is known by now. */
    known(model: ModelCard): ModelCard {
      const capabilities = known.get(model.id)?.capabilities
      return capabilities === undefined || model.capabilitiesFixed ? model : { ...model, capabilities }
    },

    /** Takes note that a model refused something, whatever was said about it before. */
    lacks(model: ModelCard, capability: Capability): void {
      const before = known.get(model.id) ?? { digest: '', capabilities: model.capabilities, embedsOnly: false }
      known.set(model.id, { ...before, capabilities: before.capabilities.filter((one) => one !== capability) })
    },
  }
}

/** An embedding model lacks `completion`; servers that tell no capabilities have nothing but models that chat. */
function embedsOnly({ capabilities }: Fields): boolean {
  return Array.isArray(capabilities) && capabilities.includes('embedding') && !capabilities.includes('completion')
}

function capabilitiesIn(shown: Fields): readonly Capability[] {
  const { capabilities } = shown
  if (!Array.isArray(capabilities)) return [...always, ...guessed(shown)]
  return [...always, ...capabilities.flatMap((name) => names[String(name)] ?? [])]
}

/** Before 0.6.4 Ollama told no capabilities, and judged by the same signs. */
function guessed({ template, details, projector_info }: Fields): readonly Capability[] {
  const families = isRecord(details) && Array.isArray(details.families) ? details.families : []
  const sees = isRecord(projector_info) || families.some((family) => family === 'clip' || family === 'mllama')
  const calls = typeof template === 'string' && template.includes('.Tools')
  return [...(calls ? ['tools' as const] : []), ...(sees ? ['images' as const] : [])]
}
