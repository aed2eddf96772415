import { randomUUID } from 'node:crypto'
import type { CachedReply } from '../cache/exact-cache.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { type Asking, ask } from './ask.ts'

const longestMs = 120_000

/** A fresh answer, to see whether the one from the cache was right; undefined where the model is there no more. */
export async function askAgain(
  request: ChatRequest,
  model: ModelCard | undefined,
  asking: Asking,
): Promise<CachedReply | undefined> {
  if (model === undefined) return undefined
  const { client: _, session: __, holder: ___, caller: ____, ...rest } = request
  const own: ChatRequest = {
    ...rest,
    id: randomUUID(),
    dialect: 'cache-check',
    model: model.name,
    stream: false,
    caching: 'off',
  }
  const { choice } = await ask(own, model, asking, AbortSignal.timeout(longestMs))
  const { name, provider, backend } = model
  return { model: name, provider, backend, choices: [choice], warnings: [], usage: noUsage, estimated: false }
}
