import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { exchangeRaw, parseReplies } from '../fixtures/raw-http.ts'

/** Another number is another set of requests; a failure names the number of its own request. */
const seed = 20_260_901
const count = 800
const atOnce = 100
/** A connection that is open for longer hangs: the gateway waits 0.2 s for a request, and answers at once. */
const patienceMs = 20_000

interface Bad {
  readonly bytes: Buffer
  /** Lawful ends without a reply: a method that opens a tunnel, a client that hangs up. */
  readonly silent?: boolean
  readonly hangUp?: boolean
  /** The reply may be lost, because the server closes while the client still sends. */
  readonly mayReset?: boolean
  readonly head?: boolean
}

type Random = ReturnType<typeof createRandom>

const chatPath = '/api/v1/chat'
const openaiPath = '/v1/chat/completions'
const ollamaPath = '/api/chat'
const anthropicPath = '/v1/messages'
const responsesPath = '/v1/responses'
const lists = ['/api/v1/models', '/api/v1/stats', '/v1/models', '/api/tags', '/api/show']
const paths = [
  chatPath,
  '/api/v1/complexity',
  openaiPath,
  anthropicPath,
  responsesPath,
  ollamaPath,
  '/api/generate',
  '/api/embed',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/messages/count_tokens',
  '/v1/responses/input_tokens',
  ...lists,
  '/health',
]
const conversations = [chatPath, openaiPath, anthropicPath, ollamaPath]
const operator = ['/health/live', '/health/ready', '/metrics', '/openapi.json', '/']

const native = { prompt: 'Say a few words', model: 'auto', stream: false, max_tokens: 5, temperature: 1, system: 'x' }
const openai = {
  model: 'auto',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Say a few words' }] }],
  stream: true,
  stream_options: { include_usage: true },
  max_completion_tokens: 5,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  stop: ['a'],
  seed: 1,
  n: 1,
  user: 'u',
  metadata: { a: 'b' },
  tools: [],
  modalities: ['text'],
  response_format: { type: 'text' },
}

const ollama = {
  model: 'auto:latest',
  prompt: 'Say a few words',
  messages: [{ role: 'tool', content: 'x', thinking: 'x', images: ['iVBORw0KGgo='], tool_calls: [], tool_name: 'x' }],
  stream: true,
  format: 'json',
  options: { temperature: 1, num_predict: 5, stop: ['a'] },
  tools: [{ type: 'function', function: { name: 'x', parameters: {} } }],
  images: ['iVBORw0KGgo='],
  suffix: '',
  context: [],
  think: true,
  keep_alive: '5m',
}

const anthropic = {
  model: 'auto',
  max_tokens: 5,
  system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }],
  messages: [
    {
      role: 'user',
      content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } }],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'x', signature: '' },
        { type: 'tool_use', id: 'x', name: 'x', input: {} },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: [{ type: 'text', text: 'x' }] }] },
  ],
  stream: true,
  tools: [
    { name: 'x', input_schema: { type: 'object' } },
    { type: 'bash_20250124', name: 'bash' },
  ],
  tool_choice: { type: 'auto' },
  thinking: { type: 'enabled', budget_tokens: 5 },
  output_config: { effort: 'low', format: { type: 'json_schema', schema: {} } },
  thread: { type: 'create' },
  stop_sequences: ['a'],
  temperature: 1,
  metadata: { user_id: '{"session_id": "x"}' },
}

const responses = {
  model: 'auto',
  instructions: 'x',
  input: [
    { role: 'user', content: [{ type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' }] },
    { type: 'reasoning', summary: [{ type: 'summary_text', text: 'x' }], encrypted_content: 'hybrid1.e30' },
    { type: 'custom_tool_call', call_id: 'x', name: 'x', input: 'x' },
    { type: 'custom_tool_call_output', call_id: 'x', output: [{ type: 'input_text', text: 'x' }] },
    { type: 'item_reference', id: 'x' },
  ],
  stream: true,
  tools: [
    { type: 'namespace', name: 'x', tools: [{ type: 'function', name: 'x' }] },
    { type: 'custom', name: 'x', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
    { type: 'local_shell' },
  ],
  tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'custom', name: 'x' }] },
  text: { format: { type: 'json_schema', name: 'x', schema: {} }, verbosity: 'low' },
  reasoning: { effort: 'low', summary: 'auto' },
  include: ['message.output_text.logprobs'],
  top_logprobs: 1,
  max_output_tokens: 5,
  conversation: { id: 'x' },
  metadata: { a: 'b' },
}

/** Values as they stand in JSON text, so that those which JavaScript cannot write come along. */
const values = [
  'null',
  'true',
  '0',
  '-0',
  '-1',
  '1.5',
  '1e400',
  '-1e400',
  '1e-400',
  '9007199254740993',
  `1${'0'.repeat(400)}`,
  '""',
  '" "',
  '"auto"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\uffff\\ufeff\\u2028"',
  '"💥\u202e"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"hybrid/auto"',
  '"../../etc/passwd"',
  '"\'; DROP TABLE requests; --"',
  '"\\r\\nset-cookie: a=b"',
  `"${'x'.repeat(3000)}"`,
  '[]',
  '[null]',
  '[[[[]]]]',
  '{}',
  '{"__proto__": {"polluted": true}}',
  '{"constructor": {"prototype": {"polluted": true}}}',
  '{"length": 1e9, "0": "x"}',
  '{"type": "text"}',
  '{"toString": 1, "valueOf": 1}',
]

const kinds: readonly ((random: Random) => Bad)[] = [
  wrongValue,
  wrongValue,
  wrongValue,
  wrongMessages,
  mutatedBytes,
  mutatedBytes,
  oddJson,
  truncated,
  wrongLength,
  anyMethodAndPath,
  anyMethodAndPath,
  headerFlood,
  oddHeaders,
  chunks,
  pipelined,
  oddVersion,
  expectation,
  encoding,
  noise,
  hangUp,
]

test(`${count} malformed requests`, { timeout: 300_000 }, async () => {
  const faults: unknown[] = []
  const note = (fault: unknown) => faults.push(fault)
  process.on('unhandledRejection', note)
  const gateway = await openTestGateway({
    config: { server: { receive_timeout_seconds: 0.2, header_limit_bytes: 4096, body_limit_bytes: 20_000 } },
  })
  const port = Number(new URL(await gateway.listen()).port)
  const heapBefore = process.memoryUsage().heapUsed
  const statuses = new Set<number>()

  try {
    for (let first = 0; first < count; first += atOnce) {
      const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, index) => first + index)
      await Promise.all(numbers.map((number) => attempt(port, seed + number, number, statuses)))
    }

    assert.deepEqual(faults, [])
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    const grownMegabytes = (process.memoryUsage().heapUsed - heapBefore) / 1e6
    assert.ok(grownMegabytes < 250, `the heap grew by ${grownMegabytes} MB`)
    for (const status of [200, 400, 404, 405, 408, 413, 415, 417, 422, 431]) {
      assert.ok(statuses.has(status), `none of the requests led to ${status}: they are not malformed enough`)
    }
    await answersAsEver(gateway, port)
  } finally {
    process.off('unhandledRejection', note)
    await gateway.close()
  }
})

async function attempt(port: number, own: number, number: number, statuses: Set<number>) {
  const bad = (kinds[number % kinds.length] ?? noise)(createRandom(own))
  const story = () => `seed ${own}, request ${number}:\n${JSON.stringify(bad.bytes.toString('latin1').slice(0, 2000))}`
  try {
    const { bytes, reset } = await exchangeRaw(port, bad.bytes, { hangUp: bad.hangUp, patienceMs })
    if (bad.silent || (reset && bad.mayReset)) return
    const replies = parseReplies(bytes)
    assert.ok(replies.length > 0, `no reply${reset ? ', but a reset' : ''}`)
    for (const { status, headers, body } of replies) {
      statuses.add(status)
      assert.ok(status >= 200 && status < 500, `status ${status}: ${body}`)
      assert.doesNotMatch(body, /node_modules|\.ts\b|\bat \S+ \(|file:\/\/|\/src\//, 'it tells about our insides')
      if (status < 400 || bad.head) continue
      assert.match(headers['content-type'] ?? '', /^application\/json/)
      assert.ok('error' in JSON.parse(body), body)
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${story()}`, { cause: error })
  }
}

async function answersAsEver({ house }: TestGateway, port: number): Promise<void> {
  while (house.account.openRequests > 0) await new Promise((resolve) => setImmediate(resolve))
  const { bytes } = await exchangeRaw(port, post(chatPath, '{"prompt": "Are you well?"}'))
  const [reply] = parseReplies(bytes)
  assert.equal(reply?.status, 200)
  assert.equal(JSON.parse(reply.body).response, 'Are you well?')
  assert.equal(house.account.openRequests, 0)
}

function wrongValue(random: Random): Bad {
  const [path, body] = random.pick([
    [chatPath, native],
    ['/api/v1/complexity', native],
    [openaiPath, openai],
    [ollamaPath, ollama],
    ['/api/generate', ollama],
    [anthropicPath, anthropic],
    [`${anthropicPath}/count_tokens`, anthropic],
    [responsesPath, responses],
    [`${responsesPath}/input_tokens`, responses],
    ['/api/embed', { model: 'auto', input: 'x', dimensions: 5, truncate: true }],
  ] as const)
  const field = random.pick(Object.keys(body))
  const fields = Object.entries(body).map(([key, value]) => [key, JSON.stringify(value)])
  const changed = fields.map(([key, text]) => `"${key}": ${key === field ? random.pick(values) : text}`)
  return { bytes: post(path, `{${changed.join(', ')}}`) }
}

function wrongMessages(random: Random): Bad {
  const message = () =>
    `{"role": ${random.pick(['"user"', '"system"', ...values])}, "content": ${random.pick(['"x"', ...values])}}`
  const part = () => `{"type": ${random.pick(['"text"', ...values])}, "text": ${random.pick(values)}}`
  const messages = random.pick([
    `[${message()}, ${message()}]`,
    `[{"role": "user", "content": [${part()}, ${part()}]}]`,
    `[${random.pick(values)}]`,
    `{"0": ${message()}, "length": 1}`,
  ])
  return { bytes: post(random.pick(conversations), `{"model": "auto", "max_tokens": 5, "messages": ${messages}}`) }
}

function mutatedBytes(random: Random): Bad {
  const body = Buffer.from(JSON.stringify(random.pick([native, openai, ollama, anthropic, responses])))
  const bytes = [...body]
  for (let left = random.integer(1, 8); left > 0; left--) {
    const at = random.integer(0, bytes.length)
    const change = random.pick(['flip', 'delete', 'insert', 'repeat', 'cut'])
    if (change === 'flip') bytes[at] = random.integer(0, 256)
    else if (change === 'delete') bytes.splice(at, random.integer(1, 10))
    else if (change === 'insert') bytes.splice(at, 0, random.integer(0, 256))
    else if (change === 'repeat') bytes.splice(at, 0, ...bytes.slice(at, at + random.integer(1, 30)))
    else bytes.splice(at)
  }
  return { bytes: post(random.pick(conversations), Buffer.from(bytes.map((byte) => byte ?? 0))) }
}

function oddJson(random: Random): Bad {
  const deep = random.pick([60, 64, 65, 500, 5000])
  const body = random.pick([
    `{"prompt": "x", "y": ${'['.repeat(deep)}${']'.repeat(deep)}}`,
    `{"prompt": "x", "metadata": ${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}`,
    '['.repeat(deep),
    `{"prompt": "x", ${Array.from({ length: deep }, (_, index) => `"k${index}": 1`).join(', ')}}`.slice(0, 19_000),
    '{"prompt": "x", "prompt": 5}',
    '{"__proto__": {"prompt": "x"}, "prompt": "x"}',
    '\ufeff{"prompt": "x"}',
    `{"prompt": "${'\\u0000'.repeat(100)}"}`,
    `{"prompt": "${'\\ud83d'.repeat(100)}"}`,
    `{"prompt": "${'\\'.repeat(99)}"}`,
    '{"prompt": "x"} {"prompt": "y"}',
    `${' '.repeat(15_000)}{"prompt": "x"}`,
    '{"prompt": NaN}',
    "{'prompt': 'x'}",
    '{"prompt": "x",}',
    '\0',
    '',
  ])
  return { bytes: post(random.pick([chatPath, openaiPath]), body) }
}

function truncated(random: Random): Bad {
  const whole = post(chatPath, JSON.stringify(native))
  return { bytes: whole.subarray(0, random.integer(1, whole.length)) }
}

function wrongLength(random: Random): Bad {
  const body = JSON.stringify(native)
  const length = random.pick([
    '0',
    '1',
    String(body.length - 1),
    String(body.length + 1),
    '-1',
    '+5',
    '0x10',
    '1e3',
    '5 5',
  ])
  const huge = random.pick(['', '99999999999999999999', '30000', '9007199254740993', 'NaN', ' ', '5, 6'])
  const given = random.pick([length, huge])
  const twice = random.integer(0, 4) === 0 ? `content-length: ${body.length}\r\n` : ''
  const head = headOf('POST', chatPath, `content-type: application/json\r\n${twice}content-length: ${given}\r\n`)
  return { bytes: Buffer.from(`${head}${body}`), mayReset: true }
}

function anyMethodAndPath(random: Random): Bad {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'QUERY']
  const method = random.pick([...methods, 'get', 'FOO', 'PRI', 'SEARCH', 'M-SEARCH', 'G\u0000T', ''])
  const odd = [
    '*',
    '//',
    '/%zz',
    '/%00',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/../..',
    '/:a',
    '/a(b',
    '/\\',
    '/\x7f',
    '/é',
    '',
  ]
  const url = random.pick([
    () => random.pick([...paths, ...operator]),
    () => random.pick(odd),
    () =>
      `${random.pick(paths)}${random.pick(['/', '//', '/:', '%00', '?', '?a[__proto__]=1', '#x', ';v=1', '/../chat'])}`,
    () =>
      `/api/v1/stats?window=${random.pick(['', '1h&window=2h', '%', '%00', '9999999d', '999999w', '-1h', '1h%0d%0ax'])}`,
    () => `/${'x'.repeat(random.pick([100, 600, 3500]))}`,
    () => `/v1/${random.text(20)}`,
    () => `http://${random.text(5)}/health`,
  ])()
  const bytes = Buffer.from(headOf(method, url, ''), 'latin1')
  return { bytes, silent: method === 'CONNECT', head: method === 'HEAD' }
}

function headerFlood(random: Random): Bad {
  const amount = random.pick([10, 100, 300, 5000])
  const headers = random.pick([
    () => 'a: b\r\n'.repeat(amount),
    () => `a: ${'b'.repeat(amount)}\r\n`,
    () => `${'a'.repeat(amount)}: b\r\n`,
    () => `cookie: ${'a=b; '.repeat(amount)}\r\n`,
    () => Array.from({ length: amount }, (_, index) => `x-${index}: ${index}\r\n`).join(''),
  ])()
  return { bytes: Buffer.from(headOf('GET', random.pick(paths), headers)), mayReset: true }
}

function oddHeaders(random: Random): Bad {
  const header = random.pick([
    'content-type: application/json; charset=utf-16',
    'content-type: text/plain',
    'content-type: application/x-www-form-urlencoded',
    'content-type: multipart/form-data',
    'content-type: application/json\u0000',
    'content-type: ;;;',
    'content-type: application/jsonp',
    'x-request-id: \u0001',
    `x-request-id: ${'x'.repeat(500)}`,
    'x-request-id: a\r\nx-request-id: b',
    'authorization: Bearer',
    'authorization: \u00ff\u00ff',
    'x-api-key: ',
    'cache-control: no-store, no-cache, \u00e9',
    'origin: null',
    'upgrade: websocket\r\nconnection: upgrade, close',
    'upgrade: h2c\r\nhttp2-settings: x',
    'transfer-encoding: gzip',
    'transfer-encoding: chunked, chunked',
    'x-forwarded-for: 1, 2, 3',
    'accept: text/event-stream;q=-1',
    'no colon here',
    ': no name',
    ' folded: x',
    'bad name: x',
    'a:b\rc: d',
    'a: b\nc: d',
    'host: a\r\nhost: b',
  ])
  const body = JSON.stringify(native)
  const type = header.startsWith('content-type') ? '' : 'content-type: application/json\r\n'
  const length = header.startsWith('transfer-encoding') ? '' : `content-length: ${body.length}\r\n`
  const head = headOf('POST', random.pick([chatPath, openaiPath]), `${type}${length}${header}\r\n`)
  return { bytes: Buffer.from(`${head}${body}`, 'latin1') }
}

function chunks(random: Random): Bad {
  const body = JSON.stringify(native)
  const size = body.length.toString(16)
  const text = random.pick([
    `${size}\r\n${body}\r\n0\r\n\r\n`,
    `${size};name=value\r\n${body}\r\n0\r\ntrailer: x\r\n\r\n`,
    `${size}\r\n${body}\r\n0\r\ncontent-length: 5\r\n\r\n`,
    `${size}\r\n${body}\r\n`,
    `${size}\r\n${body}0\r\n\r\n`,
    `zz\r\n${body}\r\n0\r\n\r\n`,
    `-1\r\n${body}\r\n0\r\n\r\n`,
    `fffffffffffffffff\r\n${body}\r\n0\r\n\r\n`,
    `ffffffff\r\n${body}`,
    '0\r\n\r\n',
    '\r\n\r\n',
    `1;${'x'.repeat(10_000)}\r\n`,
    [...body]
      .map((character) => `1\r\n${character}\r\n`)
      .join('')
      .concat('0\r\n\r\n'),
    `${(30_000).toString(16)}\r\n${'x'.repeat(30_000)}\r\n0\r\n\r\n`,
    random.text(60),
  ])
  const head = headOf('POST', chatPath, 'content-type: application/json\r\ntransfer-encoding: chunked\r\n')
  return { bytes: Buffer.from(head + text, 'latin1'), mayReset: true }
}

function pipelined(random: Random): Bad {
  const open = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('connection: close\r\n', ''), 'latin1')
  const one = () =>
    random.pick([
      () => post(chatPath, JSON.stringify({ ...native, stream: random.pick([true, false]) })),
      () => post(openaiPath, JSON.stringify(openai)),
      () => post(chatPath, '{"prompt": '),
      () => Buffer.from(headOf('GET', random.pick(paths), '')),
    ])()
  const last = random.pick([one, () => Buffer.from(random.text(30), 'latin1')])()
  const before = Array.from({ length: random.integer(1, 6) }, () => open(one()))
  return { bytes: Buffer.concat([...before, last]) }
}

function oddVersion(random: Random): Bad {
  const body = JSON.stringify({ ...native, stream: random.pick([true, false]) })
  const version = random.pick([
    'HTTP/1.0',
    'HTTP/1.0',
    'HTTP/0.9',
    'HTTP/1.2',
    'HTTP/2.0',
    'HTTP/9.9',
    'HTCPCP/1.0',
    '',
  ])
  const head = `POST ${chatPath} ${version}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const hello = Buffer.from('16030100050100000100', 'hex')
  return { bytes: random.pick([Buffer.from(head + body), Buffer.from(head + body), Buffer.from(preface), hello]) }
}

function expectation(random: Random): Bad {
  const value = random.pick([
    '100-continue',
    '100-Continue',
    '200-ok',
    'tea',
    '100-continue, tea',
    ' ',
    'x'.repeat(500),
  ])
  const body = JSON.stringify(native)
  const head = `content-type: application/json\r\nexpect: ${value}\r\ncontent-length: ${body.length}\r\n`
  return { bytes: Buffer.from(headOf('POST', random.pick([chatPath, openaiPath, '/none']), head) + body) }
}

function encoding(random: Random): Bad {
  const value = random.pick(['gzip', 'gzip', 'deflate', 'br', 'zstd', 'identity', 'gzip, gzip', 'x'.repeat(200), ''])
  const body = random.pick([
    gzipSync(JSON.stringify(native)),
    Buffer.from(JSON.stringify(native)),
    gzipSync(Buffer.alloc(1e6)),
  ])
  return { bytes: post(chatPath, body, `content-encoding: ${value}\r\n`) }
}

function noise(random: Random): Bad {
  const bytes = Buffer.from(Array.from({ length: random.integer(1, 3000) }, () => random.integer(0, 256)))
  return { bytes: Buffer.concat([bytes, Buffer.from('\r\n\r\n')]) }
}

function hangUp(random: Random): Bad {
  const whole = post(random.pick([chatPath, openaiPath]), JSON.stringify({ ...openai, prompt: 'x y z' }))
  return { bytes: whole.subarray(0, random.integer(1, whole.length + 1)), hangUp: true, silent: true }
}

function headOf(method: string, path: string, headers: string): string {
  return `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${headers}\r\n`
}

function post(path: string, body: string | Buffer, headers = ''): Buffer {
  const length = `content-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n`
  return Buffer.concat([Buffer.from(headOf('POST', path, length)), Buffer.from(body)])
}

/** Numbers that look random and are the same each time (mulberry32). */
function createRandom(start: number) {
  let state = start
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (from: number, to: number) => from + Math.floor(next() * (to - from))
  return {
    /** From `from` to below `to`. */
    integer,
    pick: <Item>(items: readonly Item[]): Item => items[integer(0, items.length)] as Item,
    text: (length: number) => String.fromCharCode(...Array.from({ length }, () => integer(33, 127))),
  }
}
