import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type LoadedConfig, loadConfig } from './load.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'

const folder = mkdtempSync(join(tmpdir(), 'hybrid-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function load(yaml: string, environment: Record<string, string> = {}): LoadedConfig {
  const file = join(folder, `${++files}.yaml`)
  writeFileSync(file, yaml)
  return loadConfig({ environment, file, projectDir: folder })
}

function problemsOf(yaml: string, environment: Record<string, string> = {}): readonly ConfigProblem[] {
  try {
    load(yaml, environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function model({ config }: LoadedConfig, name: string) {
  const found = config.models.find((candidate) => candidate.name === name)
  assert.ok(found, `there is no model ${name}`)
  return found
}

test('without a file the built-in defaults load', () => {
  const loaded = loadConfig({ environment: { HOME: '/home/someone' }, projectDir: folder })
  assert.equal(loaded.file, undefined)
  assert.equal(loaded.origins.size, 0)
  assert.deepEqual(loaded.warnings, [])
  assert.equal(loaded.config.server.port, 8080)
  assert.equal(loaded.config.data_dir, join(folder, 'data'))
  assert.equal(loaded.config.models_dir, '/home/someone/.cache/hybrid-ai-stack/models')
  assert.equal(loaded.config.baseline.name, 'claude-sonnet')
  assert.ok(loaded.config.models.some(({ name }) => name === 'smollm2'))
})

test('the file beats the defaults, key by key', () => {
  const loaded = load('server: {port: 9000}\nmodels: {tinyllama: {max_complexity: 0.5}}')
  assert.equal(loaded.config.server.port, 9000)
  assert.equal(loaded.config.server.host, '127.0.0.1')
  assert.equal(model(loaded, 'tinyllama').maxComplexity, 0.5)
  assert.equal(model(loaded, 'tinyllama').id, 'tinyllama')
  assert.equal(loaded.origins.get('models.tinyllama.max_complexity'), loaded.file)
  assert.equal(loaded.origins.get('server.port'), loaded.file)
})

test('the environment beats the file', () => {
  const loaded = load('server: {port: 9000}\ncache: {ttl_seconds: 5}', { GATEWAY_PORT: '9001', RATE_LIMIT: ' off ' })
  assert.equal(loaded.config.server.port, 9001)
  assert.equal(loaded.config.cache.ttl_seconds, 5)
  assert.equal(loaded.config.limits.rate, 'off')
  assert.equal(loaded.origins.get('server.port'), 'GATEWAY_PORT')
})

test('an empty variable counts as unset', () => {
  assert.equal(load('', { GATEWAY_PORT: '', LOG_LEVEL: ' ' }).config.server.port, 8080)
})

test('HYBRID_CONFIG names the file', () => {
  const file = join(folder, 'named.yaml')
  writeFileSync(file, 'server: {port: 9002}')
  assert.equal(loadConfig({ environment: { HYBRID_CONFIG: file }, projectDir: '/nowhere' }).config.server.port, 9002)
})

test('hybrid.yaml in the project folder is read unasked', () => {
  const projectDir = mkdtempSync(join(folder, 'project-'))
  writeFileSync(join(projectDir, 'hybrid.yaml'), 'server: {port: 9003}')
  assert.equal(loadConfig({ environment: {}, projectDir }).config.server.port, 9003)
})

test('a key without a value counts as absent', () => {
  const loaded = load('server:\n  port:\nmodels:\n  phi2:\nproviders:\n')
  assert.equal(loaded.config.server.port, 8080)
  assert.equal(model(loaded, 'phi2').id, 'phi')
})

const refused: readonly {
  readonly name: string
  readonly yaml: string
  readonly environment?: Record<string, string>
  readonly where: string
  readonly line?: number
  readonly message: RegExp
}[] = [
  {
    name: 'an unknown key',
    yaml: '# first\nserver:\n  prot: 1\n',
    where: 'server.prot',
    line: 3,
    message: /not a key.*did you mean 'port'\?/,
  },
  { name: 'an unknown section', yaml: 'chache: {}\n', where: 'chache', line: 1, message: /did you mean 'cache'\?/ },
  {
    name: 'an unknown key without a value',
    yaml: '\nchache:\n',
    where: 'chache',
    line: 2,
    message: /did you mean 'cache'\?/,
  },
  {
    name: 'an unknown key of a provider',
    yaml: 'providers:\n  ollama:\n    keep_alife: 1h\n',
    where: 'providers.ollama.keep_alife',
    line: 3,
    message: /did you mean 'keep_alive'\?/,
  },
  {
    name: 'an unknown key of a model',
    yaml: 'models:\n  phi2:\n    max_complexety: 1\n',
    where: 'models.phi2.max_complexety',
    line: 3,
    message: /did you mean 'max_complexity'\?/,
  },
  {
    name: 'a wrong type',
    yaml: 'models:\n  phi2:\n    max_complexity: high\n',
    where: 'models.phi2.max_complexity',
    line: 3,
    message: /^must be a number, not text$/,
  },
  {
    name: 'a wrong type under a name with dots',
    yaml: 'models:\n  phi2: {}\n  qwen2.5:3b:\n    provider: ollama\n    id: 7\n',
    where: 'models.qwen2.5:3b.id',
    line: 5,
    message: /^must be text, not a number$/,
  },
  {
    name: 'a number out of bounds',
    yaml: 'server:\n  port: 99999\n',
    where: 'server.port',
    line: 2,
    message: /^must be at most 65535$/,
  },
  {
    name: 'an unknown word',
    yaml: 'log:\n  level: wran\n',
    where: 'log.level',
    line: 2,
    message: /did you mean 'warn'/,
  },
  {
    name: 'a rate that is none',
    yaml: 'limits:\n  rate: fast\n',
    where: 'limits.rate',
    line: 2,
    message: /^must be off, or a number of requests/,
  },
  {
    name: 'a price that is none',
    yaml: 'models:\n  phi2:\n    price: cheap\n',
    where: 'models.phi2.price',
    line: 3,
    message: /must be one of: free, unknown, a mapping/,
  },
  {
    name: 'a price with a wrong part',
    yaml: 'models:\n  phi2:\n    price:\n      input: 1\n      output: x\n',
    where: 'models.phi2.price.output',
    line: 5,
    message: /^must be a number, not text$/,
  },
  {
    name: 'a provider of no known kind',
    yaml: 'providers:\n  ollama:\n    kind: olama\n',
    where: 'providers.ollama.kind',
    line: 3,
    message: /did you mean 'ollama'\?/,
  },
  {
    name: 'a provider without a kind',
    yaml: 'providers:\n  gpu:\n    base_url: http://gpu\n',
    where: 'providers.gpu.kind',
    line: 2,
    message: /is missing: say which of llama-cpp, ollama/,
  },
  {
    name: 'a model without an id',
    yaml: 'models:\n  mine:\n    provider: ollama\n',
    where: 'models.mine.id',
    line: 2,
    message: /^is missing: it must be text$/,
  },
  {
    name: 'a model of an unknown provider',
    yaml: 'models:\n  phi2:\n    provider: olama\n',
    where: 'models.phi2.provider',
    line: 3,
    message: /names no provider: 'olama'; did you mean 'ollama'\?/,
  },
  {
    name: 'a model called auto',
    yaml: 'models:\n  auto: {provider: ollama, id: x}\n',
    where: 'models.auto',
    line: 2,
    message: /means routing/,
  },
  {
    name: 'a model with a name that is none',
    yaml: 'models:\n  "my model": {provider: ollama, id: x}\n',
    where: 'models.my model',
    line: 2,
    message: /is no name for a model/,
  },
  {
    name: 'a target that the heuristic cannot keep to',
    yaml: 'router:\n  strategy: heuristic\n  quality_target: 0.9\n',
    where: 'router.quality_target',
    line: 3,
    message: /needs router.strategy: evidence/,
  },
  {
    name: 'a judge that is no model',
    yaml: 'router:\n  shadow: {judge: claude-sonet}\n',
    where: 'router.shadow.judge',
    line: 2,
    message: /is no enabled model: 'claude-sonet'; did you mean/i,
  },
  {
    name: 'an unknown baseline',
    yaml: 'router:\n  baseline_model: claude-sonet\n',
    where: 'router.baseline_model',
    line: 2,
    message: /no configured model.*did you mean 'claude-sonnet'/,
  },
  {
    name: 'a disabled baseline',
    yaml: 'models:\n  claude-sonnet:\n    enabled: false\n',
    where: 'router.baseline_model',
    message: /is 'claude-sonnet', which is disabled: name one of tinyllama/,
  },
  {
    name: 'an address without a scheme',
    yaml: 'providers:\n  ollama:\n    url: localhost:11434\n',
    where: 'providers.ollama.url',
    line: 3,
    message: /must begin with http/,
  },
  {
    name: 'a secret in the open',
    yaml: 'providers:\n  anthropic:\n    api_key: sk-very-secret\n',
    where: 'providers.anthropic.api_key',
    line: 3,
    message: /is a secret: write env:NAME/,
  },
  {
    name: 'a secret in a list',
    yaml: 'server:\n  keys:\n    - env:A\n    - very-secret\n',
    environment: { A: 'set' },
    where: 'server.keys.1',
    line: 4,
    message: /is a secret/,
  },
  {
    name: 'a secret in a header',
    yaml: 'providers:\n  openai:\n    headers:\n      x-gpu-key: very-secret\n',
    where: 'providers.openai.headers.x-gpu-key',
    line: 4,
    message: /is a secret/,
  },
  {
    name: 'a file reference that cannot be read',
    yaml: 'providers:\n  anthropic:\n    api_key: file:/nowhere/key\n',
    where: 'providers.anthropic.api_key',
    line: 3,
    message: /refers to file:\/nowhere\/key, which cannot be read \(ENOENT\)/,
  },
  {
    name: 'a key that is not set, even on loopback: a proxy may stand in front',
    yaml: 'server:\n  keys: [env:MISSING_KEY]\n',
    where: 'server.keys',
    line: 2,
    message: /refers to env:MISSING_KEY, which is not set/,
  },
  {
    name: 'a rate of nothing',
    yaml: 'limits:\n  rate: 0/minute\n',
    where: 'limits.rate',
    line: 2,
    message: /^must be off, or a number of requests/,
  },
  {
    name: 'a reference that brings in what is no URL',
    yaml: 'providers:\n  ollama:\n    url: env:WHERE\n',
    environment: { WHERE: 'not a url' },
    where: 'providers.ollama.url',
    line: 3,
    message: /must be a URL/,
  },
  {
    name: 'a required value that refers to an unset variable',
    yaml: 'models:\n  phi2:\n    id: env:UNSET\n',
    where: 'models.phi2.id',
    line: 3,
    message: /is missing/,
  },
  {
    name: 'malformed YAML',
    yaml: 'server:\n  port: 1\n bad: 2\n',
    where: 'the YAML',
    line: 3,
    message: /is malformed/,
  },
  { name: 'a key written twice', yaml: 'log: {}\nlog: {}\n', where: 'the YAML', line: 2, message: /unique/ },
  { name: 'a list for a file', yaml: '- a\n', where: 'the file', line: 1, message: /is not a YAML mapping/ },
  {
    name: 'a number that is none, in the environment',
    yaml: '',
    environment: { GATEWAY_PORT: 'eighty' },
    where: 'GATEWAY_PORT',
    message: /^is 'eighty', which is no number$/,
  },
  {
    name: 'a URL that is none, in the environment',
    yaml: '',
    environment: { OLLAMA_URL: 'ftp://x' },
    where: 'OLLAMA_URL',
    message: /which is no URL/,
  },
  {
    name: 'a truth that is none, in the environment',
    yaml: '',
    environment: { USE_LOCAL_FOR_SIMPLE: 'maybe' },
    where: 'USE_LOCAL_FOR_SIMPLE',
    message: /neither true nor false/,
  },
  {
    name: 'a variable that is out of bounds, though the file sets the key as well',
    yaml: 'server:\n  port: 80\n',
    environment: { GATEWAY_PORT: '99999' },
    where: 'server.port (from GATEWAY_PORT)',
    message: /at most 65535/,
  },
]

for (const { name, yaml, environment, where, line, message } of refused) {
  test(`refused: ${name}`, () => {
    const problems = problemsOf(yaml, environment)
    assert.equal(problems.length, 1, problems.map((problem) => `${problem.where} ${problem.message}`).join('; '))
    assert.equal(problems[0]?.where, where)
    assert.equal(problems[0]?.line, line)
    assert.match(problems[0]?.message ?? '', message)
    assert.doesNotMatch(problems[0]?.message ?? '', /very-secret/)
  })
}

test('several problems are told at once, each with its place', () => {
  const yaml = 'server:\n  port: x\n  hots: y\nmodels:\n  phi2:\n    max_complexity: 2\n'
  assert.throws(
    () => load(yaml, { CACHE_TTL_SECONDS: 'long' }),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(
        error.problems.map(({ where, line }) => [where, line]),
        [
          ['CACHE_TTL_SECONDS', undefined],
          ['server.port', 2],
          ['server.hots', 3],
          ['models.phi2.max_complexity', 6],
        ],
      )
      assert.equal(error.message.split('\n').length, 4)
      assert.match(error.message, /\.yaml:2: server\.port must be/)
      return true
    },
  )
})

for (const { name, path } of [
  { name: 'a file that does not exist', path: join(folder, 'absent.yaml') },
  { name: 'a folder for a file', path: folder },
]) {
  test(`refused: ${name}`, () => {
    assert.throws(() => loadConfig({ environment: {}, file: path, projectDir: folder }), ConfigError)
  })
}

test('references are resolved, and only the references are printable', () => {
  const key = join(folder, 'key')
  writeFileSync(key, 'from-file\n')
  const loaded = load(`providers: {openai: {api_key: "file:${key}"}}`, { ANTHROPIC_API_KEY: 'from-environment' })
  assert.equal(secretOf(loaded, 'anthropic'), 'from-environment')
  assert.equal(secretOf(loaded, 'openai'), 'from-file')
  assert.deepEqual([...loaded.secrets].sort(), ['from-environment', 'from-file'])
  assert.doesNotMatch(JSON.stringify(loaded.printable), /from-environment|from-file/)
})

test('a reference to a variable that is not set is left out', () => {
  const loaded = load('')
  assert.equal(secretOf(loaded, 'anthropic'), undefined)
  assert.deepEqual(loaded.secrets, [])
})

function secretOf({ config }: LoadedConfig, provider: string): unknown {
  const options = config.providers[provider]
  return options !== undefined && 'api_key' in options ? options.api_key : undefined
}

test('HYBRID_API_KEY joins the keys of the file', () => {
  const loaded = load('server: {host: 0.0.0.0, keys: [env:TEAM]}', { TEAM: 'one', HYBRID_API_KEY: 'two' })
  assert.deepEqual(loaded.config.server.keys, ['one', 'two'])
})

for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1']) {
  test(`loopback needs no key: ${host}`, () => assert.equal(load(`server: {host: "${host}"}`).config.server.host, host))
}

test('allow_open opens the door without a key', () => {
  assert.equal(load('server: {host: 0.0.0.0, allow_open: true}').config.server.allow_open, true)
})

test('a provider of another kind replaces the default of that name', () => {
  const loaded = load('providers: {ollama: {kind: echo, delay_ms: 1}}', {})
  assert.deepEqual(loaded.config.providers.ollama, { kind: 'echo', delay_ms: 1, fail_after_words: 0 })
})

test('OLLAMA_URL may leave out http://', () => {
  const { ollama } = load('', { OLLAMA_URL: 'gpu:11434' }).config.providers
  assert.equal(ollama !== undefined && 'url' in ollama ? ollama.url : '', 'http://gpu:11434')
})

test('CLAUDE_MODEL takes a known model with its price', () => {
  const { price, id } = model(load('', { CLAUDE_MODEL: 'claude-opus-5-5' }), 'claude-sonnet')
  assert.equal(id, 'claude-opus-5-5')
  assert.equal(price.known && price.rates.output, 20)
})

test('CLAUDE_MODEL that the price list does not have makes the price unknown, and says so', () => {
  const loaded = load('', { CLAUDE_MODEL: 'claude-next' })
  assert.equal(model(loaded, 'claude-sonnet').price.known, false)
  assert.match(loaded.warnings.join(), /price of model 'claude-sonnet' \(claude-next\) is not known/)
})

test('OPENAI_BASE_URL makes that server take part in routing, at no vendor’s price', () => {
  const loaded = load('', { OPENAI_BASE_URL: 'http://127.0.0.1:8000/v1' })
  assert.equal(model(loaded, 'openai').auto, true)
  assert.equal(model(loaded, 'openai').price.known, false)
  assert.equal(loaded.origins.get('models.openai.auto'), 'OPENAI_BASE_URL')
})

test('local models are free', () => {
  for (const name of ['tinyllama', 'smollm2']) {
    const { backend, price } = model(load(''), name)
    assert.equal(backend, 'local')
    assert.deepEqual(price.known && [price.rates.input, price.rates.output], [0, 0])
  }
})

test('a price in the file is used, and what it leaves out costs as input', () => {
  const { price } = model(load('models: {phi2: {price: {input: 1, output: 2}}}'), 'phi2')
  assert.ok(price.known)
  assert.deepEqual(price.rates, { input: 1, output: 2, cacheRead: 1, cacheWrite: 1, cacheWriteHour: 1 })
  assert.match(price.version, /^config@[0-9a-f]{8}$/)
})

test('a disabled model is not there', () => {
  const { models } = load('models: {phi2: {enabled: false}}').config
  assert.ok(!models.some(({ name }) => name === 'phi2'))
})

test('variables whose part does not exist yet are told', () => {
  assert.match(
    load('', { ENABLE_TASKWARRIOR_LOGGING: 'redis://x' }).warnings.join(),
    /ENABLE_TASKWARRIOR_LOGGING is set.*ignored/,
  )
})

const examples = fileURLToPath(new URL('../../test/fixtures/config/', import.meta.url))
const exampleNames = readdirSync(examples).filter((name) => name.endsWith('.yaml'))

test('there are examples', () => assert.ok(exampleNames.length >= 4))

for (const name of exampleNames) {
  test(`the example ${name} keeps loading`, () => {
    const environment = { TEAM_KEY: 'team', GPU_KEY: 'gpu' }
    const loaded = loadConfig({ environment, file: join(examples, name), projectDir: folder })
    assert.ok(loaded.origins.size > 0)
  })
}
