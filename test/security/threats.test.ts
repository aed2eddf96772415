import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createLogger } from '../../src/account/log.ts'
import { Webhook } from '../../src/budgets/webhook.ts'
import { decodeReply } from '../../src/cache/value.ts'
import { differencesOf } from '../../src/semantic-cache/differences.ts'
import { questionOf } from '../../src/semantic-cache/eligible.ts'
import { readFacts } from '../../src/signals/index.ts'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { chat } from '../fixtures/stand-ins/calls.ts'
import { startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'

/** One test, or several, for each threat of docs/threat-model.md, by its number there. */

const vendorKey = 'sk-ant-test-key-0123456789'
const keys = { ALICE: 'alice-key-0123456789', BOB: 'bob-key-0123456789', ADMIN: 'admin-key-0123456789' }
const as = (name: keyof typeof keys) => ({ authorization: `Bearer ${keys[name]}` })

describe('threats', () => {
  let cloud: Awaited<ReturnType<typeof startAnthropicStandIn>>
  let openai: Awaited<ReturnType<typeof startOpenaiStandIn>>
  let gateway: TestGateway
  let port: number
  const trapped: string[] = []
  const trap = createServer((request, response) => {
    trapped.push(`${request.method} ${request.url}`)
    response.end('{}')
  })
  let trapUrl = ''

  before(async () => {
    cloud = await startAnthropicStandIn({ brain: true })
    openai = await startOpenaiStandIn({ brain: true, apiKey: 'openai-key-0123456789' })
    trap.listen(0, '127.0.0.1')
    await once(trap, 'listening')
    trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`
    gateway = await openTestGateway({
      environment: { ...keys, CLAUDE: vendorKey, OPENAI: 'openai-key-0123456789' },
      config: {
        server: { keys: ['env:ALICE', 'env:BOB'], admin_key: 'env:ADMIN' },
        providers: {
          claude: { kind: 'anthropic', base_url: cloud.url, api_key: 'env:CLAUDE' },
          openai: { kind: 'openai-compatible', base_url: `${openai.url}/v1`, api_key: 'env:OPENAI' },
        },
        models: {
          strong: { provider: 'claude', id: 'claude-test', price: { input: 3, output: 15 } },
          gpt: { provider: 'openai', id: 'gpt-test', price: { input: 3, output: 15 } },
        },
      },
    })
    port = Number(new URL(await gateway.listen()).port)
  })
  after(async () => {
    await gateway.close()
    await cloud.close()
    await openai.close()
    trap.close()
  })
  const ask = (content: unknown, model = 'strong', who: keyof typeof keys = 'ALICE', more: object = {}) =>
    gateway.post(
      '/v1/chat/completions',
      { model, messages: [{ role: 'user', content }], max_tokens: 50, ...more },
      as(who),
    )
  /** Sends bytes as they are; what comes back until the other side closes, or for a moment. */
  const raw = (text: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      let reply = ''
      socket.on('data', (chunk) => {
        reply += String(chunk)
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(reply))
      setTimeout(() => socket.destroy(), 500).unref()
    })

  test('1 SSRF: nothing in a request makes the gateway go anywhere', async () => {
    const image = { type: 'image_url', image_url: { url: `${trapUrl}/image.png` } }
    for (const model of ['strong', 'gpt']) {
      await ask([{ type: 'text', text: 'Look' }, image], model)
      await ask('Hi', model, 'ALICE', {
        base_url: trapUrl,
        api_base: trapUrl,
        metadata: { url: trapUrl },
        webhook: trapUrl,
      })
    }
    const headers = {
      ...as('ALICE'),
      'x-forwarded-host': new URL(trapUrl).host,
      'x-base-url': trapUrl,
      forwarded: `host=${trapUrl}`,
    }
    await gateway.post(
      '/v1/messages',
      { model: 'strong', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] },
      headers,
    )
    await gateway.post('/v1/embeddings', { model: 'strong', input: trapUrl }, headers)
    await raw(`GET ${trapUrl}/ HTTP/1.1\r\nhost: ${new URL(trapUrl).host}\r\nconnection: close\r\n\r\n`)
    await raw(`CONNECT ${new URL(trapUrl).host} HTTP/1.1\r\nhost: x\r\n\r\n`)
    assert.deepEqual(trapped, [])
  })

  test('1 SSRF: a webhook that points elsewhere is not followed', async () => {
    const told: string[] = []
    const crooked = createServer((_, response) => response.writeHead(307, { location: `${trapUrl}/stolen` }).end())
    crooked.listen(0, '127.0.0.1')
    await once(crooked, 'listening')
    const url = `http://127.0.0.1:${(crooked.address() as AddressInfo).port}`
    const webhook = new Webhook({ url, say: (_, words) => told.push(words), pauseMs: 1 })
    webhook.post({
      event: 'budget',
      budget: 'whole',
      name: 'x',
      period: 'day',
      threshold: 1,
      spent_dollars: 1,
      limit_dollars: 1,
      period_ends: '',
    })
    while (told.length === 0) await sleep(5)
    await webhook.close()
    crooked.close()
    assert.deepEqual(trapped, [])
  })

  test('2 smuggling: requests of two lengths are refused, and nothing behind them is read', async () => {
    const body = JSON.stringify({ prompt: 'x' })
    const inner = `GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${keys.ADMIN}\r\n\r\n`
    const head = `POST /api/v1/chat HTTP/1.1\r\nhost: localhost\r\n${'authorization'}: Bearer ${keys.ALICE}\r\ncontent-type: application/json\r\n`
    const both = [
      `${head}content-length: ${body.length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
      `${head}content-length: ${body.length}\r\ncontent-length: 0\r\n\r\n${body}${inner}`,
      `${head}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
      `${head}transfer-encoding : chunked\r\n\r\n0\r\n\r\n${inner}`,
      `${head}content-length: +5\r\n\r\n${inner}`,
    ]
    for (const text of both) {
      const reply = await raw(text)
      assert.match(reply, /^HTTP\/1\.1 4\d\d/)
      assert.doesNotMatch(reply, /api_gateway_/)
    }
  })

  test('2 smuggling: what a client writes into headers does not reach a vendor', async () => {
    const before = cloud.requests.length
    await gateway.post(
      '/v1/messages',
      { model: 'strong', max_tokens: 5, messages: [{ role: 'user', content: 'Headers?' }] },
      {
        ...as('ALICE'),
        'x-api-key': keys.ALICE,
        cookie: 'session=1',
        'x-forwarded-for': '1.2.3.4',
        'proxy-authorization': 'Basic x',
        'x-evil': 'yes',
        'anthropic-beta': 'some-beta-2025-01-01',
      },
    )
    const sent = cloud.requests.slice(before).find(({ path }) => path === '/v1/messages')?.headers ?? {}
    assert.equal(sent['x-api-key'], vendorKey)
    for (const name of ['cookie', 'x-forwarded-for', 'proxy-authorization', 'x-evil', 'authorization']) {
      assert.equal(sent[name], undefined, name)
    }
  })

  test('3 log injection: one event is one line, whatever is in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hybrid-log-'))
    try {
      for (const format of ['json', 'pretty'] as const) {
        const file = join(folder, format)
        const fd = openSync(file, 'w')
        const logger = createLogger({ level: 'info', format, isTerminal: false, destination: fd })
        logger.info('one\n{"level":50,"msg":"forged"}\r\n\u001b[31mred\u001b[0m\u2028two')
        logger.error({ id: 'a\nb', reason: 'x\u001b]0;title\u0007' }, 'three\nfour')
        while (readFileSync(file, 'utf8').split('four').length < 2) await sleep(5)
        closeSync(fd)
        const lines = readFileSync(file, 'utf8')
          .trimEnd()
          .split(format === 'json' ? /\r\n|\n|\r/ : /\r\n|\n|\r|\u2028/)
        // Fields stand below their event, further to the right.
        assert.equal(lines.filter((line) => !line.startsWith('    ')).length, 2, `${format}: ${lines.join(' | ')}`)
        assert.ok(
          lines.every((line) => !/\p{Cc}/u.test(line)),
          format,
        )
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('4 decompression bombs: nothing that comes in is unpacked without a bound', async () => {
    const bomb = gzipSync(JSON.stringify({ prompt: 'x'.repeat(20_000_000) }))
    const packed = await gateway.app.inject({
      method: 'POST',
      url: '/api/v1/chat',
      headers: { ...as('ALICE'), 'content-type': 'application/json', 'content-encoding': 'gzip' },
      payload: bomb,
    })
    assert.ok([400, 413, 415].includes(packed.statusCode), String(packed.statusCode))
    const value = Buffer.concat([Buffer.from([1, 1]), zstdCompressSync(Buffer.alloc(80_000_000))])
    assert.ok(value.length < 20_000)
    assert.equal(decodeReply(value), undefined)
  })

  test('5 prototype pollution: names of the language are only names', async () => {
    const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},'
    const bodies: readonly (readonly [string, string])[] = [
      ['/api/v1/chat', `${evil}"prompt":"x","metadata":{"__proto__":{"polluted":1}}}`],
      [
        '/v1/chat/completions',
        `${evil}"model":"strong","messages":[{"role":"user","content":"x","__proto__":{"polluted":1}}]}`,
      ],
      ['/v1/messages', `${evil}"model":"strong","max_tokens":5,"messages":[{"role":"user","content":"x"}]}`],
      [
        '/api/chat',
        `${evil}"model":"strong","messages":[{"role":"user","content":"x"}],"options":{"__proto__":{"polluted":1}}}`,
      ],
      ['/v1/responses', `${evil}"model":"strong","input":"x"}`],
      ['/admin/v1/keys', `${evil}"name":"x","labels":{"__proto__":"polluted"}}`],
    ]
    for (const [path, body] of bodies) await gateway.post(path, body, as('ADMIN'))
    for (const name of ['__proto__', 'constructor', 'toString']) await ask('x', name)
    assert.equal(({} as { polluted?: number }).polluted, undefined)
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  })

  // A pattern that runs away never ends; the limit is only there to say so.
  test('6 ReDoS: what reads a prompt ends, whatever is in it', { timeout: 60_000 }, () => {
    const long = 20_000
    const hostile = [
      'a',
      ' ',
      '\n',
      '"',
      "'",
      '(',
      '1',
      '1-',
      'a.',
      'a@',
      '```',
      '=>',
      'A ',
      'War I ',
      '\u0301',
      'if(',
      '<a',
      '{;',
      'x=1;',
      '@a.a',
      'http:',
      '. ',
    ]
    for (const piece of hostile) {
      const text = piece.repeat(Math.ceil(long / piece.length))
      for (const end of ['', '!', 'x', '\n\n', '@']) {
        readFacts(chat(text + end))
        const short = (text + end).slice(0, 600)
        questionOf(chat(short, { caching: 'use' }), '', 1)
        differencesOf(short, `${short}y`)
      }
    }
  })

  test('7 cache poisoning: what one key was told no other one is, nor can it tell that it was asked', async () => {
    const before = cloud.requests.length
    const first = await ask('Whose answer is this?', 'strong', 'ALICE')
    const second = await ask('Whose answer is this?', 'strong', 'BOB')
    const again = await ask('Whose answer is this?', 'strong', 'BOB')
    assert.deepEqual(
      [first, second, again].map(({ headers }) => headers['x-hybrid-cached']),
      ['false', 'false', 'true'],
    )
    assert.equal(cloud.requests.slice(before).filter(({ path }) => path === '/v1/messages').length, 2)
  })

  test('8 timing: keys that are wrong in different ways are refused alike', async () => {
    const { text } = await gateway.house.keys.create(
      { name: 't', team: '', scopes: ['chat'], labels: {} },
      { id: 't', name: 't', address: '' },
    )
    const [, id = '', secret = ''] = text.split('_')
    const wrong = [
      `hyb_${id}_${'x'.repeat(secret.length)}`,
      `hyb_${id}_${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`,
      `hyb_${'z'.repeat(id.length)}_${secret}`,
      `${keys.ALICE.slice(0, -1)}x`,
      'nonsense',
    ]
    const answers = await Promise.all(
      wrong.map(async (key) => {
        const reply = await gateway.get('/v1/models', { authorization: `Bearer ${key}` })
        return `${reply.statusCode} ${reply.json().error.message}`
      }),
    )
    assert.equal(new Set(answers).size, 1, answers.join('\n'))
  })

  test('9 secrets: no error, header, metric or state tells a key', async () => {
    const said = `invalid x-api-key ${vendorKey}, you sent sk-ant-t****789 and ${keys.ALICE}`
    const failure = { kind: 'status' as const, status: 401, body: { error: { message: said } } }
    const seen: string[] = []
    cloud.next({ failure })
    const refused = await ask('Secret?', 'strong')
    cloud.next({ failure: { ...failure, status: 400 } })
    const rejected = await ask('Secret again?', 'strong')
    for (const { body, headers } of [refused, rejected]) seen.push(body, JSON.stringify(headers))
    for (const path of [
      '/metrics',
      '/health',
      '/openapi.json',
      '/admin/v1/keys',
      '/admin/v1/audit',
      '/admin/v1/requests',
      '/admin/v1/budgets',
      '/admin/v1/cache',
      '/api/v1/stats',
    ]) {
      seen.push((await gateway.get(path, as('ADMIN'))).body)
    }
    for (const text of seen) {
      for (const secret of [vendorKey, 'openai-key-0123456789', keys.BOB, keys.ADMIN]) {
        assert.ok(!text.includes(secret), text.slice(0, 300))
      }
    }
  })

  test('10 label explosion: no request makes a new series', async () => {
    const series = async () =>
      (await gateway.get('/metrics', as('ADMIN'))).body.split('\n').filter((line) => line.startsWith('api_gateway_'))
        .length
    const strangers = async (from: number) => {
      for (let index = from; index < from + 60; index++) {
        await gateway.post(
          '/v1/chat/completions',
          { model: `model-${index}`, user: `user-${index}`, messages: [{ role: 'user', content: `${index}` }] },
          { ...as('ALICE'), 'x-request-id': `id-${index}`, 'user-agent': `agent-${index}` },
        )
        await gateway.get(`/path-${index}?q=${index}`, as('ALICE'))
      }
    }
    await strangers(0)
    const before = await series()
    await strangers(1000)
    assert.equal(await series(), before)
  })
})

/** These may run a script when they are installed. */
const known = ['node', 'node-llama-cpp']
/** For platforms whose packages of this version no index had when the versions were locked. */
const unpinned = ['linux-riscv64', 'mac-arm64-metal', 'mac-x64', 'win-arm64', 'win-x64'].map(
  (platform) => `@node-llama-cpp/${platform}`,
)

test('11 dependencies: each is pinned to what was looked at, and none runs a script that is not known', () => {
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<
      Record<
        string,
        {
          readonly integrity?: string
          readonly hasInstallScript?: boolean
          readonly link?: boolean
          readonly inBundle?: boolean
          readonly version?: string
        }
      >
    >
  }
  const packages = Object.entries(lock.packages).filter(
    ([path, { link, inBundle, version }]) => path !== '' && !link && !inBundle && version !== undefined,
  )
  assert.ok(packages.length > 100)
  assert.deepEqual(
    packages
      .filter(([, { integrity }]) => integrity === undefined || !integrity.startsWith('sha512-'))
      .map(([path]) => path.replace('node_modules/', '')),
    unpinned,
  )
  const scripts = packages
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.replace(/^.*node_modules\//, ''))
  assert.deepEqual([...new Set(scripts)].sort(), known)
})
