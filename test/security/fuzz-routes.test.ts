import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'

/** Another number is another set of requests; a failure names what was sent. */
const seed = 20_261_125
const perRoute = 40

const admin = 'admin-key-0123456789'
const client = 'client-key-0123456789'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** Numerical Recipes' linear congruential generator: the same requests in every run. */
function randomFrom(start: number) {
  let state = start
  const next = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(next() * values.length)] as Value
  return { next, pick }
}

const names = [
  ...['model', 'messages', 'prompt', 'input', 'stream', 'max_tokens', 'temperature', 'tools', 'name', 'scopes', 'team'],
  ...[
    'models',
    'policies',
    'limits',
    'budgets',
    'labels',
    'expires_at',
    'grace_seconds',
    'semantic',
    'request_id',
    'good',
  ],
  ...[
    'role',
    'content',
    'type',
    'text',
    'dollars',
    'period',
    'requests_per_minute',
    '__proto__',
    'constructor',
    '',
    'ü',
  ],
]
const scalars: readonly Json[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 1e308, -1e308, 9_007_199_254_740_992, 2 ** 31, 'auto', 'parrot', '', ' ', 'x'],
  ...['user', 'admin', 'chat', 'day', '../../etc/passwd', '%00', '\u0000', '\ud800', '💥', "' OR 1=1 --", '#{7*7}'],
  ...['{{7*7}}', '<script>', 'a'.repeat(5000), '2026-13-45', 'NaN', 'Infinity', 'env:HOME', 'file:/etc/passwd'],
]

describe('every route, whatever is sent to it', () => {
  let gateway: TestGateway
  let operations: readonly { readonly method: string; readonly path: string }[]
  before(async () => {
    gateway = await openTestGateway({
      environment: { ADMIN: admin, CLIENT: client },
      config: {
        server: { admin_key: 'env:ADMIN', keys: ['env:CLIENT'] },
        budgets: { keys: [{ dollars: 1, period: 'day' }] },
      },
    })
    const { paths } = (await gateway.get('/openapi.json')).json() as { paths: Record<string, Record<string, unknown>> }
    operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
    )
  })
  after(() => gateway.close())

  for (const [index, [sender, headers]] of Object.entries({
    'without a key': {},
    'with a key to chat': { authorization: `Bearer ${client}` },
    'with an admin key': { 'x-api-key': admin },
  }).entries()) {
    test(sender, async () => {
      const { next, pick } = randomFrom(seed + index)
      const value = (depth: number): Json => {
        const kind = next()
        if (depth === 0 || kind < 0.5) return pick(scalars)
        const size = Math.floor(next() * 4)
        if (kind < 0.7) return Array.from({ length: size }, () => value(depth - 1))
        return Object.fromEntries(Array.from({ length: size }, () => [pick(names), value(depth - 1)]))
      }
      const text = () => {
        const whole = JSON.stringify(
          next() < 0.8
            ? Object.fromEntries(names.filter(() => next() < 0.25).map((name) => [name, value(3)]))
            : value(3),
        )
        return next() < 0.1 ? whole.slice(0, Math.floor(next() * whole.length)) : whole
      }
      const bad: string[] = []
      let sent = 0
      for (const { method, path } of operations) {
        for (let turn = 0; turn < perRoute; turn++) {
          const filled = path.replaceAll(
            /\{\w+\}/g,
            () => encodeURIComponent(String(pick(scalars)).slice(0, 100).toWellFormed()) || 'x',
          )
          const query =
            next() < 0.5
              ? ''
              : `?${pick(['limit', 'window', 'since', 'before', 'model', 'until', 'x'])}=${encodeURIComponent(String(pick(scalars)).slice(0, 50).toWellFormed())}`
          const payload = method === 'GET' ? undefined : text()
          const url = filled + query
          const reply = await gateway.app.inject({
            method: method as 'GET',
            url,
            headers: {
              ...headers,
              ...(payload !== undefined && {
                'content-type': pick(['application/json', 'application/json; charset=utf-8', 'text/plain']),
              }),
            },
            ...(payload !== undefined && { payload }),
          })
          sent++
          const what = `${method} ${url.slice(0, 120)} ${payload?.slice(0, 200) ?? ''} -> ${reply.statusCode} ${reply.body.slice(0, 200)}`
          if (reply.statusCode === 500 || /\n\s+at .*\.(ts|js):\d/.test(reply.body)) bad.push(what)
          else if (reply.statusCode >= 400 && reply.body !== '' && !isJson(reply.body)) bad.push(what)
          if (sender === 'without a key' && reply.statusCode === 200 && path.startsWith('/admin')) bad.push(what)
        }
      }
      assert.deepEqual(bad, [])
      assert.ok(sent > 1000, String(sent))
      assert.equal(({} as { polluted?: number }).polluted, undefined)
      const alive = await gateway.post(
        '/api/v1/chat',
        { prompt: 'Still there?' },
        { authorization: `Bearer ${client}` },
      )
      assert.equal(alive.statusCode, 200, alive.body)
    })
  }
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
