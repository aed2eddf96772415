import type { Assessment, Attempt } from '../core/decision.ts'
import type { Receipt } from '../core/receipt.ts'

export const columns = [
  'row_id',
  'id',
  'writer',
  'status',
  'started_at',
  'duration_ms',
  'first_content_ms',
  'dialect',
  'stream',
  'requested_model',
  'model',
  'provider',
  'backend',
  'error_code',
  'cache',
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'cache_write_hour_tokens',
  'output_tokens',
  'reasoning_tokens',
  'estimated',
  'cost_nanodollars',
  'price_version',
  'baseline_nanodollars',
  'baseline_version',
  'complexity',
  'factors',
  'reasoning',
  'recommended_model',
  'degraded',
  'attempts',
  'attempt_count',
  'prompt_hash',
  'caller',
  'assessment',
] as const

export type Column = (typeof columns)[number]
export type Row = Record<Column, string | number | null>

export function toRow(receipt: Receipt, writer: string): Row {
  const { usage } = receipt
  return {
    row_id: receipt.rowId,
    id: receipt.id,
    writer,
    status: receipt.status,
    started_at: Math.round(receipt.startedAt),
    duration_ms: Math.round(receipt.durationMs),
    first_content_ms: receipt.firstContentMs === undefined ? null : Math.round(receipt.firstContentMs),
    dialect: receipt.dialect,
    stream: Number(receipt.stream),
    requested_model: receipt.requestedModel,
    model: receipt.model,
    provider: receipt.provider,
    backend: receipt.backend,
    error_code: receipt.errorCode,
    cache: receipt.cache,
    input_tokens: usage.input,
    cache_read_tokens: usage.cacheRead,
    cache_write_tokens: usage.cacheWrite,
    cache_write_hour_tokens: usage.cacheWriteHour,
    output_tokens: usage.output,
    reasoning_tokens: usage.reasoning,
    estimated: Number(receipt.estimated),
    cost_nanodollars: receipt.cost ?? null,
    price_version: receipt.priceVersion,
    baseline_nanodollars: receipt.baselineCost,
    baseline_version: receipt.baselineVersion,
    complexity: receipt.complexity,
    factors: JSON.stringify(receipt.factors),
    reasoning: receipt.reasoning,
    recommended_model: receipt.recommendedModel,
    degraded: Number(receipt.degraded),
    attempts: JSON.stringify(receipt.attempts),
    attempt_count: receipt.attempts.length,
    prompt_hash: receipt.promptHash,
    caller: receipt.caller ?? '',
    assessment: receipt.assessment === undefined ? null : JSON.stringify(receipt.assessment),
  }
}

/** The reverse of `toRow`. The rows are our own, so their shape is trusted. */
export function fromRow(row: Row): Receipt {
  return {
    rowId: String(row.row_id),
    id: String(row.id),
    status: row.status as Receipt['status'],
    startedAt: Number(row.started_at),
    durationMs: Number(row.duration_ms),
    firstContentMs: row.first_content_ms === null ? undefined : Number(row.first_content_ms),
    dialect: String(row.dialect),
    stream: row.stream === 1,
    requestedModel: String(row.requested_model),
    model: String(row.model),
    provider: String(row.provider),
    backend: row.backend as Receipt['backend'],
    errorCode: String(row.error_code),
    cache: row.cache as Receipt['cache'],
    usage: {
      input: Number(row.input_tokens),
      cacheRead: Number(row.cache_read_tokens),
      cacheWrite: Number(row.cache_write_tokens),
      cacheWriteHour: Number(row.cache_write_hour_tokens),
      output: Number(row.output_tokens),
      reasoning: Number(row.reasoning_tokens),
    },
    estimated: row.estimated === 1,
    cost: row.cost_nanodollars === null ? undefined : Number(row.cost_nanodollars),
    priceVersion: String(row.price_version),
    baselineCost: Number(row.baseline_nanodollars),
    baselineVersion: String(row.baseline_version),
    complexity: Number(row.complexity),
    factors: JSON.parse(String(row.factors)),
    reasoning: String(row.reasoning),
    recommendedModel: String(row.recommended_model),
    degraded: row.degraded === 1,
    attempts: attemptsOf(String(row.attempts)),
    promptHash: String(row.prompt_hash),
    ...(row.caller !== '' && { caller: String(row.caller) }),
    ...(row.assessment !== null && { assessment: assessmentOf(String(row.assessment)) }),
  }
}

function assessmentOf(json: string): Assessment {
  const assessment: Assessment = JSON.parse(json)
  const chances = assessment.chances.map((chance) => ({ ...chance, estimatedCost: chance.estimatedCost }))
  return { ...assessment, chances }
}

/** JSON has no undefined: an unknown cost is a key that is not there. */
function attemptsOf(json: string): readonly Attempt[] {
  const attempts: readonly Attempt[] = JSON.parse(json)
  return attempts.map((attempt) => ({ ...attempt, cost: attempt.cost }))
}
