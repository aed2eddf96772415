import { homedir } from 'node:os'
import { join } from 'node:path'
import { ensureModelFile } from '../../src/model-files/files.ts'
import { openTestGateway, type TestGatewayOptions } from '../fixtures/gateway.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'
import { startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'
import type { StandIn } from '../fixtures/stand-ins/stand-in.ts'
import type { Kind, Target } from './client.ts'

export interface OpenGateway {
  /** Whose names pin the model, or leave the choice to the gateway, as `model` says. */
  readonly target: (model: string) => Target
  /** The names under which the model is asked for: its own, and `auto` where that costs no time. */
  readonly models: readonly string[]
  readonly close: () => Promise<void>
}

interface Servers {
  readonly fast: StandIn<never>
  /** Begins every reply and never ends it. */
  readonly stuck: StandIn<never>
}

type Config = NonNullable<TestGatewayOptions['config']>

interface Setting {
  readonly providers: Config['providers']
  readonly models: Config['models']
  readonly servers?: Servers
}

const key = 'matrix-key-0123456789'
const anthropicKey = 'sk-ant-test-key-0123456789'
const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
const modelsDir = process.env.HYBRID_MODELS_DIR ?? join(cache, 'hybrid-ai-stack', 'models')
const never = new AbortController().signal

const half = { text: 'one two three four', failure: { kind: 'hang', afterChunks: 2 } } as const
const roomy = { max_complexity: 1, context_tokens: 200_000, max_output_tokens: 64_000, price: 'free' }

/** The whole gateway with one kind of provider behind it, listening. */
export async function openGateway(kind: Kind): Promise<OpenGateway> {
  if (kind === 'llama-cpp') await mustHaveModelFile()
  const { providers, models, servers } = await settingOf(kind)
  const gateway = await openTestGateway({
    config: { providers, models, server: { keys: ['env:MATRIX_KEY'] }, cache: { enabled: false } },
    environment: { MATRIX_KEY: key, CLAUDE_KEY: anthropicKey, HYBRID_MODELS_DIR: modelsDir },
  })
  if (kind === 'llama-cpp') {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] as const
    const request = {
      id: 'warm-up',
      dialect: 'native',
      model: 'auto',
      messages,
      stream: false,
      caching: 'off',
    } as const
    await gateway.house.prepare(request, never)
  }
  const address = await gateway.listen()
  const { account } = gateway.house
  const statusOf = async (id: string) => (await account.find(id))?.status
  let hangUps = 0
  let closed = false
  /** What is waited for in vain ends with the gateway. */
  const until = async (happened: () => boolean | Promise<boolean>) => {
    while (!closed && !(await happened())) await aMoment()
  }

  const target = (model: string): Target => ({
    kind,
    address,
    key,
    model,
    seesImages: kind !== 'llama-cpp',
    embeds: kind !== 'anthropic',
    slowModel: kind === 'llama-cpp' ? 'answerer' : 'slow',
    longPrompt: kind === 'echo' ? 'word '.repeat(2000) : 'Write a very long story about a dragon, with many chapters.',
    working: async (id) => {
      await until(async () => (await account.find(id)) !== undefined)
      // Before that, the call may not have left the gateway.
      await until(() => servers === undefined || chatsAt(servers.stuck) > hangUps)
    },
    cancelled: async (id) => {
      await until(async () => ['cancelled', 'answered', 'failed'].includes((await statusOf(id)) ?? ''))
      const row = await account.find(id)
      if (row?.status !== 'cancelled') throw new Error(`${id} is ${row?.status} (${row?.errorCode})`)
      hangUps += 1
      await until(() => servers === undefined || servers.stuck.hangUps.length >= hangUps)
    },
    ...(servers !== undefined && { sent: () => servers.fast.requests }),
  })

  return {
    target,
    models: kind === 'llama-cpp' ? ['answerer'] : ['answerer', 'auto'],
    async close() {
      closed = true
      await gateway.close()
      await Promise.all([servers?.fast.close(), servers?.stuck.close()])
    },
  }
}

/** Not counting what the gateway asks on its own. */
function chatsAt({ requests }: StandIn<never>): number {
  return requests.filter(({ path }) => /\/(completions|responses|messages|chat)$/.test(path)).length
}

async function settingOf(kind: Kind): Promise<Setting> {
  switch (kind) {
    case 'openai-compatible': {
      const servers = await bothOf((script) => startOpenaiStandIn({ apiKey: '', ...script }))
      const capabilities = ['tools', 'images', 'json-schema', 'logprobs', 'reasoning', 'embeddings']
      const provider = ({ url }: StandIn<never>) => ({ kind, base_url: `${url}/v1` })
      return setting(servers, provider, { id: 'gpt-test', backend: 'local', capabilities })
    }
    case 'anthropic': {
      const servers = await bothOf((script) => startAnthropicStandIn({ checksSignatures: true, ...script }))
      const provider = ({ url }: StandIn<never>) => ({ kind, base_url: url, api_key: 'env:CLAUDE_KEY' })
      return setting(servers, provider, { id: 'claude-test' })
    }
    case 'ollama': {
      const servers = await bothOf((script) => startOllamaStandIn({ models: ['phi:latest'], ...script }))
      const provider = ({ url }: StandIn<never>) => ({ kind, url, context_sizes: [32_768] })
      return setting(servers, provider, { id: 'phi' })
    }
    case 'echo':
      return {
        providers: { fast: { kind }, stuck: { kind, delay_ms: 20 } },
        models: modelsWith({ id: 'echo' }),
      }
    case 'llama-cpp':
      return {
        providers: { fast: { kind, context_tokens: 4096 } },
        models: {
          answerer: {
            provider: 'fast',
            id: 'smollm2',
            max_complexity: 1,
            context_tokens: 4096,
            max_output_tokens: 3000,
          },
        },
      }
    default:
      throw kind satisfies never
  }
}

/** One that thinks, and one that falls silent in the middle of each reply. */
async function bothOf(
  start: (script: { readonly brain?: true; readonly script?: typeof half }) => Promise<StandIn<never>>,
): Promise<Servers> {
  return { fast: await start({ brain: true }), stuck: await start({ script: half }) }
}

function setting(servers: Servers, provider: (server: StandIn<never>) => object, model: object): Setting {
  const providers = { fast: provider(servers.fast), stuck: provider(servers.stuck) }
  return { providers, models: modelsWith(model), servers }
}

function modelsWith(model: object): NonNullable<Config['models']> {
  return {
    // The usual baseline would make embeddings for anybody who leaves the choice to the gateway.
    baseline: { provider: 'fast', id: 'baseline', auto: false, price: 'free', capabilities: [] },
    answerer: { ...roomy, ...model, provider: 'fast' },
    slow: { ...roomy, ...model, provider: 'stuck', auto: false },
  }
}

async function mustHaveModelFile(): Promise<void> {
  await ensureModelFile('smollm2', { modelsDir, progress: () => {}, signal: never }).catch((error: unknown) => {
    throw new Error(`These tests need the SmolLM2 model file. ${error instanceof Error ? error.message : error}`)
  })
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
