import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'hybrid-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const echoOnly = write('echo.yaml', [
  'server: {port: 0}',
  'router: {strategy: heuristic}',
  'providers:',
  '  echo: {kind: echo}',
  '  slow: {kind: echo, delay_ms: 200}',
  'models:',
  '  tinyllama: {enabled: false}',
  '  phi2: {enabled: false}',
  '  mistral: {enabled: false}',
  '  smollm2: {enabled: false}',
  '  parrot: {provider: echo, id: parrot, max_complexity: 0.5}',
  '  snail: {provider: slow, id: snail, auto: false}',
])

function write(name: string, lines: readonly string[]): string {
  const path = join(folder, `${++files}-${name}`)
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

interface RunOptions {
  readonly input?: string
  readonly config?: string
  readonly environment?: Readonly<Record<string, string>>
}

let dataDirs = 0

/** Starts `hybrid` in an environment that holds nothing of this machine's. */
function start(args: readonly string[], { config = echoOnly, environment = {} }: RunOptions = {}) {
  return spawn(process.execPath, [program, ...args], {
    cwd: folder,
    stdio: 'pipe',
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      // Most of a short run is the start of Node; compiled once, every later one is twice as fast.
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
      HYBRID_CONFIG: config,
      HYBRID_DATA_DIR: join(folder, `data-${++dataDirs}`),
      HYBRID_MODELS_DIR: join(folder, 'models'),
      ...environment,
    },
  })
}

async function run(args: readonly string[], options: RunOptions = {}) {
  const child = start(args, options)
  child.stdin.end(options.input ?? '')
  const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, error, code: Number(code) }
}

async function runJson(args: readonly string[], options: RunOptions = {}) {
  const { out, error, code } = await run([...args, '--json'], options)
  assert.equal(code, 0, error)
  return JSON.parse(out)
}

// Each test is a process of its own and waits for it, so several run at a time.
describe('hybrid', { concurrency: 4 }, () => {
  test('chat prints the reply on standard output and what it was on standard error', async () => {
    const { out, error, code } = await run(['chat', 'hello', 'there'])
    assert.equal(code, 0)
    assert.equal(out, 'hello there\n')
    assert.match(error, /^parrot · local · \$0 · \d+\.\d\d s · Complexity 0\.10: short prompt/)
    assert.equal(error.split('\n').length, 2)
  })

  test('chat reads the prompt from standard input', async () => {
    assert.equal((await run(['chat'], { input: 'from a pipe\n' })).out, 'from a pipe\n')
    assert.equal((await run(['chat', '-'], { input: 'from a dash' })).out, 'from a dash\n')
  })

  test('chat without streaming prints the same', async () => {
    assert.equal((await run(['chat', '--no-stream', 'hello'])).out, 'hello\n')
  })

  test('chat --json prints one object in the words of the native API', async () => {
    const reply = await runJson([
      'chat',
      'hello there',
      '--model',
      'parrot',
      '--max-tokens',
      '1',
      '--system',
      'Be brief.',
    ])
    assert.equal(reply.response, 'hello ')
    assert.equal(reply.model, 'parrot')
    assert.equal(reply.backend, 'local')
    assert.equal(reply.cost, 0)
    assert.equal(reply.cached, false)
    assert.equal(typeof reply.latency_seconds, 'number')
    assert.equal(reply.usage.output_tokens, 1)
    assert.equal(reply.routing.attempts.length, 1)
    assert.equal(reply.routing.attempts[0].outcome, 'answered')
    assert.match(reply.request_id, /^[0-9a-f-]{36}$/)
  })

  test('chat goes on to the next model where the embedded one cannot be loaded', async () => {
    const config = write('fallback.yaml', [
      'providers: {echo: {kind: echo}}',
      'router: {strategy: heuristic}',
      'models: {smollm2: {id: lost.gguf}, parrot: {provider: echo, id: parrot}}',
    ])
    const { out, error, code } = await run(['chat', 'hello'], { config, environment: { OLLAMA_URL: '127.0.0.1:9' } })
    assert.deepEqual([out, code], ['hello\n', 0])
    assert.match(error, /the file of model 'smollm2' is not at/)
    assert.match(error, /^parrot · local/m)
  })

  const refusedChats = [
    { name: 'without a prompt', args: ['chat'], error: /^there is no prompt: .*\n$/ },
    {
      name: 'with a model that is not configured',
      args: ['chat', '--model', 'nope', 'x'],
      error: /^model 'nope' is not/,
    },
    {
      name: 'with a model that cannot answer',
      args: ['chat', '--model', 'claude-sonnet', 'x'],
      error: /ANTHROPIC_API_KEY/,
    },
    { name: 'with a wrong number', args: ['chat', '--max-tokens', '0', 'x'], error: /whole number, at least 1/ },
    { name: 'with a wrong temperature', args: ['chat', '--temperature', '3', 'x'], error: /number from 0 to 2/ },
  ]

  for (const { name, args, error } of refusedChats) {
    test(`chat ${name} fails in one plain sentence`, async () => {
      const result = await run(args)
      assert.equal(result.code, 1)
      assert.equal(result.out, '')
      assert.match(result.error, error)
      assert.doesNotMatch(result.error, /\n {4}at /)
    })
  }

  test('Ctrl-C ends a reply that is running', async () => {
    const child = start(['chat', '--model', 'snail', 'word '.repeat(1000)])
    child.stdin.end()
    const errors = text(child.stderr)
    await once(child.stdout, 'data')
    child.kill('SIGINT')
    child.stdout.resume()
    const [code, signal] = await once(child, 'exit')
    assert.deepEqual([code, signal], [130, null])
    assert.equal(await errors, '')
  })

  test('a reader that has seen enough is no failure', async () => {
    const child = start(['chat', '--model', 'snail', 'word '.repeat(1000)])
    child.stdin.end()
    const errors = text(child.stderr)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    assert.deepEqual((await once(child, 'exit'))[0], 0)
    assert.equal(await errors, '')
  })

  test('route explains one prompt', async () => {
    const { out, code } = await run(['route', 'What is the capital of France?'])
    assert.equal(code, 0)
    assert.match(out, /^factor +points\n/)
    assert.match(out, /^length +\+0\.10 {2}short prompt$/m)
    assert.match(out, /^complexity +0\.00$/m)
    assert.match(out, /^model +parrot \(local\)$/m)
    assert.match(out, /^estimated cost +\$0$/m)
    assert.match(out, /^why +Complexity 0\.00/m)
  })

  test('route says where the choice is weaker than the prompt asks for', async () => {
    const { out } = await run(['route', 'Analyze, design and implement a comprehensive refactor of the build'])
    assert.match(out, /^degraded +no configured model may take|^degraded +claude-sonnet is unavailable/m)
  })

  test('route shows several prompts in one table', async () => {
    const file = write('prompts.txt', ['List three colours', '', 'Design and create a cathedral'])
    const { out } = await run(['route', 'What is 2 + 2?', '--file', file])
    const [head = '', ...rows] = out.trimEnd().split('\n')
    assert.match(head, /^prompt +length +keywords +code +task +complexity +model +estimated$/)
    assert.equal(rows.length, 3)
    assert.match(rows[2] ?? '', /^Design and create a cathedral .* 0\.40 +parrot +\$0$/)
  })

  test('route --assume-available shows the plan of a full installation', async () => {
    const prompt = 'Analyze, design and implement a comprehensive refactor of the build'
    const now = await runJson(['route', prompt])
    assert.deepEqual([now.recommended_model, now.degraded], ['parrot', true])
    const [hard] = await runJson(['route', '--assume-available', `${prompt} ${'and on '.repeat(40)}`, 'hello'])
    assert.deepEqual([hard.recommended_model, hard.degraded, hard.backend], ['claude-sonnet', false, 'cloud'])
    assert.ok(hard.estimated_cost > 0)
  })

  test('route --json prints one object for one prompt', async () => {
    const decision = await runJson(['route', 'What is the capital of France?'])
    assert.equal(decision.complexity, 0)
    assert.deepEqual(decision.factors, { length: 0.1, keywords: -0.1, code: 0, task: -0.1 })
    assert.equal(decision.recommended_model, 'parrot')
  })

  test('route without a prompt, or with a file that is not there, fails', async () => {
    assert.match((await run(['route'])).error, /^there is no prompt/)
    const { code, error } = await run(['route', '--file', '/nowhere/prompts'])
    assert.equal(code, 1)
    assert.equal(error, '/nowhere/prompts cannot be read (ENOENT)\n')
  })

  test('models lists what is configured, and why a model cannot answer', async () => {
    const { out, code } = await run(['models'])
    assert.equal(code, 0)
    assert.match(out, /^parrot +local +echo +parrot +0\.50 +free +free +yes$/m)
    assert.match(out, /^claude-sonnet +cloud +anthropic +\S+ +1\.00 +2\.00 +10\.00 +no$/m)
    assert.match(out, /^claude-sonnet, .*: no API key: set ANTHROPIC_API_KEY$/m)
  })

  test('models --json has the same, and prices that are unknown are null', async () => {
    const { models } = await runJson(['models'], { environment: { CLAUDE_MODEL: 'claude-next' } })
    const byName = new Map(models.map((model: { name: string }) => [model.name, model]))
    assert.deepEqual(byName.get('parrot'), {
      name: 'parrot',
      backend: 'local',
      provider: 'echo',
      id: 'parrot',
      available: true,
      reason: '',
      auto: true,
      max_complexity: 0.5,
      context_tokens: 4096,
      max_output_tokens: 4096,
      price: { input: 0, output: 0, version: 'local' },
    })
    assert.equal((byName.get('claude-sonnet') as { price: unknown }).price, null)
  })

  for (const { name, args, error } of [
    {
      name: 'what no provider can bring',
      args: ['models', 'pull', 'parrot'],
      error: /^parrot is served by 'echo', which/,
    },
    { name: 'what is not configured', args: ['pull', 'nope'], error: /^model 'nope' is not configured/ },
    {
      name: 'nothing, where no model is embedded',
      args: ['models', 'pull'],
      error: /^no embedded model is configured/,
    },
  ]) {
    test(`pull of ${name} fails in one plain sentence`, async () => {
      const result = await run(args)
      assert.equal(result.code, 1)
      assert.match(result.error, error)
      assert.equal(result.error.split('\n').length, 2)
    })
  }

  test('pull says that the file is not to be had', async () => {
    const config = write('lost.yaml', ['models: {smollm2: {id: lost.gguf}}'])
    const { code, error } = await run(['models', 'pull', 'smollm2'], { config })
    assert.equal(code, 1)
    assert.match(error, /^the file of model 'smollm2' is not at .*lost\.gguf\n$/)
  })

  test('stats tells what the ledger holds', async () => {
    const environment = { HYBRID_DATA_DIR: join(folder, 'data-stats') }
    assert.equal((await run(['stats'], { environment })).out, 'no request was answered yet\n')
    await run(['chat', 'hello'], { environment })
    await run(['chat', '--model', 'claude-sonnet', 'hello'], { environment })

    const { out } = await run(['stats', '--window', '1h'], { environment })
    assert.match(out, /^spent +\$0 +in the last 1h$/m)
    assert.match(out, /^would have cost +\$0\.0000\d\d +at claude-sonnet$/m)
    assert.match(out, /^saved +\$0\.0000\d\d +100 %$/m)
    assert.match(out, /^parrot +1 +0 +1 +1 +\$0$/m)
    assert.match(out, /^requests: 2, failed: 1$/m)

    const statistics = await runJson(['stats'], { environment })
    assert.equal(statistics.total_requests, 2)
    assert.equal(statistics.savings.baseline_model, 'claude-sonnet')
  })

  test('keys are made, shown once, rotated and revoked; all of it is in the audit log, and in a copy', async () => {
    const environment = { HYBRID_DATA_DIR: join(folder, 'data-keys') }
    const made = await runJson(['keys', 'create', 'app', '--team', 'red', '--budget', '5/day', '--expires', '90d'], {
      environment,
    })
    assert.match(made.key, /^hyb_\w{12}_\w{43}$/)
    const listed = await run(['keys', 'list'], { environment })
    assert.match(listed.out, /app/)
    assert.ok(!listed.out.includes(made.key.slice(-20)))
    const rotated = await runJson(['keys', 'rotate', made.id, '--grace', '1h'], { environment })
    assert.notEqual(rotated.key, made.key)
    const copy = join(folder, 'copy.sqlite')
    assert.equal((await run(['backup', copy], { environment })).out, `written: ${copy}\n`)
    assert.equal((await run(['keys', 'revoke', made.id], { environment })).code, 0)
    assert.match((await run(['audit'], { environment })).out, /keys\.revoke[\s\S]*keys\.rotate[\s\S]*keys\.create/)
    assert.match((await run(['restore', copy], { environment })).out, /^restored: .*; what was there is .* now/)
    assert.doesNotMatch((await run(['audit'], { environment })).out, /keys\.revoke/)
    const wrong = await run(['keys', 'create', 'x', '--budget', 'much'], { environment })
    assert.deepEqual([wrong.code, /write it as 5\/day/.test(wrong.error)], [1, true], wrong.error)
  })

  test('ledger tells whether its sums are right, writes files, and computes costs again', async () => {
    const environment = { HYBRID_DATA_DIR: join(folder, 'data-ledger') }
    await run(['chat', 'hello'], { environment })
    assert.equal(
      (await run(['ledger', 'verify'], { environment })).out,
      'The sums of every hour are those of its rows.\n',
    )

    const file = join(folder, 'ledger.parquet')
    const saved = await runJson(['ledger', 'export', file], { environment })
    assert.deepEqual(saved, { file, format: 'parquet', rows: 1 })
    const nowhere = await run(['ledger', 'export', join(folder, 'none', 'x.csv')], { environment })
    assert.deepEqual([nowhere.code, nowhere.error.includes('cannot be written (ENOENT)')], [1, true])

    assert.equal((await run(['ledger', 'reprice'], { environment })).out, 'All 1 rows have the prices of today.\n')
    const yaml = readFileSync(echoOnly, 'utf8').replace(
      'max_complexity: 0.5}',
      'max_complexity: 0.5, price: {input: 1000, output: 1000}}',
    )
    const config = write('priced.yaml', yaml.trimEnd().split('\n'))
    const would = await run(['ledger', 'reprice', '--model', 'parrot'], { config, environment })
    assert.match(would.out, /^1 of 1 rows have another price today: \$0 before, \$0\.\d+ now\.\n--apply writes it\.\n$/)
    assert.match((await run(['ledger', 'reprice', '--apply'], { config, environment })).out, /were written anew/)
    const { total_cost } = await runJson(['stats'], { config, environment })
    assert.ok(total_cost > 0)
    assert.match((await run(['audit'], { config, environment })).out, /ledger\.reprice/)
    const none = await run(['ledger', 'reprice', '--model', 'none'], { config, environment })
    assert.match(none.error, /not configured/)
  })

  test('stats refuses a window that is none', async () => {
    const { code, error } = await run(['stats', '--window', 'yesterday'])
    assert.equal(code, 1)
    assert.match(error, /24h/)
  })

  test('config check is content with a good file', async () => {
    const { out, code } = await run(['config', 'check'])
    assert.deepEqual([out, code], [`${echoOnly} is fine\n`, 0])
    assert.deepEqual(await runJson(['config', 'check']), { ok: true, file: echoOnly, problems: [], warnings: [] })
  })

  test('config check tells every problem with its line', async () => {
    const config = write('bad.yaml', ['server:', '  prot: 1', 'models:', '  phi2:', '    max_complexity: high'])
    const { out, error, code } = await run(['config', 'check'], { config })
    assert.deepEqual([out, code], ['', 1])
    assert.deepEqual(error.trimEnd().split('\n'), [
      `${config}:2: server.prot is not a key that is known here; did you mean 'port'?`,
      `${config}:5: models.phi2.max_complexity must be a number, not text`,
    ])

    const json = await run(['config', 'check', '--json'], { config })
    assert.equal(json.code, 1)
    assert.deepEqual(
      JSON.parse(json.out).problems.map(({ where, line }: { where: string; line: number }) => [where, line]),
      [
        ['server.prot', 2],
        ['models.phi2.max_complexity', 5],
      ],
    )
  })

  for (const command of [['chat', 'x'], ['route', 'x'], ['models'], ['stats'], ['config', 'print'], ['serve']]) {
    test(`${command.join(' ')} stops at a bad file`, async () => {
      const config = write('bad.yaml', ['chache: {}'])
      const { code, error } = await run(command, { config })
      assert.equal(code, 1)
      assert.equal(error, `${config}:1: chache is not a key that is known here; did you mean 'cache'?\n`)
    })
  }

  test('--config beats HYBRID_CONFIG, before and behind the command', async () => {
    const other = write('other.yaml', ['server: {port: 1234}'])
    for (const args of [
      ['--config', other, 'config', 'check'],
      ['config', 'check', '--config', other],
    ]) {
      assert.equal((await run(args)).out, `${other} is fine\n`)
    }
  })

  test('--json works before the command as well', async () => {
    const { out } = await run(['--json', 'config', 'check'])
    assert.equal(JSON.parse(out).ok, true)
  })

  test('config print tells where values come from, and no secret', async () => {
    const config = write('secret.yaml', [
      'server: {keys: [env:TEAM_KEY]}',
      'providers: {ollama: {url: "http://user:hunter2@gpu:11434"}}',
    ])
    const environment = { ANTHROPIC_API_KEY: 'sk-hunter2', TEAM_KEY: 'team-hunter2', GATEWAY_PORT: '1234' }
    const { out, error, code } = await run(['config', 'print'], { config, environment })
    assert.deepEqual([error, code], ['', 0])
    assert.doesNotMatch(out, /hunter2/)
    assert.match(out, /^ {4}api_key: env:ANTHROPIC_API_KEY # \(set\)$/m)
    assert.match(out, /^ {4}api_key: env:OPENAI_API_KEY # \(not set\)$/m)
    assert.match(out, /^ {4}- env:TEAM_KEY # \(set\) from the file$/m)
    assert.match(out, /^ {2}port: 1234 # from GATEWAY_PORT$/m)
    assert.match(out, /^ {2}host: 127\.0\.0\.1$/m)
    assert.match(out, /^ {4}url: http:\/\/\*\*\*@gpu:11434 # from the file$/m)

    const json = await runJson(['config', 'print'], { config, environment })
    assert.doesNotMatch(JSON.stringify(json), /hunter2/)
    assert.equal(json.origins['server.port'], 'GATEWAY_PORT')
  })

  test('what config print prints can be read again', async () => {
    const { out } = await run(['config', 'print'])
    const again = write('again.yaml', [out])
    assert.equal((await run(['config', 'check'], { config: again })).out, `${again} is fine\n`)
  })

  test('config schema prints a JSON Schema', async () => {
    const { out } = await run(['config', 'schema'])
    const ajv = new Ajv2020.default({ strict: false })
    addFormats.default(ajv)
    assert.equal(ajv.compile(JSON.parse(out))({ server: { port: 1 } }), true)
  })

  test('doctor tells what is there and what is missing', async () => {
    const { out, code } = await run(['doctor'])
    assert.equal(code, 0)
    assert.match(out, /^ok +Node +\d+\./m)
    assert.match(out, /^ok +data folder +\S+ +can be written|^ok +data folder/m)
    assert.match(out, /^missing +provider anthropic/m)
    assert.match(out, /^missing +ANTHROPIC_API_KEY +not set/m)
    assert.match(out, /^ok +answers +parrot, snail$/m)
  })

  test('doctor --json has one finding a part', async () => {
    const { can_answer, findings } = await runJson(['doctor'], { environment: { ANTHROPIC_API_KEY: '' } })
    assert.equal(can_answer, true)
    assert.ok(findings.length >= 10)
    for (const { part, state, message } of findings) {
      assert.ok(part !== '' && message !== '')
      assert.ok(['ok', 'missing', 'problem'].includes(state), state)
    }
  })

  test('doctor fails where nothing could answer', async () => {
    const config = write('nothing.yaml', ['models: {smollm2: {enabled: false}}'])
    const environment = { OLLAMA_URL: 'http://127.0.0.1:9' }
    const { out, code } = await run(['doctor'], { config, environment })
    assert.equal(code, 1)
    assert.match(out, /^problem +answers +no model can answer/m)
    const bad = await run(['doctor'], { config: write('bad.yaml', ['chache: {}']) })
    assert.equal(bad.code, 1)
    assert.match(bad.out, /^problem +configuration/m)
  })

  test('doctor tells why the gateway could not start', async () => {
    const config = write('required.yaml', ['ledger: {required: true}'])
    const environment = { HYBRID_DATA_DIR: '/dev/null/data', OLLAMA_URL: '127.0.0.1:9' }
    const { out, code } = await run(['doctor'], { config, environment })
    assert.equal(code, 1)
    assert.match(out, /^problem +data folder +\/dev\/null\/data cannot be written/m)
    assert.match(out, /^problem +start +the ledger/m)
  })

  test('doctor tells a port that is taken, and by a gateway or not', async () => {
    const other = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const health = { status: 'ok', version: '9.9.9', ledger: { status: 'ok' } }
    const gateway = createServer((_request, response) => response.end(JSON.stringify(health))).listen(0, '127.0.0.1')
    await once(gateway, 'listening')
    try {
      const portOf = async ({ port }: AddressInfo) => {
        const { findings } = await runJson(['doctor'], { environment: { GATEWAY_PORT: String(port) } })
        return findings.find(({ part }: { part: string }) => part === 'port')
      }
      const taken = await portOf(other.address() as AddressInfo)
      assert.equal(taken.state, 'problem')
      assert.match(taken.message, /is used by another program/)
      const running = await portOf(gateway.address() as AddressInfo)
      assert.equal(running.state, 'ok')
      assert.match(running.message, /running gateway \(version 9\.9\.9, ok\)/)
    } finally {
      other.close()
      gateway.close()
    }
  })

  test('an unknown command is told with the one that was meant', async () => {
    const { out, error, code } = await run(['modles'])
    assert.deepEqual([out, code], ['', 1])
    assert.match(error, /unknown command 'modles'\n\(Did you mean models\?\)/)
  })

  test('--help names every command', async () => {
    const { out, code } = await run(['--help'])
    assert.equal(code, 0)
    for (const name of ['serve', 'chat', 'route', 'models', 'pull', 'stats', 'config', 'doctor']) {
      assert.match(out, new RegExp(`^  ${name}\\b`, 'm'))
    }
  })
})
