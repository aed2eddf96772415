import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import Ajv2020 from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'
import { generatedFiles, staleFiles } from '../scripts/generate.ts'
import { errorTable } from '../src/core/errors.ts'

test('generated files are fresh', () => {
  assert.ok(generatedFiles().size >= 3)
  assert.deepEqual(staleFiles(), [], 'run npm run generate')
})

test('every error code has its line', () => {
  const page = generatedFiles().get('docs/errors.md') ?? ''
  for (const code of Object.keys(errorTable)) assert.ok(page.includes(`| \`${code}\` |`), code)
})

test('every key of the configuration has a meaning', () => {
  const rows = (generatedFiles().get('docs/configuration.md') ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  assert.ok(rows.length > 80, `${rows.length} rows`)
  const silent = rows.filter((row) => row.split('|').length === 6 && row.endsWith('|  |'))
  assert.deepEqual(silent, [])
})

const ajv = new Ajv2020.default({ strict: false })
addFormats.default(ajv)
const valid = ajv.compile(JSON.parse(generatedFiles().get('config.schema.json') ?? ''))
const examples = new URL('./fixtures/config/', import.meta.url)

for (const name of readdirSync(examples).filter((file) => file.endsWith('.yaml'))) {
  test(`the JSON Schema accepts the example ${name}`, () => {
    assert.ok(valid(parse(readFileSync(new URL(name, examples), 'utf8'))), JSON.stringify(valid.errors))
  })
}

for (const { name, tree } of [
  { name: 'an unknown key', tree: { server: { prot: 1 } } },
  { name: 'a new model without an id', tree: { models: { mine: { provider: 'ollama' } } } },
  { name: 'a new provider without a kind', tree: { providers: { mine: { url: 'http://x' } } } },
  { name: 'an option of another kind', tree: { providers: { ollama: { delay_ms: 1 } } } },
]) {
  test(`the JSON Schema refuses ${name}`, () => assert.equal(valid(tree), false))
}

for (const { name, tree } of [
  { name: 'one option of a built-in provider', tree: { providers: { ollama: { keep_alive: '1h' } } } },
  { name: 'another kind under a built-in name', tree: { providers: { ollama: { kind: 'echo', delay_ms: 1 } } } },
  { name: 'one key of a built-in model', tree: { models: { phi2: { enabled: false } } } },
]) {
  test(`the JSON Schema accepts ${name}`, () => assert.ok(valid(tree), JSON.stringify(valid.errors)))
}
