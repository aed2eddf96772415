import { createHash } from 'node:crypto'
import { Pool } from 'undici'
import { decodeReply, encodeReply } from '../cache/value.ts'
import { CircuitBreaker } from '../core/circuit-breaker.ts'
import type { Found, SemanticStore } from './store.ts'

export interface QdrantOptions {
  readonly url: string
  readonly apiKey: string | undefined
  /** How long a request waits for an answer. */
  readonly deadlineMs: number
  /** Numbers in a vector. */
  readonly size: number
  /** Of all points together; the oldest are deleted. */
  readonly most: number
  /** Begins the names of collections. */
  readonly prefix: string
  readonly say: (level: 'info' | 'warn', message: string) => void
  readonly now?: () => number
}

/** Grows with every change of what a point holds: then a new collection is filled, and the name points to it. */
const version = 1
const patientMs = 5000
const trimEvery = 500

/** Qdrant by its REST API (v1.10 and later), for gateways that share what they know. */
export async function qdrantStore(options: QdrantOptions): Promise<SemanticStore> {
  const { url, apiKey, deadlineMs, size, most, prefix, say, now = Date.now } = options
  const base = new URL(url)
  const path = base.pathname.replace(/\/+$/, '')
  const pool = new Pool(base.origin, { connections: 16, connect: { timeout: 1000 } })
  const alias = `${prefix}semantic-cache`
  const collection = `${alias}-v${version}-${size}`
  const breaker = new CircuitBreaker({
    failures: 3,
    openMs: 1000,
    longestMs: 10_000,
    changed: (state) =>
      state === 'open'
        ? say('warn', `Qdrant at ${base.host} does not answer: questions are not compared until it does`)
        : say('info', `Qdrant at ${base.host} answers again`),
  })
  let ready = false
  let puts = 0

  /** Undefined where it does not answer in time, or refuses. */
  const call = async (
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    where: string,
    body?: unknown,
    withinMs = patientMs,
  ) => {
    if (!breaker.allows()) return undefined
    try {
      const reply = await pool.request({
        method,
        path: path + where,
        headers: { 'content-type': 'application/json', ...(apiKey !== undefined && { 'api-key': apiKey }) },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(withinMs),
      })
      const text = await reply.body.text()
      if (reply.statusCode >= 500) breaker.failed()
      else breaker.succeeded()
      return { status: reply.statusCode, result: reply.statusCode < 300 ? JSON.parse(text).result : undefined }
    } catch {
      breaker.failed()
      return undefined
    }
  }

  /** Makes the collection where it is not there, and lets the name point to it; older ones are deleted. */
  const prepare = async (): Promise<boolean> => {
    if (ready) return true
    const known = await call('GET', `/collections/${collection}`)
    if (known === undefined) return false
    if (known.status === 404) {
      await call('PUT', `/collections/${collection}`, { vectors: { size, distance: 'Cosine' } })
      await call('PUT', `/collections/${collection}/index`, { field_name: 'partition', field_schema: 'keyword' })
      await call('PUT', `/collections/${collection}/index`, { field_name: 'ends_at', field_schema: 'integer' })
    }
    const all = await call('GET', '/collections')
    const pointed = await call('POST', '/collections/aliases', {
      actions: [
        { delete_alias: { alias_name: alias } },
        { create_alias: { collection_name: collection, alias_name: alias } },
      ],
    })
    const names = (all?.result?.collections ?? []) as readonly { readonly name: string }[]
    for (const { name } of names) {
      if (name.startsWith(`${alias}-v`) && name !== collection) await call('DELETE', `/collections/${name}`)
    }
    ready = pointed?.status === 200
    return ready
  }

  const trim = async () => {
    const gone = { must: [{ key: 'ends_at', range: { lt: now() } }] }
    await call('POST', `/collections/${alias}/points/delete`, { filter: gone })
    const counted = await call('POST', `/collections/${alias}/points/count`, { exact: true })
    const tooMany = Number(counted?.result?.count ?? 0) - most
    if (tooMany <= 0) return
    // Those that end first came first.
    const order = { order_by: { key: 'ends_at', direction: 'asc' }, limit: tooMany, with_payload: false }
    const oldest = await call('POST', `/collections/${alias}/points/scroll`, order)
    const points = (oldest?.result?.points ?? []) as readonly { readonly id: string }[]
    await call('POST', `/collections/${alias}/points/delete`, { points: points.map(({ id }) => id) })
  }

  await prepare()
  return {
    description: `Qdrant at ${base.host}`,
    async find(partition, vector, limit) {
      if (!ready) {
        void prepare()
        return undefined
      }
      const filter = {
        must: [
          { key: 'partition', match: { value: partitionOf(partition) } },
          { key: 'ends_at', range: { gt: now() } },
        ],
      }
      const query = { query: [...vector], filter, limit, with_payload: true }
      const reply = await call('POST', `/collections/${alias}/points/query`, query, deadlineMs)
      // Somebody deleted it.
      if (reply?.status === 404) ready = false
      const points = reply?.result?.points
      return Array.isArray(points) ? points.flatMap(foundOf) : undefined
    },
    async put({ id, text, reply, partition, vector, endsAt }) {
      if (!(await prepare())) return
      const payload = {
        partition: partitionOf(partition),
        text,
        reply: encodeReply(reply).toString('base64'),
        ends_at: Math.round(endsAt),
      }
      await call('PUT', `/collections/${alias}/points?wait=true`, { points: [{ id, vector: [...vector], payload }] })
      if (++puts % trimEvery === 0) await trim()
    },
    used() {},
    async remove(id) {
      const reply = await call('POST', `/collections/${alias}/points/delete?wait=true`, { points: [id] })
      return reply?.status === 200
    },
    async size() {
      const counted = await call('POST', `/collections/${alias}/points/count`, { exact: true }, 1000)
      return Number(counted?.result?.count ?? 0)
    },
    close: () => pool.destroy(),
  }
}

/** Holds keys of the gateway: nobody who looks into Qdrant needs to know them. */
function partitionOf(partition: string): string {
  return createHash('sha256').update(partition).digest('base64url')
}

/** Another program may have written it. */
function foundOf(point: unknown): readonly Found[] {
  const { id, score, payload } = point as {
    id?: unknown
    score?: unknown
    payload?: { text?: unknown; reply?: unknown }
  }
  if (typeof id !== 'string' || typeof score !== 'number') return []
  if (typeof payload?.text !== 'string' || typeof payload.reply !== 'string') return []
  const reply = decodeReply(Buffer.from(payload.reply, 'base64'))
  return reply === undefined ? [] : [{ id, score, text: payload.text, reply }]
}
