import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { toDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'

const durationBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** What the gauges read when they are scraped. */
export interface Gauges {
  readonly ledgerPendingRows: () => number
  readonly ledgerDroppedRows: () => number
  /** 1 while rows do not go where they should. */
  readonly ledgerAway: () => number
  readonly cacheBytes: () => number
  readonly inFlight: () => number
  readonly alarms: () => number
  /** Dollars; -1 where there is no budget. */
  readonly budgetLeft: () => number
  /** Of the whole and of teams; shares of the limit, as last seen here. */
  readonly budgets: () => readonly { readonly budget: string; readonly period: string; readonly spent: number }[]
  /** 0: calls are made, 1: one is tried, 2: the model rests. */
  readonly breakers: () => readonly { readonly model: string; readonly level: number }[]
  /** Parts that may be missing: `ok`, or why not. */
  readonly parts: () => Readonly<Record<string, string>>
  /** Calls that wait for a place, by provider. */
  readonly queues: () => ReadonlyMap<string, number>
  readonly modelsAvailable: () => readonly { readonly model: string; readonly available: boolean }[]
}

/**
 * Counters in the Prometheus format. Labels come from the configuration or from fixed lists, never from a request,
 * so their number is bounded.
 */
export function createMetrics() {
  const registers = [new Registry()]
  const registry = registers[0] as Registry
  collectDefaultMetrics({ register: registry })

  const requests = new Counter({
    name: 'api_gateway_requests_total',
    help: 'Requests by the model that answered (none: refused before a model was asked) and how they ended.',
    labelNames: ['model', 'backend', 'status'],
    registers,
  })
  const duration = new Histogram({
    name: 'api_gateway_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer.',
    labelNames: ['model', 'backend'],
    buckets: durationBuckets,
    registers,
  })
  const cost = new Counter({
    name: 'api_gateway_cost_total',
    help: 'Dollars spent, by the model that was called, failed and cut calls included.',
    labelNames: ['model'],
    registers,
  })
  const cache = new Counter({
    name: 'api_gateway_cache_total',
    help: 'Look-ups in the reply cache: hit, coalesced (waited for an equal request), miss, bypass.',
    labelNames: ['result'],
    registers,
  })
  const tokens = new Counter({
    name: 'api_gateway_tokens_total',
    help: 'Tokens by model and bucket; the buckets are disjoint.',
    labelNames: ['model', 'bucket'],
    registers,
  })
  const firstContent = new Histogram({
    name: 'api_gateway_time_to_first_token_seconds',
    help: 'Time from the arrival of a request to the first content of its answer.',
    labelNames: ['model', 'backend'],
    buckets: durationBuckets,
    registers,
  })
  const fallbacks = new Counter({
    name: 'api_gateway_fallbacks_total',
    help: 'Calls that failed and were passed on to the next model of the plan, by the model that failed.',
    labelNames: ['model', 'code'],
    registers,
  })
  const escalations = new Counter({
    name: 'api_gateway_escalations_total',
    help: 'Replies that were judged too weak and passed on to a stronger model, by the model that wrote them.',
    labelNames: ['model'],
    registers,
  })
  const checks = new Histogram({
    name: 'api_gateway_check_score',
    help: 'Chance to be good enough that look 2 gave replies, by model and what became of them.',
    labelNames: ['model', 'verdict'],
    buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    registers,
  })
  const saved = new Gauge({
    name: 'api_gateway_savings_dollars',
    help: 'Dollars that the baseline model would have cost, less what was spent, since the start of the process.',
    registers,
  })
  const unpriced = new Counter({
    name: 'api_gateway_unpriced_calls_total',
    help: 'Calls whose cost is unknown because the price of their model is.',
    labelNames: ['model'],
    registers,
  })
  const refused = new Counter({
    name: 'api_gateway_refused_total',
    help: 'Requests refused before a model was asked, by error code.',
    labelNames: ['code'],
    registers,
  })

  const limited = new Counter({
    name: 'api_gateway_limited_total',
    help: 'Requests that a limit refused: rate, parallel, tokens.',
    labelNames: ['kind'],
    registers,
  })

  return {
    registry,
    /** Counts one closed request. */
    observe(receipt: Receipt): void {
      const model = receipt.model || 'none'
      const backend = receipt.backend || 'none'
      requests.inc({ model, backend, status: statusLabel(receipt) })
      duration.observe({ model, backend }, receipt.durationMs / 1000)
      cache.inc({ result: receipt.cache })
      if (receipt.firstContentMs !== undefined) firstContent.observe({ model, backend }, receipt.firstContentMs / 1000)
      for (const attempt of receipt.attempts) {
        const labels = { model: attempt.model }
        if (attempt.outcome === 'escalated') escalations.inc(labels)
        const { judgement } = attempt
        if (judgement !== undefined) checks.observe({ ...labels, verdict: judgement.verdict }, judgement.p)
        if (attempt.outcome === 'failed') fallbacks.inc({ ...labels, code: attempt.error ?? 'internal' })
        if (attempt.cost === undefined) unpriced.inc(labels)
        else cost.inc(labels, toDollars(attempt.cost))
        for (const [bucket, count] of Object.entries(attempt.usage)) {
          if (count > 0) tokens.inc({ ...labels, bucket }, count)
        }
      }
      // What an unpriced request cost is not known, so neither is what it saved.
      if (receipt.cost !== undefined) saved.inc(toDollars(receipt.baselineCost - receipt.cost))
    },
    /** Counts one request that was refused before it was dispatched. */
    refused(code: string): void {
      refused.inc({ code })
      requests.inc({ model: 'none', backend: 'none', status: 'refused' })
    },
    /** Counts one refusal of a limit. */
    limited(kind: 'rate' | 'parallel' | 'tokens'): void {
      limited.inc({ kind })
    },
    /** `of` is asked each time: the gauges of the present configuration. */
    watch(of: () => Gauges): void {
      gauge('api_gateway_ledger_pending_rows', 'Ledger rows that wait for the disk.', () => of().ledgerPendingRows())
      gauge('api_gateway_ledger_dropped_rows', 'Ledger rows given up because too many waited.', () =>
        of().ledgerDroppedRows(),
      )
      gauge('api_gateway_ledger_away', '1 while rows wait for the ledger, in memory or in a file.', () =>
        of().ledgerAway(),
      )
      gauge('api_gateway_cache_bytes', 'Memory that cached replies take.', () => of().cacheBytes())
      gauge('api_gateway_in_flight_requests', 'Requests that are being answered.', () => of().inFlight())
      gauge(
        'api_gateway_callers_with_unusual_routing',
        'Callers whose share of strong calls jumped against their own past.',
        () => of().alarms(),
      )
      gauge(
        'api_gateway_budget_left_dollars',
        'Dollars left of router.budget in its period; -1 where there is none.',
        () => of().budgetLeft(),
      )
      const spent = new Gauge({
        name: 'api_gateway_budget_spent_ratio',
        help: 'Share of a budget of the whole or of a team that is spent in its period.',
        labelNames: ['budget', 'period'],
        registers,
        collect() {
          spent.reset()
          for (const { budget, period, spent: share } of of().budgets()) spent.set({ budget, period }, share)
        },
      })
      const breaker = new Gauge({
        name: 'api_gateway_breaker_state',
        help: '0 while a model is called, 1 while one call tries it, 2 while it rests.',
        labelNames: ['model'],
        registers,
        collect() {
          for (const { model, level } of of().breakers()) breaker.set({ model }, level)
        },
      })
      const up = new Gauge({
        name: 'api_gateway_part_up',
        help: '1 while a part that may be missing works; without it, each gateway goes on by itself.',
        labelNames: ['part'],
        registers,
        collect() {
          for (const [part, state] of Object.entries(of().parts())) up.set({ part }, Number(state === 'ok'))
        },
      })
      const waiting = new Gauge({
        name: 'api_gateway_queue_waiting',
        help: 'Calls that wait for a model server.',
        labelNames: ['provider'],
        registers,
        collect() {
          for (const [provider, count] of of().queues()) waiting.set({ provider }, count)
        },
      })
      const available = new Gauge({
        name: 'api_gateway_model_available',
        help: '1 while the model can answer.',
        labelNames: ['model'],
        registers,
        collect() {
          for (const state of of().modelsAvailable()) available.set({ model: state.model }, Number(state.available))
        },
      })
    },
  }

  function gauge(name: string, help: string, read: () => number) {
    const metric: Gauge = new Gauge({ name, help, registers, collect: () => metric.set(read()) })
  }
}

export type Metrics = ReturnType<typeof createMetrics>

function statusLabel({ status }: Receipt): string {
  if (status === 'answered') return 'success'
  return status === 'cancelled' ? 'cancelled' : 'error'
}
