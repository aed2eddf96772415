import { Engine } from '../embedder/engine.ts'
import { ensureEmbedder } from '../embedder/files.ts'
import { embeddedStore } from './embedded.ts'
import { qdrantStore } from './qdrant.ts'
import { SemanticCache, type SemanticCacheOptions } from './semantic-cache.ts'

export interface OpenSemanticCacheOptions extends Pick<SemanticCacheOptions, 'scopeOf' | 'askAgain' | 'say'> {
  /** `semantic_cache` and `qdrant` of the configuration. */
  readonly config: {
    readonly ttl_seconds: number
    readonly max_entries: number
    readonly embed_ms: number
    readonly max_temperature: number
    readonly check_share: number
    readonly max_wrong_share: number
  }
  readonly qdrant: {
    readonly url?: string | undefined
    readonly api_key?: string | undefined
    readonly prefix: string
    readonly deadline_ms: number
  }
  readonly modelsDir: string
}

const dimensions = 384

/** A semantic cache that is being made ready, or could not be. */
export interface OpenedSemanticCache {
  /** Undefined until it is ready. */
  readonly current: () => SemanticCache | undefined
  /** Resolves when it is ready, or was given up. */
  readonly ready: Promise<void>
  readonly close: () => Promise<void>
}

/** Begins to bring and load what is needed; the gateway answers meanwhile, and without it where it cannot be had. */
export function openSemanticCache(options: OpenSemanticCacheOptions): OpenedSemanticCache {
  const closing = new AbortController()
  let opened: { readonly cache: SemanticCache; readonly engine: Engine } | undefined
  const ready = open(options, closing.signal).then(
    (result) => {
      opened = result
      options.say('info', `the semantic cache is ready (${result.cache.description})`)
    },
    (error: unknown) => {
      if (closing.signal.aborted) return
      const reason = error instanceof Error ? error.message : String(error)
      options.say('warn', `there is no semantic cache: ${reason}`)
    },
  )
  return {
    current: () => opened?.cache,
    ready,
    async close() {
      closing.abort()
      await ready
      await opened?.cache.close()
      await opened?.engine.close()
    },
  }
}

async function open(options: OpenSemanticCacheOptions, signal: AbortSignal) {
  const { config, qdrant, modelsDir, scopeOf, askAgain, say } = options
  const files = await ensureEmbedder({ modelsDir, signal, say: (message) => say('info', message) })
  const engine = await Engine.open({ files, mostVectors: config.max_entries })
  const { deadline_ms: deadlineMs, prefix } = qdrant
  const store =
    qdrant.url === undefined
      ? embeddedStore(engine, deadlineMs)
      : await qdrantStore({
          url: qdrant.url,
          apiKey: qdrant.api_key,
          deadlineMs,
          size: dimensions,
          most: config.max_entries,
          prefix,
          say,
        })
  const cache = new SemanticCache({
    store,
    embed: (text, withinMs) => engine.embed(text, withinMs),
    scopeOf,
    askAgain,
    say,
    ttlSeconds: config.ttl_seconds,
    embedMs: config.embed_ms,
    warmest: config.max_temperature,
    checkShare: config.check_share,
    mostWrong: config.max_wrong_share,
  })
  return { cache, engine }
}
