import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { GatewayError } from '../../src/core/errors.ts'
import type { ModelCard } from '../../src/core/model.ts'
import { free } from '../../src/core/price.ts'
import type { ReplyPart, TokenLogprob } from '../../src/core/reply.ts'
import type { ChatRequest } from '../../src/core/request.ts'
import { ensureModelFile } from '../../src/model-files/files.ts'
import { llamaCpp } from '../../src/providers/llama-cpp.ts'
import type { OpenProvider, ProviderServices } from '../../src/providers/provider.ts'

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
const modelsDir = process.env.HYBRID_MODELS_DIR ?? join(cache, 'hybrid-ai-stack', 'models')

const card: ModelCard = {
  name: 'smollm2',
  provider: 'embedded',
  id: 'smollm2',
  backend: 'local',
  maxComplexity: 0.3,
  auto: true,
  price: free,
  contextTokens: 4096,
  maxOutputTokens: 256,
  fixedSampling: false,
  capabilities: ['tools', 'json-schema', 'logprobs', 'embeddings'],
  capabilitiesFixed: false,
  dialects: [],
}
const never = new AbortController().signal

function ask(text: string, more: Partial<ChatRequest> = {}): ChatRequest {
  const messages = [{ role: 'user', content: [{ type: 'text', text }] }] as const
  return { id: 'r1', dialect: 'native', model: 'smollm2', messages, stream: true, caching: 'off', ...more }
}

function open(options: Record<string, unknown>, said: string[] = [], dir = modelsDir): OpenProvider {
  const services: ProviderServices = {
    name: 'embedded',
    modelsDir: dir,
    say: (_level, message) => said.push(message),
    progress: () => {},
    changed: () => {},
  }
  return llamaCpp.open(llamaCpp.options.parse(options), services)
}

/** Waits for an event, not for a time: the test runner's own limit ends it when it never comes. */
async function settled(provider: OpenProvider, models: readonly ModelCard[], pattern = /^$/) {
  for (;;) {
    const states = [...(await provider.check(models, never)).values()]
    if (states.every(({ reason }) => pattern.test(reason))) return states
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function collect(parts: AsyncIterable<ReplyPart>) {
  let text = ''
  const logprobs: TokenLogprob[] = []
  const all: ReplyPart[] = []
  for await (const part of parts) {
    all.push(part)
    if (part.type !== 'text-delta') continue
    text += part.text
    logprobs.push(...(part.logprobs ?? []))
  }
  const finish = all.at(-1)
  assert.ok(finish?.type === 'finish')
  assert.ok(finish.usage)
  return { text, logprobs, all, reason: finish.reason, usage: finish.usage }
}

async function failure(work: Promise<unknown>): Promise<GatewayError> {
  const error = await work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof GatewayError, String(error))
  return error
}

describe('llama-cpp with SmolLM2', () => {
  const said: string[] = []
  let provider: OpenProvider

  before(async () => {
    await ensureModelFile('smollm2', { modelsDir, progress: () => {}, signal: never }).catch((error: unknown) => {
      throw new Error(`These tests need the SmolLM2 model file. ${error instanceof Error ? error.message : error}`)
    })
    provider = open({ max_queue: 1, context_tokens: 1024 }, said)
    provider.warmUp?.([card])
    await settled(provider, [card])
  })
  after(() => provider.close())

  const send = (request: ChatRequest, signal = never, model = card) => provider.send({ request, model }, signal)

  test('says once that it is ready', () => {
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', /^smollm2 is ready \(\d+\.\d s to load\)$/)
  })

  test('knows the capital of France, and how sure it is', async () => {
    const { text, logprobs, reason, usage, all } = await collect(send(ask('What is the capital of France?')))
    assert.match(text, /Paris/)
    assert.equal(reason, 'stop')
    assert.ok(logprobs.every(({ logprob }) => logprob <= 0 && Number.isFinite(logprob)))
    assert.equal(logprobs.length, usage.output)
    assert.equal(logprobs.map(({ token }) => token).join(''), text)
    assert.ok(usage.input > 8 && usage.input < 30)
    assert.equal(all[0]?.type, 'usage')
    assert.ok(all.filter((part) => part.type === 'text-delta').length > 2)
  })

  test('answers the same again, from what it remembers of the prompt', async () => {
    const [first, second] = [await collect(send(ask('Name a colour.'))), await collect(send(ask('Name a colour.')))]
    assert.equal(second.text, first.text)
    const { input, cacheRead } = first.usage
    assert.deepEqual(second.usage, { ...first.usage, input: 1, cacheRead: input + cacheRead - 1 })
  })

  test('reads of a longer conversation only what is new', async () => {
    const said = (role: 'user' | 'assistant', text: string) => ({ role, content: [{ type: 'text', text }] }) as const
    const turns = [said('user', 'Name a planet of our sun.'), said('assistant', 'Mars.'), said('user', 'And another?')]
    const first = await collect(send(ask('', { messages: turns.slice(0, 1) })))
    const second = await collect(send(ask('', { messages: turns })))
    const known = first.usage.input + first.usage.cacheRead
    assert.ok(second.usage.cacheRead >= known - 1, `${second.usage.cacheRead} of ${known}`)
  })

  test('obeys the system prompt and earlier turns', async () => {
    const say = (role: 'system' | 'user' | 'assistant', text: string) =>
      ({ role, content: [{ type: 'text', text }] }) as const
    const messages = [
      say('system', 'You are a helpful assistant.'),
      say('user', 'What is the capital of France?'),
      say('assistant', 'The capital of France is Paris.'),
      say('user', 'And what is the capital of Italy?'),
    ]
    assert.match((await collect(send(ask('', { messages })))).text, /Rome/)
  })

  test('stops at the token limit', async () => {
    const { reason, usage, logprobs } = await collect(send(ask('Write a long story.', { maxTokens: 12 })))
    assert.equal(reason, 'length')
    assert.equal(usage.output, 12)
    assert.ok(logprobs.length <= 12)
  })

  test('stops before a stop text, even one that spans tokens', async () => {
    const whole = await collect(send(ask('What is the capital of France?')))
    const stop = 'al of Fra'
    assert.ok(whole.text.includes(stop))
    const { text, reason } = await collect(send(ask('What is the capital of France?', { stop: ['zzz', stop] })))
    assert.equal(text, whole.text.slice(0, whole.text.indexOf(stop)))
    assert.equal(reason, 'stop')
  })

  test('writes whole characters', async () => {
    const request = ask('Repeat exactly: 🦜 žluťoučký kůň 日本語 🎉', { maxTokens: 60 })
    const { text, all } = await collect(send(request))
    assert.ok(text.isWellFormed())
    assert.ok(!text.includes('\uFFFD'))
    assert.ok(all.every((part) => part.type !== 'text-delta' || part.text !== ''))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to see characters past ASCII.
    assert.match(text, /[^\x00-\x7f]/)
  })

  test('the same seed gives the same gamble', async () => {
    const request = ask('Tell me something.', { temperature: 1.2, topP: 0.9, seed: 42, maxTokens: 20 })
    const [first, second] = [await collect(send(request)), await collect(send(request))]
    assert.equal(first.text, second.text)
  })

  test('takes penalties', async () => {
    const { usage } = await collect(
      send(ask('Say hello.', { presencePenalty: 0.5, frequencyPenalty: 0.5, maxTokens: 8 })),
    )
    assert.ok(usage.output > 0)
  })

  test('cancelling half-way frees the model for the next request', async () => {
    const stop = new AbortController()
    const error = await failure(
      (async () => {
        for await (const part of send(ask('Write a long story.'), stop.signal))
          if (part.type === 'text-delta') stop.abort()
      })(),
    )
    assert.equal(error.code, 'cancelled')
    assert.match((await collect(send(ask('What is the capital of France?')))).text, /Paris/)
  })

  test('a consumer that leaves frees the model too', async () => {
    for await (const part of send(ask('Write a long story.'))) if (part.type === 'text-delta') break
    assert.match((await collect(send(ask('What is the capital of France?')))).text, /Paris/)
  })

  test('one waits, the next is refused, and who gives up waiting makes room', async () => {
    const first = send(ask('Write a long story.', { maxTokens: 40 }))[Symbol.asyncIterator]()
    await first.next()
    const stop = new AbortController()
    const second = failure(collect(send(ask('Hello'), stop.signal)))
    const busy = await failure(collect(send(ask('Hello'))))
    assert.equal(busy.code, 'model_busy')
    assert.ok((busy.retryAfterSeconds ?? 0) >= 1)
    stop.abort()
    assert.equal((await second).code, 'cancelled')
    const third = collect(send(ask('Hello', { maxTokens: 4 })))
    await first.return?.()
    assert.ok((await third).usage.output > 0)
  })

  test('the gateway goes on with other work while the model writes', async () => {
    let turns = 0
    const counting = setInterval(() => turns++, 1)
    const { usage } = await collect(send(ask('Write a long story.', { maxTokens: 40 })))
    clearInterval(counting)
    assert.ok(turns > usage.output / 2, `${turns} turns of the event loop in ${usage.output} tokens`)
  })

  test('a prompt over the context is refused before it is read', async () => {
    const error = await failure(collect(send(ask('long '.repeat(3000)))))
    assert.equal(error.code, 'context_too_long')
    assert.match(error.message, /has \d+ tokens, and model 'smollm2' has room for 1024/)
  })

  test('a damaged, a foreign and a missing file are plain sentences, and cost nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llama-cpp-'))
    const said: string[] = []
    const broken = open({}, said, folder)
    try {
      await copyFile(join(modelsDir, 'SmolLM2-135M-Instruct.Q4_1.gguf'), join(folder, 'cut.gguf'))
      await truncate(join(folder, 'cut.gguf'), 20_000_000)
      await writeFile(join(folder, 'page.gguf'), '<html>'.repeat(100))
      await writeFile(join(folder, 'noise.gguf'), Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(100, 0xee)]))
      const names = ['cut', 'page', 'noise', 'absent']
      const cards = names.map((name) => ({ ...card, name, id: join(folder, `${name}.gguf`) }))
      broken.warmUp?.(cards)
      const states = await settled(broken, cards, / is (damaged|not at)|cannot be loaded/)
      assert.match(states[0]?.reason ?? '', /cut\.gguf cannot be loaded: .*corrupted or incomplete$/)
      assert.match(states[1]?.reason ?? '', /page\.gguf|it is no GGUF file/)
      assert.equal(said.length, 4)
      const error = await failure(collect(broken.send({ request: ask('Hello'), model: cards[0] ?? card }, never)))
      assert.equal(error.code, 'model_unavailable')
      assert.ok((error.retryAfterSeconds ?? 0) > 1)
    } finally {
      await broken.close()
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('closing in the middle of a reply ends it, and the process can exit in silence', async () => {
    const script = `
      import { llamaCpp } from ${JSON.stringify(new URL('../../src/providers/llama-cpp.ts', import.meta.url).href)}
      const services = { name: 'x', modelsDir: process.env.DIR, say: () => {}, progress: () => {}, changed: () => {} }
      const provider = llamaCpp.open(llamaCpp.options.parse({}), services)
      const model = ${JSON.stringify(card)}
      provider.warmUp([model])
      while ((await provider.check([model])).get('smollm2').available === false) await new Promise((go) => setTimeout(go, 20))
      const reply = provider.send({ request: ${JSON.stringify(ask('Write a long story.'))}, model }, new AbortController().signal)
      let code = 'none'
      try {
        for await (const part of reply) if (part.type === 'text-delta') provider.close()
      } catch (error) {
        code = error.code
      }
      await provider.close()
      process.exitCode = code === 'shutting_down' ? 7 : 1
    `
    const folder = await mkdtemp(join(tmpdir(), 'llama-cpp-'))
    await writeFile(join(folder, 'close.mjs'), script)
    const child = spawn(process.execPath, [join(folder, 'close.mjs')], { env: { ...process.env, DIR: modelsDir } })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        output += data
      })
    const code = await new Promise((resolve) => child.on('close', resolve))
    await rm(folder, { recursive: true, force: true })
    assert.equal(output, '')
    assert.equal(code, 7)
  })

  test('without the file and without pull, it says how to get it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'llama-cpp-'))
    const bare = open({ pull: false }, [], folder)
    bare.warmUp?.([card])
    const [state] = await settled(bare, [card], /pull is off/)
    assert.match(state?.reason ?? '', /run 'hybrid pull smollm2'/)
    await bare.close()
    await rm(folder, { recursive: true, force: true })
    await assert.rejects(readFile(folder))
  })
})
