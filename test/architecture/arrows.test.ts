import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

/**
 * Which room may import which. A room may also import itself. `room/file` allows that file alone. A new room starts
 * with a new line here.
 */
const arrows: Readonly<Record<string, readonly string[]>> = {
  core: [],
  redis: ['core'],
  limits: ['core', 'redis'],
  budgets: ['core', 'redis'],
  resilience: ['core'],
  stores: ['core'],
  keys: ['core', 'stores/store'],
  'serve-native': ['core', 'dialects/dialect', 'dialects/check'],
  'serve-openai': ['core', 'dialects/dialect', 'dialects/check', 'serve-anthropic/models'],
  'serve-responses': ['core', 'dialects/dialect', 'dialects/check', 'serve-openai'],
  'serve-anthropic': ['core', 'dialects/dialect', 'dialects/check'],
  'serve-ollama': ['core', 'dialects/dialect', 'dialects/check'],
  dialects: ['core', 'serve-native', 'serve-openai', 'serve-responses', 'serve-anthropic', 'serve-ollama'],
  signals: ['core'],
  upstream: ['core'],
  translation: ['core', 'providers/provider', 'upstream'],
  'call-openai': ['core', 'providers/provider', 'upstream', 'translation'],
  'call-anthropic': ['core', 'providers/provider', 'upstream', 'translation'],
  'call-ollama': ['core', 'providers/provider', 'upstream', 'translation'],
  'model-files': ['core', 'providers/provider'],
  'call-llama': ['core', 'providers/provider', 'translation', 'model-files'],
  providers: [
    'core',
    'upstream',
    'translation',
    'call-openai',
    'call-anthropic',
    'call-ollama',
    'call-llama',
    'model-files',
  ],
  evidence: ['core'],
  check: ['core'],
  policy: ['core', 'redis/notes'],
  router: ['core', 'signals/signal'],
  cache: ['core', 'redis'],
  embedder: ['core', 'model-files'],
  'semantic-cache': ['core', 'cache', 'embedder'],
  account: ['core', 'stores/store'],
  gateway: [
    'core',
    'router',
    'cache',
    'account',
    'evidence',
    'check',
    'policy',
    'limits',
    'budgets',
    'resilience',
    'redis/notes',
    'semantic-cache/semantic-cache',
    'signals/signal',
    'providers/provider',
  ],
  config: ['core', 'policy', 'dialects/index', 'signals/index', 'providers/index', 'stores/index'],
  http: [
    'core',
    'dialects/dialect',
    'dialects/check',
    'gateway',
    'account',
    'keys',
    'limits',
    'budgets',
    'semantic-cache/semantic-cache',
    'semantic-cache/open',
    'stores/store',
  ],
  cli: ['core', 'config', 'gateway', 'account', 'evidence', 'keys', 'stores/store', 'stores/backup'],
}

const root = join(import.meta.dirname, '../../src')
const isTest = (file: string) => file.endsWith('.test.ts')

test('every import follows an arrow', () => {
  const rooms = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  assert.deepEqual(
    rooms.map(({ name }) => name).sort(),
    Object.keys(arrows).sort(),
    'rooms without a line, or lines without a room',
  )

  const forbidden: string[] = []
  let imports = 0
  let files = 0
  for (const { name: room } of rooms) {
    for (const file of readdirSync(join(root, room)).filter((name) => name.endsWith('.ts') && !isTest(name))) {
      files++
      for (const target of importsOf(join(root, room, file))) {
        if (!target.startsWith('.')) continue
        imports++
        if (target.startsWith('./')) continue
        const [, targetRoom = '', targetFile = ''] = /^\.\.\/([\w-]+)\/([\w-]+)\.ts$/.exec(target) ?? []
        const allowed = arrows[room] ?? []
        if (allowed.includes(targetRoom) || allowed.includes(`${targetRoom}/${targetFile}`)) continue
        forbidden.push(`${room}/${file} imports ${target}`)
      }
    }
  }

  assert.deepEqual(forbidden, [])
  // A check that looked at nothing would pass, too.
  assert.ok(files > 50 && imports > 150, `looked at ${imports} imports in ${files} files`)
})

test('rooms are one level deep', () => {
  const deeper = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) =>
      readdirSync(join(root, name), { withFileTypes: true }).filter((entry) => entry.isDirectory()),
    )
  assert.deepEqual(
    deeper.map(({ name }) => name),
    [],
  )
})

test('only main, config and cli read the environment', () => {
  const readers = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !isTest(file))
    .filter((file) => readFileSync(join(root, file), 'utf8').includes('process.env'))
  assert.deepEqual(
    readers.filter((file) => !/^(main\.ts|config\/|cli\/)/.test(file)),
    [],
  )
})

test('nothing of the tests is reachable from production code', () => {
  const offenders = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !isTest(file))
    .filter((file) =>
      importsOf(join(root, file)).some((target) => target.includes('test/') || target.includes('fixtures')),
    )
  assert.deepEqual(offenders, [])
})

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '')
}
