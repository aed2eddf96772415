import type { Pool } from 'undici'

export interface Asked {
  readonly key: string
  readonly prompt: string
  readonly stream?: boolean
  readonly model?: string
  readonly maxTokens?: number
}

/** What one client saw of one request. */
export interface Outcome {
  /**
   * `answer`: a whole reply; `refusal`: a status with a well-formed error, or a stream that ended with one; `broken`: a
   * connection that ended without either.
   */
  readonly kind: 'answer' | 'refusal' | 'broken'
  readonly status: number
  /** Code of the error, or what broke. */
  readonly code: string
  readonly requestId: string
  readonly model: string
  readonly text: string
  /** `performance.now()` at the end, and the milliseconds that it took. */
  readonly at: number
  readonly ms: number
}

/** One request in the gateway's own dialect, to its end. Never throws. */
export async function ask(
  pool: Pool,
  { key, prompt, stream = false, model = 'auto', maxTokens }: Asked,
): Promise<Outcome> {
  const startedAt = performance.now()
  const done = (rest: Omit<Outcome, 'at' | 'ms'>): Outcome => {
    const at = performance.now()
    return { ...rest, at, ms: at - startedAt }
  }
  const nothing = { status: 0, requestId: '', model: '', text: '' }
  try {
    const { statusCode, headers, body } = await pool.request({
      method: 'POST',
      path: '/api/v1/chat',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ prompt, stream, model, ...(maxTokens !== undefined && { max_tokens: maxTokens }) }),
    })
    const text = await body.text()
    const known = { status: statusCode, requestId: String(headers['x-request-id'] ?? ''), text }
    const named = { ...known, model: String(headers['x-hybrid-model'] ?? '') }
    if (statusCode === 200 && stream) return done({ ...named, ...streamEnd(text) })
    const fields = JSON.parse(text) as { response?: string; code?: string }
    if (statusCode === 200 && typeof fields.response === 'string') return done({ ...named, kind: 'answer', code: '' })
    return done({ ...named, kind: fields.code === undefined ? 'broken' : 'refusal', code: fields.code ?? 'no code' })
  } catch (error) {
    const code = error instanceof Error ? ('code' in error ? String(error.code) : error.name) : 'unknown'
    return done({ ...nothing, kind: 'broken', code })
  }
}

/** A stream of the native dialect ends with `done` or with `error`; everything else was cut. */
function streamEnd(text: string): Pick<Outcome, 'kind' | 'code'> {
  if (/^event: done$/m.test(text)) return { kind: 'answer', code: '' }
  const code = /^event: error\ndata: .*"code":"(\w+)"/m.exec(text)?.[1]
  return code === undefined ? { kind: 'broken', code: 'cut' } : { kind: 'refusal', code }
}

/** So many clients, each asking again as soon as it has its answer, until `until` says stop. */
export async function crowd(
  clients: number,
  until: () => boolean,
  next: (client: number, turn: number) => Promise<Outcome>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  const one = async (client: number) => {
    for (let turn = 0; !until(); turn++) outcomes.push(await next(client, turn))
  }
  await Promise.all(Array.from({ length: clients }, (_, client) => one(client)))
  return outcomes
}

export function tally(outcomes: readonly Outcome[]): string {
  const groups = Map.groupBy(outcomes, ({ kind, status, code }) =>
    kind === 'answer' ? 'answered' : `${status || 'no status'} ${code}${kind === 'broken' ? ' (broken)' : ''}`,
  )
  return [...groups].map(([name, members]) => `${members.length} ${name}`).join(', ')
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
