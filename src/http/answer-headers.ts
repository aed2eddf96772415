import { toDollars } from '../core/price.ts'
import { isCached, type Receipt } from '../core/receipt.ts'
import type { AnswerHead } from '../gateway/answer-part.ts'
import type { Embedded } from '../gateway/embed.ts'

/** What happened, told without touching the body. */
export function answerHeaders(head: AnswerHead): Record<string, string> {
  return {
    'x-hybrid-model': head.model,
    'x-hybrid-backend': head.backend,
    'x-hybrid-complexity': head.decision.complexity.toFixed(2),
    'x-hybrid-cached': String(isCached(head.cache)),
    ...(head.near !== undefined && {
      'x-hybrid-cache-id': head.near.id,
      'x-hybrid-cache-similarity': head.near.similarity.toFixed(3),
    }),
    'x-hybrid-degraded': String(head.degraded),
    'x-hybrid-reasoning': headerText(head.reasoning),
    ...warningHeader(head.warnings),
  }
}

function warningHeader(warnings: readonly string[]): Record<string, string> {
  return warnings.length === 0 ? {} : { 'x-hybrid-warning': headerText(warnings.join('; ')) }
}

/** Known only once the answer is complete, so it is a header of whole answers alone. */
export function costHeader({ cost }: Receipt): Record<string, string> {
  return { 'x-hybrid-cost': cost === undefined ? 'unknown' : String(toDollars(cost)) }
}

/** The same for vectors. */
export function embeddingHeaders({ model, receipt, warnings }: Embedded): Record<string, string> {
  const { backend } = receipt
  return { 'x-hybrid-model': model, 'x-hybrid-backend': backend, ...warningHeader(warnings), ...costHeader(receipt) }
}

/** Header values are printable ASCII, and short. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 1000)
}
