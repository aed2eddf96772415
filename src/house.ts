import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Account } from './account/account.ts'
import { Ledger } from './account/ledger.ts'
import { type createLogger, requestLine } from './account/log.ts'
import { createMetrics, type Gauges } from './account/metrics.ts'
import { openLedgerStore } from './account/open-ledger.ts'
import { Upkeep } from './account/upkeep.ts'
import type { Budgets } from './budgets/budgets.ts'
import { memoryPurse } from './budgets/memory.ts'
import { openBudgets } from './budgets/open-budgets.ts'
import { ExactCache, scopeOf } from './cache/exact-cache.ts'
import { redisReplies } from './cache/redis.ts'
import { checkReply } from './check/check.ts'
import type { House, ModelFile } from './cli/command.ts'
import { showProgress } from './cli/progress.ts'
import type { LoadedConfig } from './config/load.ts'
import { GatewayError } from './core/errors.ts'
import type { Availability, ModelCard } from './core/model.ts'
import type { ChatRequest } from './core/request.ts'
import { answer, type Rooms, route } from './gateway/answer.ts'
import type { AnswerPart } from './gateway/answer-part.ts'
import { askAgain } from './gateway/ask-again.ts'
import { AvailabilityMonitor } from './gateway/availability.ts'
import { calibrate } from './gateway/calibrate.ts'
import { countTokens } from './gateway/count-tokens.ts'
import { embed } from './gateway/embed.ts'
import { Health } from './gateway/health.ts'
import { openSteer } from './gateway/open-steer.ts'
import { Queues } from './gateway/queues.ts'
import { createSpending } from './gateway/spending.ts'
import { forgetAfterMs, ToolLoops } from './gateway/tool-loops.ts'
import { KeyRing } from './keys/key-ring.ts'
import type { Limits } from './limits/limits.ts'
import { memoryLimiter } from './limits/memory.ts'
import { openLimits } from './limits/open-limits.ts'
import { wantedFile } from './model-files/catalog.ts'
import { sessionMs } from './policy/sessions.ts'
import { openProvider } from './providers/index.ts'
import type { OpenProvider } from './providers/provider.ts'
import { Gateways } from './redis/gateways.ts'
import { redisNotes } from './redis/notes.ts'
import { Redis } from './redis/redis.ts'
import { Retries } from './resilience/retries.ts'
import { decide } from './router/decide.ts'
import { lookUp } from './router/resolve-model.ts'
import type { OpenedSemanticCache } from './semantic-cache/open.ts'
import { readFacts } from './signals/index.ts'
import { openDatabaseLedger } from './stores/database.ts'
import { openMemoryLedger } from './stores/memory.ts'
import { openSqliteLedger } from './stores/sqlite.ts'
import type { AuditStore } from './stores/store.ts'

/** The only file that knows all rooms: it opens them in order and closes them in reverse. */

export type Logger = ReturnType<typeof createLogger>

type Say = (level: 'info' | 'warn' | 'error', message: string) => void

function sayTo(logger: Logger): Say {
  return (level, message) => logger[level](message)
}

/** Opens the ledger and what counts: enough to read what was spent. */
export async function openAccount({ config }: LoadedConfig, logger: Logger) {
  const { ledger: ledgerConfig, data_dir: dataDir, database } = config
  const say = sayTo(logger)
  const store = await openLedgerStore({
    dataDir,
    required: ledgerConfig.required,
    openDatabase:
      database.url === undefined
        ? undefined
        : async (spoolPath) => await openDatabaseLedger({ ...database, spoolPath, say }),
    openFile: openSqliteLedger,
    openMemory: openMemoryLedger,
    say,
  })
  const metrics = createMetrics()
  const ledger = new Ledger(store, {
    flushMs: ledgerConfig.flush_ms,
    maxPendingRows: ledgerConfig.max_pending_rows,
    say,
  })
  const account = new Account({
    ledger,
    store,
    metrics,
    baseline: config.baseline,
    ledgerRequired: ledgerConfig.required,
    log: (receipt) => logger.info(requestLine(receipt), receipt.status),
  })
  const openKeys = () => {
    const { keys: configured, admin_key: admin } = config.server
    return KeyRing.open({ configured, admin, store: store.keys, audit: store.audit, say })
  }
  return {
    store,
    metrics,
    ledger,
    account,
    labels: store.labels,
    audit: store.audit,
    openKeys,
    close: () => ledger.close(),
  }
}

/** What stays open while the configuration is read anew: ledger, keys, and the parts that gateways share. */
async function openBase(loaded: LoadedConfig, logger: Logger, sayProgress: Say) {
  const { config } = loaded
  const say = sayTo(logger)
  const { store, metrics, ledger, account, openKeys } = await openAccount(loaded, logger)
  const keys = await openKeys().catch(async (error: unknown) => {
    await ledger.close()
    throw error
  })
  const orphans = await store.closeOrphans()
  if (orphans > 0)
    say('warn', `${orphans} requests were interrupted when an earlier process died; the ledger says so now`)

  const { url: redisUrl, prefix, deadline_ms: deadlineMs } = config.redis
  const redis = redisUrl === undefined ? undefined : await Redis.open({ url: redisUrl, prefix, deadlineMs, say })
  const gateways = await Gateways.open(redis)
  const { retention_days: retentionDays, max_rows: maxRows } = config.ledger
  const upkeep = new Upkeep({ store, retentionDays, maxRows, say })
  const progress = showProgress(process.stderr, sayProgress)
  let gauges: Gauges | undefined
  return {
    store,
    metrics,
    ledger,
    account,
    keys,
    redis,
    gateways,
    progress,
    // They count on, whatever the configuration says: a reload forgives nobody anything.
    localLimiter: memoryLimiter(),
    localPurse: memoryPurse(),
    toolLoops: new ToolLoops(redis && redisNotes(redis, 'loops', forgetAfterMs)),
    watch(next: Gauges): void {
      const isFirst = gauges === undefined
      gauges = next
      if (isFirst) metrics.watch(() => gauges ?? next)
    },
    async close() {
      await keys.close()
      await upkeep.close()
      await ledger.close()
      await gateways.close()
      await redis?.close()
    },
  }
}

type Base = Awaited<ReturnType<typeof openBase>>

/** A provider as it was opened, so that the next configuration can go on with it where nothing of it changed. */
interface OpenedProvider {
  readonly provider: OpenProvider
  /** The options as text. */
  readonly how: string
  /** Who wants to know that a model has come or gone. */
  hears: () => void
}

/** All rooms, and what the front door needs of them. */
export interface OpenedHouse extends House {
  readonly loaded: LoadedConfig
  readonly rooms: Rooms
  readonly keys: KeyRing
  readonly audit: AuditStore
  readonly limits: Limits
  readonly budgets: Budgets
  readonly cache: ExactCache
  readonly semantic: OpenedSemanticCache | undefined
  /** Parts that may be missing, in words: `ok`, or why not. */
  readonly parts: () => Readonly<Record<string, string>>
  /** Opens the rooms for another configuration; what it does not change goes on. Nothing changes where it throws. */
  readonly reopen: (loaded: LoadedConfig) => Promise<OpenedHouse>
  /** Closes what `next` does not go on with, when the requests that run here are over. */
  readonly retire: (next: OpenedHouse) => Promise<void>
  readonly providers: ReadonlyMap<string, OpenedProvider>
}

/** Opens every room but the front door. `sayProgress` gets the lines about downloads where nobody draws a bar. */
export async function openHouse(
  loaded: LoadedConfig,
  logger: Logger,
  sayProgress: Say = sayTo(logger),
): Promise<OpenedHouse> {
  const base = await openBase(loaded, logger, sayProgress)
  return await openRooms(loaded, base, logger, undefined)
}

async function openRooms(
  loaded: LoadedConfig,
  base: Base,
  logger: Logger,
  before: OpenedHouse | undefined,
): Promise<OpenedHouse> {
  const { config, warnings } = loaded
  const say = sayTo(logger)
  for (const warning of warnings) say('warn', warning)
  const { store, metrics, ledger, account, keys, redis, gateways, progress } = base
  let running = 0
  let wake = () => {}

  const limits = openLimits({
    config: config.limits,
    redis,
    gateways,
    local: base.localLimiter,
    refused: metrics.limited,
  })
  const opened = new Map<string, OpenedProvider>()
  for (const [name, options] of Object.entries(config.providers)) {
    if (!config.models.some((model) => model.provider === name)) continue
    const how = JSON.stringify([options, config.models_dir])
    const known = before?.providers.get(name)
    if (known?.how === how) {
      opened.set(name, known)
      continue
    }
    const services = { name, modelsDir: config.models_dir, say, progress, changed: () => made.hears() }
    const made: OpenedProvider = { provider: openProvider(options, services), how, hears: () => {} }
    opened.set(name, made)
  }
  const providers = new Map([...opened].map(([name, { provider }]) => [name, provider]))

  const { resilience } = config
  const health = new Health({
    failures: resilience.breaker_failures,
    restMs: resilience.breaker_rest_seconds * 1000,
    longestRestMs: resilience.breaker_longest_rest_seconds * 1000,
    changed: (model, resting) =>
      say(
        resting ? 'warn' : 'info',
        resting ? `${model.name} is left alone for a while (${health.rests(model)})` : `${model.name} answers again`,
      ),
  })
  const availability = new AvailabilityMonitor({
    models: config.models,
    providers,
    health,
    checkSeconds: config.availability.check_seconds,
    changed: (model, { available, reason }) =>
      logger.info(available ? `${model.name} can answer now` : `${model.name} cannot answer any more (${reason})`),
  })
  const same = (section: 'cache' | 'semantic_cache' | 'qdrant') =>
    before !== undefined && JSON.stringify(before.loaded.config[section]) === JSON.stringify(config[section])
  const openCache = async () =>
    new ExactCache({
      enabled: config.cache.enabled,
      ttlSeconds: config.cache.ttl_seconds,
      maxBytes: config.cache.max_bytes,
      scope: config.cache.scope,
      shared:
        redis === undefined || !config.cache.enabled
          ? undefined
          : await redisReplies({ redis, ttlSeconds: config.cache.ttl_seconds, maxBytes: config.cache.redis_max_bytes }),
    })
  const cache = same('cache') && before !== undefined ? before.cache : await openCache()
  const { router } = config
  const spent = async (since: number) => {
    await ledger.flush()
    return await store.spent(since)
  }
  const { budgets, close: closeBudgets } = await openBudgets({
    config: config.budgets,
    redis,
    gateways,
    spent,
    teamOf: (id) => keys.find(id)?.team ?? '',
    alone: base.localPurse,
    say,
  })
  const whenSpent = config.budgets.when_spent
  const ownSpending = createSpending({ budgets, whenSpent })
  const steered = await openSteer({
    config: router,
    models: config.models,
    labels: store.labels,
    spent,
    account,
    providers,
    availability,
    spending: ownSpending,
    notes: redis && redisNotes(redis, 'sessions', sessionMs),
    say,
  })
  const queues = new Queues({
    providers,
    models: config.models,
    isWarm: (model) => availability.of(model).warm === true,
    expectedTokens: router.expected_output_tokens,
    spillAfterSeconds: resilience.spill_after_seconds,
    dollarsPerMinute: resilience.waiting_dollars_per_minute,
  })
  const gauges: Gauges = {
    breakers: () => config.models.map((model) => ({ model: model.name, level: health.level(model) })),
    queues: () => queues.waiting(),
    parts: () => parts(),
    ledgerPendingRows: () => ledger.pendingRows,
    ledgerDroppedRows: () => ledger.droppedRows,
    ledgerAway: () => Number(ledger.trouble !== ''),
    cacheBytes: () => cache.bytes,
    inFlight: () => account.openRequests,
    alarms: () => steered.policy.alarm.active,
    budgets: () =>
      budgets.standing().map(({ line, state }) => ({
        budget: line.owner,
        period: line.period,
        spent: (state?.spent ?? 0) / Math.max(1, line.limit),
      })),
    budgetLeft: () => steered.policy.budgetOf('')?.left ?? -1,
    modelsAvailable: () =>
      config.models.map((model) => ({ model: model.name, available: availability.of(model).available })),
  }
  const named = (name: string) => config.models.filter((model) => model.name === name)
  async function openSemantic() {
    if (!config.semantic_cache.enabled) return undefined
    // Nobody else loads what it needs.
    const { openSemanticCache } = await import('./semantic-cache/open.ts')
    return openSemanticCache({
      config: config.semantic_cache,
      qdrant: config.qdrant,
      modelsDir: config.models_dir,
      scopeOf: (request) => scopeOf(request, config.cache.scope),
      askAgain: (request, name) => askAgain(request, named(name)[0], { account, providers, spending: ownSpending }),
      say,
    })
  }
  const rooms: { -readonly [Name in keyof Rooms]: Rooms[Name] } = {
    models: config.models,
    retries: new Retries({
      most: resilience.retries,
      share: resilience.retry_share,
      longestPauseMs: resilience.retry_pause_seconds * 1000,
    }),
    queues,
    hedge:
      resilience.hedge_after_seconds === undefined
        ? undefined
        : { afterSeconds: resilience.hedge_after_seconds, paid: resilience.hedge_paid },
    fallbacksOf: ({ name }) => (resilience.fallbacks[name] ?? []).flatMap(named),
    readFacts,
    policy: {
      useLocalForSimple: router.use_local_for_simple,
      complexityThreshold: router.complexity_threshold,
      unknownPrice: router.unknown_price,
      expectedOutputTokens: router.expected_output_tokens,
      aliases: router.aliases,
    },
    availability,
    cache,
    toolLoops: base.toolLoops,
    providers,
    account,
    answerTimeoutSeconds: config.limits.answer_timeout_seconds,
    limits,
    ...steered.steer,
    spending: createSpending({ budgets, whenSpent, pacing: steered.steer?.pacing }),
  }
  // What it asks again goes by the models of the configuration that it was opened with.
  const semantic = same('semantic_cache') && same('qdrant') ? before?.semantic : await openSemantic()
  if (semantic !== undefined) rooms.semantic = semantic.current
  await availability.start()
  for (const [name, each] of opened) each.hears = () => void availability.providerChanged(name)
  base.watch(gauges)
  account.useBaseline(config.baseline)

  /** A house is closed when nobody is in it any more. */
  async function* counted(parts: AsyncGenerator<AnswerPart>): AsyncGenerator<AnswerPart> {
    running++
    try {
      yield* parts
    } finally {
      running--
      wake()
    }
  }
  const closeRooms = async (next: OpenedHouse | undefined) => {
    availability.stop()
    await steered.close()
    limits.close()
    if (next?.cache !== cache) cache.close()
    if (next?.semantic !== semantic) await semantic?.close()
    await closeBudgets()
    const kept = new Set([...(next?.providers.values() ?? [])].map(({ provider }) => provider))
    await Promise.all([...providers.values()].filter((each) => !kept.has(each)).map((each) => each.close()))
  }

  const parts = () => {
    const cache = semantic?.current()
    return {
      ...(redis !== undefined && { redis: redis.answers ? 'ok' : 'does not answer: each gateway goes on by itself' }),
      ...(semantic !== undefined && { semantic_cache: cache === undefined ? 'not ready' : cache.off || 'ok' }),
    }
  }
  const house: OpenedHouse = {
    parts,
    loaded,
    rooms,
    budgets,
    cache,
    semantic,
    providers: opened,
    reopen: (next) => openRooms(next, base, logger, house),
    async retire(next) {
      while (running > 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      await closeRooms(next)
    },
    limits,
    keys,
    audit: store.audit,
    models: config.models,
    availability: availability.of,
    account,
    answer: (request, signal) => counted(answer(request, rooms, signal)),
    embed: (request, signal) => embed(request, rooms, signal),
    countTokens: (request, signal) => countTokens(request, rooms, signal),
    resolve: (name) => lookUp(name, config.models, router.aliases),
    route: (request) => route(request, rooms),
    routeAmong: (request, among) => decideAmong(request, rooms, among),
    prepare: (request, signal) => prepare(request, rooms, signal),
    wishOf: steered.wishOf,
    giveFeedback: steered.giveFeedback,
    learn: steered.learn,
    settle: steered.settle,
    labels: store.labels,
    calibrate: (anchors, { model, strong }, signal) =>
      calibrate(
        anchors,
        {
          account,
          providers,
          spending: ownSpending,
          model,
          strong,
          judge: undefined,
          readFacts,
          check: checkReply,
          longestReply: 512,
        },
        signal,
      ),
    async pull(model, signal) {
      const provider = providers.get(model.provider)
      if (provider?.pull === undefined) {
        throw new GatewayError(
          'unsupported',
          `${model.name} is served by '${model.provider}', which has nothing to pull`,
        )
      }
      await provider.pull(model, progress, signal)
    },
    async close() {
      await closeRooms(undefined)
      await base.close()
    },
  }
  return house
}

/** The decision for a world that is not the present one. Runs nothing. */
function decideAmong(request: ChatRequest, rooms: Rooms, among: (model: ModelCard) => Availability) {
  const { models, steering, readFacts, policy } = rooms
  return decide(request, readFacts(request), { models, availability: among, steering }, policy)
}

/** Loads the local model that would be chosen if it were loaded; when that fails, the next one. */
async function prepare(request: ChatRequest, rooms: Rooms, signal: AbortSignal): Promise<void> {
  const { availability, providers } = rooms
  const started = new Set<string>()
  const hope = (model: ModelCard): Availability => {
    const now = availability.of(model)
    const isComing = /^(not loaded|looking|loading|downloading|checking|waiting)/.test(now.reason)
    const canStart = providers.get(model.provider)?.warmUp !== undefined && !started.has(model.name)
    return now.available || canStart || (started.has(model.name) && isComing) ? { available: true, reason: '' } : now
  }

  while (!signal.aborted) {
    const [first] = decideAmong(request, rooms, hope).plan
    if (first === undefined || availability.of(first).available || !hope(first).available) return
    if (!started.has(first.name)) {
      providers.get(first.provider)?.warmUp?.([first])
      started.add(first.name)
    } else {
      await sleep(100, undefined, { signal }).catch(() => undefined)
    }
    await availability.checkNow()
  }
}

/** Files of the models that run in this process, and whether they are there. */
export async function modelFiles({ config }: LoadedConfig): Promise<readonly ModelFile[]> {
  const local = config.models.filter(({ provider }) => config.providers[provider]?.kind === 'llama-cpp')
  return await Promise.all(
    local.map(async (model) => {
      const { path, bytes } = wantedFile(model.id, config.models_dir)
      const found = await stat(path).catch(() => undefined)
      return { model, path, wantedBytes: bytes, present: found !== undefined }
    }),
  )
}
