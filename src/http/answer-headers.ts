import { toDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import type { AnswerHead } from '../gateway/answer-part.ts'

/** What happened, told without touching the body. */
export function answerHeaders(head: AnswerHead): Record<string, string> {
  return {
    'x-hybrid-model': head.model,
    'x-hybrid-backend': head.backend,
    'x-hybrid-complexity': head.decision.complexity.toFixed(2),
    'x-hybrid-cached': String(head.cache === 'hit' || head.cache === 'coalesced'),
    'x-hybrid-degraded': String(head.degraded),
    'x-hybrid-reasoning': headerText(head.reasoning),
    ...(head.warnings.length === 0 ? {} : { 'x-hybrid-warning': headerText(head.warnings.join('; ')) }),
  }
}

/** Known only once the answer is complete, so it is a header of whole answers alone. */
export function costHeader({ cost }: Receipt): Record<string, string> {
  return { 'x-hybrid-cost': cost === undefined ? 'unknown' : String(toDollars(cost)) }
}

/** The same for vectors. */
export function embeddingHeaders(model: string, receipt: Receipt): Record<string, string> {
  return { 'x-hybrid-model': model, 'x-hybrid-backend': receipt.backend, ...costHeader(receipt) }
}

/** Header values are printable ASCII, and short. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 1000)
}
