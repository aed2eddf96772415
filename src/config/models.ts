import { createHash } from 'node:crypto'
import type { Backend, ModelCard } from '../core/model.ts'
import { free, type Price, type Rates, unknownPrice } from '../core/price.ts'
import { type Provider, providers } from '../providers/index.ts'
import { type CatalogueRow, catalogue } from './catalogue.ts'
import type { ModelConfig, ParsedConfig } from './schema.ts'

/** The models that are enabled, in the configured order, completed from the built-in catalogue. */
export function buildModels(config: ParsedConfig): readonly ModelCard[] {
  return Object.entries(config.models)
    .filter(([, model]) => model.enabled)
    .map(([name, model]) => buildModel(name, model, config))
}

function buildModel(name: string, model: ModelConfig, config: ParsedConfig): ModelCard {
  const provider = config.providers[model.provider]
  const row = catalogue.find((candidate) => candidate.id === model.id && candidate.vendor === vendorOf(provider))
  const kind = providers.find((candidate) => candidate.kind === provider?.kind)
  const backend: Backend = model.backend ?? kind?.backend ?? 'cloud'
  return {
    name,
    provider: model.provider,
    id: model.id,
    backend,
    maxComplexity: model.max_complexity,
    auto: model.auto,
    price: priceOf(name, model, backend, row),
    contextTokens: model.context_tokens ?? row?.contextTokens ?? (backend === 'local' ? 4096 : 128_000),
    maxOutputTokens: model.max_output_tokens ?? row?.maxOutputTokens ?? (backend === 'local' ? 4096 : 16_384),
    fixedSampling: model.fixed_sampling ?? row?.fixedSampling ?? false,
    capabilities: model.capabilities ?? kind?.capabilities ?? [],
    capabilitiesFixed: model.capabilities !== undefined,
    dialects: kind === undefined || provider === undefined ? [] : dialectsOf(kind, provider),
  }
}

/** Each kind takes its own options; which they are is known only to the list, so the type ends here. */
function dialectsOf(kind: (typeof providers)[number], options: ParsedConfig['providers'][string]): readonly string[] {
  return (kind as unknown as Provider).speaks(options)
}

/** Whose price list applies. An OpenAI-compatible server at another address is not OpenAI. */
function vendorOf(provider: ParsedConfig['providers'][string] | undefined): CatalogueRow['vendor'] | undefined {
  if (provider?.kind === 'anthropic') return 'anthropic'
  if (provider?.kind !== 'openai-compatible') return undefined
  const { preset, base_url } = provider as { preset?: string; base_url?: string }
  return preset === 'openai' && base_url === undefined ? 'openai' : undefined
}

function priceOf(name: string, model: ModelConfig, backend: Backend, row: CatalogueRow | undefined): Price {
  const { price } = model
  if (price === 'free' || (price === undefined && backend === 'local')) return free
  if (price === 'unknown') return unknownPrice
  if (price !== undefined) {
    const rates: Rates = {
      input: price.input,
      output: price.output,
      cacheRead: price.cache_read ?? price.input,
      cacheWrite: price.cache_write ?? price.input,
      cacheWriteHour: price.cache_write ?? price.input,
    }
    const digest = createHash('sha256').update(JSON.stringify(rates)).digest('hex').slice(0, 8)
    return { known: true, rates, version: `config@${digest}`, source: `models.${name}.price` }
  }
  if (row === undefined) return unknownPrice
  return {
    known: true,
    rates: row.rates,
    ...(row.longPrompt === undefined ? {} : { longPrompt: row.longPrompt }),
    version: `${row.vendor}/${row.id}@${row.asOf}`,
    source: row.source,
  }
}
