import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runProgram } from '../fixtures/run-program.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'

const key = 'sk-ant-test-key-0123456789'
const answer = 'The answer is right, and everybody knows it.'

/** The same question 200 times, each another text. */
function variantOf(index: number): string {
  return question.replace(' ', ' '.repeat(1 + Math.floor(index / 15))) + ' '.repeat(index % 15)
}

/** A configuration with Claude and two local models, one of which says nothing but `answer`. */
async function open(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-calibrate-'))
  const ollama = await startOllamaStandIn({ script: { text: answer, logprob: -0.01 }, models: ['new-3b:latest'] })
  const anthropic = await startAnthropicStandIn({ script: { text: 'A: no, B: yes' }, apiKey: key })
  context.after(async () => {
    await Promise.all([ollama.close(), anthropic.close()])
    rmSync(folder, { recursive: true, force: true })
  })
  const write = (name: string, lines: readonly string[]) => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
    return join(folder, name)
  }
  const config = write('hybrid.yaml', [
    'server: {port: 0}',
    'providers:',
    `  ollama: {kind: ollama, url: '${ollama.url}'}`,
    `  anthropic: {kind: anthropic, base_url: '${anthropic.url}', api_key: 'env:CLAUDE_KEY'}`,
    'models:',
    '  tinyllama: {enabled: false}',
    '  phi2: {enabled: false}',
    '  mistral: {enabled: false}',
    '  smollm2: {enabled: false}',
    '  newcomer: {provider: ollama, id: new-3b, max_complexity: 0.5}',
  ])
  const environment = { HYBRID_DATA_DIR: join(folder, 'data'), CLAUDE_KEY: key, HOME: folder }
  const hybrid = (...words: readonly string[]) => runProgram(['--config', config, ...words], { environment })
  return { hybrid, write, folder, anthropic }
}

const question = 'Which of the two is right, and why does everybody know it?'
const anchorsOf = (answers: readonly string[], count = 200) =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ prompt: variantOf(index), answers }))

test('a new model that is calibrated with 200 prompts gets its share, and loses it when that is rolled back', async (context) => {
  const { hybrid, write, folder } = await open(context)
  const routed = async () => JSON.parse((await hybrid('--json', 'route', question)).out)

  const before = await routed()
  const cell = before.evidence.cell.task
  const told = await hybrid('calibrate', write('good.jsonl', anchorsOf(['right'])), '--model', 'newcomer')
  assert.equal(told.code, 0, told.error)
  assert.match(told.out, /^newcomer: 200 of 200 replies judged, 200 good enough \(100 %\)$/m)
  const after = await routed()
  assert.equal(after.recommended_model, 'newcomer')
  const known = after.evidence.models.find(({ model }: { model: string }) => model === 'newcomer')
  assert.equal(Math.round(known.n), 200)
  assert.ok(known.low > 0.9, String(known.low))

  const shown = JSON.parse((await hybrid('--json', 'evidence', 'show', '--task', cell)).out)
  assert.equal(shown.rows[0].model, 'newcomer')
  assert.match((await hybrid('evidence', 'show')).out, /newcomer +200 +\d+ % /)

  const file = join(folder, 'evidence.json')
  assert.match((await hybrid('evidence', 'export', file)).out, /^200 judged replies are in /)
  assert.doesNotMatch(readFileSync(file, 'utf8'), /everybody/)

  const versions = JSON.parse((await hybrid('--json', 'evidence', 'versions')).out).versions
  assert.equal(versions[0].note, 'before newcomer was calibrated')
  const back = await hybrid('evidence', 'rollback', '1')
  assert.match(back.out, /^version 1 counts: 0 judged replies; 'hybrid evidence rollback 2' undoes this$/m)
  assert.deepEqual((await routed()).evidence.models, before.evidence.models)

  assert.match((await hybrid('evidence', 'import', file)).out, /^200 judged replies were added/)
  assert.equal((await routed()).recommended_model, 'newcomer')

  // What is known already is not taken twice, and going back from that takes nothing away.
  assert.match((await hybrid('evidence', 'import', file)).out, /^0 judged replies were added, 200 were known; /)
  const { versions: kept } = JSON.parse((await hybrid('--json', 'evidence', 'versions')).out)
  assert.match((await hybrid('evidence', 'rollback', String(kept.at(-1).number))).out, /counts: 200 judged replies/)

  const { format, labels } = JSON.parse(readFileSync(file, 'utf8'))
  const later = labels.map((one: { at: number }) => ({ ...one, at: one.at + 10 * 86_400_000 }))
  const refused = await hybrid('evidence', 'import', write('later.json', [JSON.stringify({ format, labels: later })]))
  assert.match(refused.error, /later\.json: labels\.0\.at lies in the future/)
})

test('prompts without known answers are judged beside the strong model’s replies', async (context) => {
  const { hybrid, write, anthropic } = await open(context)
  const told = await hybrid(
    '--json',
    'calibrate',
    write('open.txt', [question, `${question} Really?`]),
    '--model',
    'newcomer',
  )
  const { judged, good } = JSON.parse(told.out)
  // Chance shows them in either order, and the stand-in always says no to the first.
  assert.equal(judged, 2)
  assert.ok(good <= 2)
  assert.equal(anthropic.requests.filter(({ path }) => path.startsWith('/v1/messages')).length, 4)
})

test('what cannot be read is told with its place', async (context) => {
  const { hybrid, write } = await open(context)
  const wrong = await hybrid(
    'calibrate',
    write('bad.jsonl', ['{"prompt": "x", "answers": ["y"]}', '{"prompt": 3}']),
    '--model',
    'newcomer',
  )
  assert.equal(wrong.code, 1)
  assert.match(wrong.error, /bad\.jsonl:2: prompt /)
  assert.match((await hybrid('calibrate', '--model', 'nobody')).error, /model 'nobody' is not configured/)
  assert.match((await hybrid('evidence', 'rollback', '7')).error, /there is no version 7/)
  assert.match((await hybrid('evidence', 'import', write('x.json', ['{"format": 1}']))).error, /x\.json: format /)
  assert.match((await hybrid('evidence', 'show')).out, /no reply was judged yet/)
})
