import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { Account } from './account/account.ts'
import { Ledger } from './account/ledger.ts'
import { createLogger, requestLine } from './account/log.ts'
import { createMetrics } from './account/metrics.ts'
import { openLedgerStore } from './account/open-ledger.ts'
import { Upkeep } from './account/upkeep.ts'
import { openBudgets } from './budgets/open-budgets.ts'
import { ExactCache, scopeOf } from './cache/exact-cache.ts'
import { redisReplies } from './cache/redis.ts'
import { checkReply } from './check/check.ts'
import type { House, ModelFile, OpenedAccount, Toolbox } from './cli/command.ts'
import { commands } from './cli/index.ts'
import { readStream } from './cli/input.ts'
import { showProgress } from './cli/progress.ts'
import { type LoadedConfig, loadConfig } from './config/load.ts'
import { ConfigError } from './config/problem.ts'
import { GatewayError } from './core/errors.ts'
import type { Availability, ModelCard } from './core/model.ts'
import type { ChatRequest } from './core/request.ts'
import { StartError } from './core/start-error.ts'
import { dialects } from './dialects/index.ts'
import { answer, type Rooms, route } from './gateway/answer.ts'
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
import type { AdminRoute } from './http/admin-routes.ts'
import { budgetRoutes } from './http/budget-routes.ts'
import { cacheRoutes } from './http/cache-routes.ts'
import { isLoopback } from './http/door.ts'
import { keyRoutes } from './http/key-routes.ts'
import { ledgerRoutes } from './http/ledger-routes.ts'
import { createServer, packageVersion } from './http/server.ts'
import { KeyRing } from './keys/key-ring.ts'
import type { Limits } from './limits/limits.ts'
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
import { readFacts } from './signals/index.ts'
import { openDatabaseLedger } from './stores/database.ts'
import { openMemoryLedger } from './stores/memory.ts'
import { openSqliteLedger } from './stores/sqlite.ts'
import type { AuditStore } from './stores/store.ts'

/** The only file that knows all rooms: it opens them in order and closes them in reverse. */

type Logger = ReturnType<typeof createLogger>

const projectDir = resolve(dirname(fileURLToPath(import.meta.url)), '..')

type Say = (level: 'info' | 'warn' | 'error', message: string) => void

function sayTo(logger: Logger): Say {
  return (level, message) => logger[level](message)
}

/** Opens the ledger and what counts: enough to read what was spent. */
async function openAccount({ config }: LoadedConfig, logger: Logger) {
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

/** Opens every room but the front door. `sayProgress` gets the lines about downloads where nobody draws a bar. */
export async function openHouse(
  loaded: LoadedConfig,
  logger: Logger,
  sayProgress: Say = sayTo(logger),
): Promise<
  House & { rooms: Rooms; keys: KeyRing; audit: AuditStore; limits: Limits; adminRoutes: readonly AdminRoute[] }
> {
  const { config, warnings } = loaded
  const say = sayTo(logger)
  for (const warning of warnings) say('warn', warning)

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

  const limits = openLimits({ config: config.limits, redis, gateways, refused: metrics.limited })
  const { retention_days: retentionDays, max_rows: maxRows } = config.ledger
  const upkeep = new Upkeep({ store, retentionDays, maxRows, say })
  const progress = showProgress(process.stderr, sayProgress)
  const providers = new Map<string, OpenProvider>()
  for (const [name, options] of Object.entries(config.providers)) {
    if (!config.models.some((model) => model.provider === name)) continue
    const changed = () => void availability.providerChanged(name)
    providers.set(name, openProvider(options, { name, modelsDir: config.models_dir, say, progress, changed }))
  }

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
  const cache = new ExactCache({
    enabled: config.cache.enabled,
    ttlSeconds: config.cache.ttl_seconds,
    maxBytes: config.cache.max_bytes,
    scope: config.cache.scope,
    shared:
      redis === undefined || !config.cache.enabled
        ? undefined
        : await redisReplies({ redis, ttlSeconds: config.cache.ttl_seconds, maxBytes: config.cache.redis_max_bytes }),
  })
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
    say,
  })
  const whenSpent = config.budgets.when_spent
  const ownSpending = createSpending({ budgets, whenSpent })
  const opened = await openSteer({
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
  metrics.watch({
    breakers: () => config.models.map((model) => ({ model: model.name, level: health.level(model) })),
    queues: () => queues.waiting(),
    ledgerPendingRows: () => ledger.pendingRows,
    ledgerDroppedRows: () => ledger.droppedRows,
    ledgerAway: () => Number(ledger.trouble !== ''),
    cacheBytes: () => cache.bytes,
    inFlight: () => account.openRequests,
    alarms: () => opened.policy.alarm.active,
    budgets: () =>
      budgets.standing().map(({ line, state }) => ({
        budget: line.owner,
        period: line.period,
        spent: (state?.spent ?? 0) / Math.max(1, line.limit),
      })),
    budgetLeft: () => opened.policy.budgetOf('')?.left ?? -1,
    modelsAvailable: () =>
      config.models.map((model) => ({ model: model.name, available: availability.of(model).available })),
  })
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
    toolLoops: new ToolLoops(redis && redisNotes(redis, 'loops', forgetAfterMs)),
    providers,
    account,
    answerTimeoutSeconds: config.limits.answer_timeout_seconds,
    limits,
    ...opened.steer,
    spending: createSpending({ budgets, whenSpent, pacing: opened.steer?.pacing }),
  }
  const semantic = await openSemantic()
  if (semantic !== undefined) rooms.semantic = semantic.current
  await availability.start()

  return {
    rooms,
    limits,
    keys,
    audit: store.audit,
    adminRoutes: [
      ...keyRoutes(keys, store.audit),
      ...ledgerRoutes(account),
      ...budgetRoutes(budgets, keys),
      ...cacheRoutes(cache, semantic, store.audit),
    ],
    models: config.models,
    availability: availability.of,
    account,
    answer: (request, signal) => answer(request, rooms, signal),
    embed: (request, signal) => embed(request, rooms, signal),
    countTokens: (request, signal) => countTokens(request, rooms, signal),
    resolve: (name) => lookUp(name, config.models, router.aliases),
    route: (request) => route(request, rooms),
    routeAmong: (request, among) => decideAmong(request, rooms, among),
    prepare: (request, signal) => prepare(request, rooms, signal),
    wishOf: opened.wishOf,
    giveFeedback: opened.giveFeedback,
    learn: opened.learn,
    settle: opened.settle,
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
      availability.stop()
      await opened.close()
      limits.close()
      cache.close()
      await semantic?.close()
      await closeBudgets()
      await keys.close()
      await upkeep.close()
      await Promise.all([...providers.values()].map((provider) => provider.close()))
      await ledger.close()
      await gateways.close()
      await redis?.close()
    },
  }
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
async function modelFiles({ config }: LoadedConfig): Promise<readonly ModelFile[]> {
  const local = config.models.filter(({ provider }) => config.providers[provider]?.kind === 'llama-cpp')
  return await Promise.all(
    local.map(async (model) => {
      const { path, bytes } = wantedFile(model.id, config.models_dir)
      const found = await stat(path).catch(() => undefined)
      return { model, path, wantedBytes: bytes, present: found !== undefined }
    }),
  )
}

/** Serves until SIGTERM or SIGINT; a second one ends at once. */
async function serve(loaded: LoadedConfig): Promise<void> {
  const { config } = loaded
  const logger = createLogger({ ...config.log, isTerminal: process.stdout.isTTY === true })
  const house = await openHouse(loaded, logger)
  await checkDoor(house, loaded)
  const server = createServer({
    config: config.server,
    keys: house.keys,
    adminRoutes: house.adminRoutes,
    limits: house.limits,
    maxPromptCharacters: config.limits.max_prompt_characters,
    dialects,
    answer: house.answer,
    route: house.route,
    embed: house.embed,
    countTokens: house.countTokens,
    resolve: house.resolve,
    account: house.account,
    models: config.models,
    availability: house.availability,
    wishOf: house.wishOf,
    giveFeedback: house.giveFeedback,
    logger,
    version: packageVersion(),
  })

  let stoppingSince = 0
  const stop = async (signal: string) => {
    // A group or a supervisor sends one signal in several copies; who presses Ctrl-C again later does not want to wait.
    if (stoppingSince > 0 && signal === 'SIGINT' && Date.now() - stoppingSince > 1000) process.exit(130)
    if (stoppingSince > 0) return
    stoppingSince = Date.now()
    logger.info(`${signal}: finishing ${house.account.openRequests} running requests, then stopping`)
    await server.drain()
    await house.close()
    logger.info('stopped')
    process.exit(0)
  }
  // Not `once`: a library below ends the process by itself when it sees no listener but its own.
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))

  try {
    const address = await server.listen()
    logger.info(`Hybrid AI Stack ${packageVersion()} listens on ${address}`)
    if (!house.keys.locked) {
      const reach = isLoopback(config.server.host) ? 'this machine alone' : 'everybody who reaches it'
      logger.info(`no key is needed: it answers to ${reach}; hybrid keys create locks the door`)
    }
  } catch (error) {
    await house.close()
    throw explainListen(error, config.server)
  }
  for (const [name, provider] of house.rooms.providers) {
    provider.warmUp?.(config.models.filter((model) => model.provider === name))
  }
  await house.rooms.availability.checkNow()
  sayWhatIsThere(house, logger)
}

/** A door that strangers can reach needs a lock; and whoever minds it needs a key of his own, which is shown this once. */
async function checkDoor({ keys, close }: House & { keys: KeyRing }, { config }: LoadedConfig): Promise<void> {
  const { host, allow_open: allowOpen } = config.server
  if (!isLoopback(host) && !keys.locked && !allowOpen) {
    await close()
    throw new StartError(
      `server.host is ${host}, which others can reach, and there is no key: make one (hybrid keys create), set HYBRID_API_KEY, or set server.allow_open: true`,
    )
  }
  if (keys.hasAdmin) return
  const actor = { id: 'gateway', name: 'first start', address: '' }
  const { text } = await keys.create({ name: 'admin', team: '', scopes: ['admin'], labels: {} }, actor)
  // Past the log, which is kept.
  process.stderr.write(`Admin key, shown this once (hybrid keys rotate makes another): ${text}\n`)
}

function sayWhatIsThere(house: House, logger: Logger): void {
  const automatic = house.models.filter(({ auto }) => auto)
  const ready = automatic.filter((model) => house.availability(model).available).map(({ name }) => name)
  const missing = automatic.filter((model) => !house.availability(model).available)
  logger.info(ready.length === 0 ? 'no model can answer yet' : `these models answer: ${ready.join(', ')}`)
  for (const [reason, models] of Map.groupBy(missing, (model) => house.availability(model).reason)) {
    logger.info(`not there: ${models.map(({ name }) => name).join(', ')} (${reason})`)
  }
}

function explainListen(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new StartError(`port ${port} is in use: stop the program that has it, or set GATEWAY_PORT to another one`)
  }
  if (code === 'EACCES')
    return new StartError(`port ${port} may not be opened by this user: set GATEWAY_PORT to one over 1023`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new StartError(`this machine has no address ${host}: set GATEWAY_HOST`)
  return error
}

/** Warnings of the rooms go to standard error, so that the output of a command stays its own. */
function quietLogger(): Logger {
  return createLogger({ level: 'warn', format: 'pretty', isTerminal: process.stderr.isTTY === true, destination: 2 })
}

async function main(): Promise<void> {
  // A reader that has seen enough (`hybrid models | head -1`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

  const program = new Command('hybrid')
    .description('An API gateway that sends each request to the cheapest model that can handle it.')
    .version(packageVersion())
    .option('--config <file>', 'YAML file to read instead of $HYBRID_CONFIG or hybrid.yaml')
    .option('--json', 'print JSON')
    .showHelpAfterError("Run 'hybrid --help' for the commands, 'hybrid COMMAND --help' for one of them.")

  const toolbox: Toolbox = {
    version: packageVersion(),
    environment: process.env,
    projectDir,
    loadConfig: (variables) => {
      const given = Object.entries(variables ?? {}).filter(([, value]) => value !== undefined)
      const environment = { ...process.env, ...Object.fromEntries(given) }
      return loadConfig({ environment, file: program.opts().config, projectDir })
    },
    openHouse: (loaded) => openHouse(loaded, quietLogger(), (_level, message) => process.stderr.write(`${message}\n`)),
    openAccount: (loaded): Promise<OpenedAccount> => openAccount(loaded, quietLogger()),
    modelFiles,
    serve,
    print: (text) => process.stdout.write(`${text}\n`),
    write: (text) => process.stdout.write(text),
    note: (text) => process.stderr.write(process.stderr.isTTY ? `\x1b[2m${text}\x1b[22m\n` : `${text}\n`),
    readInput: () => readStream(process.stdin),
    isTerminal: process.stdout.isTTY === true,
    columns: process.stdout.columns ?? 100,
    json: () => program.opts().json === true,
  }
  for (const command of commands) command.register(program, toolbox)
  await program.parseAsync()
}

function fail(error: unknown): void {
  if (error instanceof ConfigError || error instanceof StartError || error instanceof GatewayError) {
    process.stderr.write(`${error.message}\n`)
  } else {
    process.stderr.write(`this is a fault of the program: ${error instanceof Error ? error.stack : String(error)}\n`)
  }
  process.exitCode = 1
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main().catch(fail)
}
