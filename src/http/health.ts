import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Account } from '../account/account.ts'
import type { Availability, ModelCard } from '../core/model.ts'

export interface HealthOptions {
  readonly models: readonly ModelCard[]
  readonly availability: (model: ModelCard) => Availability
  readonly account: Account
  /** Parts that may be missing, in words: `ok`, or why not. */
  readonly parts: () => Readonly<Record<string, string>>
  readonly version: string
  readonly startedAt: number
  readonly isDraining: () => boolean
  /** Whether the caller may read why a part does not work. */
  readonly mayLookInside: (request: FastifyRequest) => boolean
}

/** `/health` (the state of each part), `/health/live` and `/health/ready`. */
export function addHealth(app: FastifyInstance, options: HealthOptions): void {
  app.get('/health', async (request, reply) => {
    const report = healthReport(options)
    const shown = options.mayLookInside(request) ? report : withoutReasons(report)
    return reply.code(report.status === 'down' ? 503 : 200).send(shown)
  })
  app.get('/health/live', async () => ({ status: 'ok' }))
  app.get('/health/ready', async (_request, reply) => {
    if (options.isDraining()) return reply.code(503).send({ status: 'stopping' })
    const { status } = healthReport(options)
    return reply.code(status === 'down' ? 503 : 200).send({ status })
  })
}

/** `ok` while everything configured works, `degraded` while something can answer, `down` when nothing can. */
function healthReport({ models, availability, account, parts, version, startedAt, isDraining }: HealthOptions) {
  const states = models.map((model) => ({ model, state: availability(model) }))
  // One that rests after failures is asked where nothing else is there.
  const canAnswer = states.some(({ model, state }) => (state.available || state.resting === true) && model.auto)
  const { ledger } = account
  const others = parts()
  const sound =
    ledger.trouble === '' &&
    Object.values(others).every((state) => state === 'ok') &&
    states.every(({ model, state }) => state.available || !model.auto)
  return {
    status: canAnswer ? (sound ? 'ok' : 'degraded') : 'down',
    version,
    uptime_seconds: Math.round((Date.now() - startedAt) / 1000),
    stopping: isDraining(),
    models: Object.fromEntries(
      states.map(({ model, state }) => [model.name, state.available ? 'available' : state.reason]),
    ),
    ...(Object.keys(others).length > 0 && { parts: others }),
    ledger: {
      store: kindOf(ledger.description),
      status:
        ledger.failure === ''
          ? ledger.trouble === ''
            ? 'ok'
            : `waiting: ${ledger.trouble}`
          : `failing: ${ledger.failure}`,
      pending_rows: ledger.pendingRows,
      dropped_rows: ledger.droppedRows,
    },
  }
}

/** Without the path or the address. */
function kindOf(description: string): string {
  return description.split(' ')[0]?.toLowerCase() ?? ''
}

/** For those who have no key: what works and what does not, and not why, which names addresses. */
function withoutReasons(report: ReturnType<typeof healthReport>) {
  const models = Object.entries(report.models).map(([name, state]) => [
    name,
    state === 'available' ? state : 'not available',
  ])
  const ledger = report.ledger.status.split(':')[0] ?? ''
  const parts = Object.entries(report.parts ?? {}).map(([name, state]) => [name, state === 'ok' ? state : 'not ok'])
  return {
    ...report,
    models: Object.fromEntries(models),
    ...(parts.length > 0 && { parts: Object.fromEntries(parts) }),
    ledger: { ...report.ledger, status: ledger },
  }
}
