import type { ConfigProblem } from './problem.ts'

type Environment = Readonly<Record<string, string | undefined>>

interface Variable {
  readonly name: string
  readonly path: readonly string[]
  readonly kind: 'text' | 'url' | 'number' | 'boolean'
  readonly meaning: string
}

/** Environment names that set a key of the configuration. The environment beats the file. */
export const variables: readonly Variable[] = [
  { name: 'GATEWAY_HOST', path: ['server', 'host'], kind: 'text', meaning: 'Address to listen on.' },
  { name: 'GATEWAY_PORT', path: ['server', 'port'], kind: 'number', meaning: 'Port to listen on.' },
  { name: 'OLLAMA_URL', path: ['providers', 'ollama', 'url'], kind: 'url', meaning: 'Where Ollama listens.' },
  {
    name: 'ANTHROPIC_BASE_URL',
    path: ['providers', 'anthropic', 'base_url'],
    kind: 'url',
    meaning: 'Another address for the Anthropic API.',
  },
  { name: 'CLAUDE_MODEL', path: ['models', 'claude-sonnet', 'id'], kind: 'text', meaning: 'The Claude that is used.' },
  {
    name: 'OPENAI_BASE_URL',
    path: ['providers', 'openai', 'base_url'],
    kind: 'url',
    meaning: 'Another address for the OpenAI API, for instance vLLM.',
  },
  { name: 'OPENAI_MODEL', path: ['models', 'openai', 'id'], kind: 'text', meaning: 'The model that `openai` names.' },
  { name: 'CACHE_TTL_SECONDS', path: ['cache', 'ttl_seconds'], kind: 'number', meaning: 'Age of cached replies.' },
  { name: 'RATE_LIMIT', path: ['limits', 'rate'], kind: 'text', meaning: 'As `60/minute`, or `off`.' },
  {
    name: 'USE_LOCAL_FOR_SIMPLE',
    path: ['router', 'use_local_for_simple'],
    kind: 'boolean',
    meaning: 'False sends everything to the cloud.',
  },
  {
    name: 'COMPLEXITY_THRESHOLD',
    path: ['router', 'complexity_threshold'],
    kind: 'number',
    meaning: 'Complexity above which a request goes to the cloud.',
  },
  { name: 'LOG_LEVEL', path: ['log', 'level'], kind: 'text', meaning: 'How much is logged.' },
  { name: 'HYBRID_DATA_DIR', path: ['data_dir'], kind: 'text', meaning: 'Folder of the ledger.' },
  { name: 'HYBRID_MODELS_DIR', path: ['models_dir'], kind: 'text', meaning: 'Folder of model files.' },
]

/** Names that the gateway reads in another way than by setting one key. */
export const otherVariables: readonly { readonly name: string; readonly meaning: string }[] = [
  { name: 'ANTHROPIC_API_KEY', meaning: 'Key for Claude (`providers.anthropic.api_key` refers to it).' },
  { name: 'OPENAI_API_KEY', meaning: 'Key for OpenAI (`providers.openai.api_key` refers to it).' },
  { name: 'HYBRID_API_KEY', meaning: 'A key that clients of the gateway must send (added to `server.keys`).' },
  {
    name: 'DATABASE_URL',
    meaning: 'PostgreSQL, as `postgres://user:password@host/database` (`database.url` refers to it).',
  },
  { name: 'REDIS_URL', meaning: 'Redis, as `redis://:password@host:6379` (`redis.url` refers to it).' },
  { name: 'REDIS_HOST', meaning: 'Host of Redis, where REDIS_URL is not set.' },
  { name: 'REDIS_PORT', meaning: 'Port of Redis at REDIS_HOST; 6379 where it is not set.' },
  { name: 'QDRANT_URL', meaning: 'Qdrant, as `http://host:6333` (`qdrant.url` refers to it).' },
  { name: 'QDRANT_API_KEY', meaning: 'Its API key (`qdrant.api_key` refers to it).' },
  { name: 'HYBRID_ADMIN_KEY', meaning: 'A key that may do everything (`server.admin_key` refers to it).' },
  { name: 'HYBRID_CONFIG', meaning: 'Path of the YAML file.' },
]

/** Names of the design whose part does not exist yet: setting one changes nothing, and the gateway says so. */
const notYet = ['ENABLE_TASKWARRIOR_LOGGING']

export interface OverlayValue {
  readonly path: readonly string[]
  readonly value: unknown
  /** The variable that says so. */
  readonly from: string
  /** True where the value joins a list instead of replacing it. */
  readonly append?: boolean
}

export interface Overlay {
  readonly values: readonly OverlayValue[]
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly string[]
}

/** Reads the variables that are set; an empty one counts as unset. */
export function readEnvironment(environment: Environment): Overlay {
  const values: OverlayValue[] = []
  const problems: ConfigProblem[] = []

  for (const { name, path, kind } of variables) {
    const text = environment[name]?.trim()
    if (text === undefined || text === '') continue
    const value = convert(text, kind)
    if (value === undefined) problems.push({ where: name, message: `is '${text}', ${wanted[kind]}` })
    else values.push({ path, value, from: name })
  }
  if (environment.OPENAI_MODEL?.trim() || environment.OPENAI_BASE_URL?.trim()) {
    const from = environment.OPENAI_MODEL?.trim() ? 'OPENAI_MODEL' : 'OPENAI_BASE_URL'
    values.push({ path: ['models', 'openai', 'auto'], value: true, from })
  }
  if (environment.HYBRID_API_KEY?.trim()) {
    values.push({ path: ['server', 'keys'], value: ['env:HYBRID_API_KEY'], from: 'HYBRID_API_KEY', append: true })
  }

  if (environment.HYBRID_ADMIN_KEY?.trim()) {
    values.push({ path: ['server', 'admin_key'], value: 'env:HYBRID_ADMIN_KEY', from: 'HYBRID_ADMIN_KEY' })
  }
  if (environment.DATABASE_URL?.trim()) {
    values.push({ path: ['database', 'url'], value: 'env:DATABASE_URL', from: 'DATABASE_URL' })
  }
  const redisHost = environment.REDIS_HOST?.trim()
  // A reference, since the address may hold a password, and the configuration is printed.
  if (environment.QDRANT_URL?.trim())
    values.push({ path: ['qdrant', 'url'], value: 'env:QDRANT_URL', from: 'QDRANT_URL' })
  if (environment.QDRANT_API_KEY?.trim()) {
    values.push({ path: ['qdrant', 'api_key'], value: 'env:QDRANT_API_KEY', from: 'QDRANT_API_KEY' })
  }
  if (environment.REDIS_URL?.trim()) values.push({ path: ['redis', 'url'], value: 'env:REDIS_URL', from: 'REDIS_URL' })
  else if (redisHost) {
    const value = `redis://${redisHost}:${environment.REDIS_PORT?.trim() || '6379'}`
    values.push({ path: ['redis', 'url'], value, from: 'REDIS_HOST' })
  }

  const warnings = notYet
    .filter((name) => environment[name]?.trim() && environment[name] !== 'false')
    .map((name) => `${name} is set, but this version has no use for it yet: it is ignored`)
  return { values, problems, warnings }
}

const wanted: Readonly<Record<Variable['kind'], string>> = {
  text: 'which is no text',
  url: 'which is no URL, as http://host:port',
  number: 'which is no number',
  boolean: 'which is neither true nor false',
}

function convert(text: string, kind: Variable['kind']): unknown {
  if (kind === 'number') return Number.isFinite(Number(text)) ? Number(text) : undefined
  if (kind === 'boolean') {
    if (/^(true|1|yes|on)$/i.test(text)) return true
    if (/^(false|0|no|off)$/i.test(text)) return false
    return undefined
  }
  if (kind === 'url') return toUrl(text)
  return text
}

/** Ollama's own tools write `host:port`, and so do many people. */
function toUrl(text: string): string | undefined {
  const url = text.includes('://') ? text : `http://${text}`
  return URL.canParse(url) && /^https?:/i.test(url) ? url : undefined
}
