import { z } from 'zod'
import { capabilities } from '../core/model.ts'
import { providers } from '../providers/index.ts'
import { budgetsSchema } from './budgets-schema.ts'
import { databaseSchema, ledgerSchema } from './ledger-schema.ts'
import { limitsSchema } from './limits-schema.ts'
import { resilienceSchema } from './resilience-schema.ts'
import { routingFields } from './routing-schema.ts'

import { qdrantSchema, semanticCacheSchema } from './semantic-cache-schema.ts'

const seconds = z.number().min(0)
const bytes = z.number().int().min(1)

const rates = z.strictObject({
  input: z.number().min(0).describe('Dollars for a million prompt tokens.'),
  output: z.number().min(0).describe('Dollars for a million reply tokens.'),
  cache_read: z.number().min(0).optional().describe('Dollars for a million cached prompt tokens; input when left out.'),
  cache_write: z
    .number()
    .min(0)
    .optional()
    .describe('Dollars for a million tokens written to the provider’s prompt cache; input when left out.'),
})

const model = z.strictObject({
  provider: z.string().describe('A key of `providers`.'),
  id: z.string().describe('The model’s name at its provider.'),
  enabled: z.boolean().default(true).describe('False removes the model, for instance one of the built-in ones.'),
  max_complexity: z.number().min(0).max(1).default(1).describe('The highest complexity that it may take, 0 to 1.'),
  auto: z.boolean().default(true).describe('False: it answers only when a request names it.'),
  backend: z.enum(['local', 'cloud']).optional().describe('Where it runs; the provider’s own kind when left out.'),
  price: z
    .union([z.literal('free'), z.literal('unknown'), rates])
    .optional()
    .describe('What it costs. Left out: free for local models, the built-in price list for known cloud models.'),
  context_tokens: z.number().int().min(128).optional().describe('Longest prompt and reply together, in tokens.'),
  max_output_tokens: z.number().int().min(1).optional().describe('Longest reply, in tokens.'),
  capabilities: z
    .array(z.enum(capabilities))
    .optional()
    .describe('What it can do. Left out: what its server says, or what its provider usually can.'),
  fixed_sampling: z
    .boolean()
    .optional()
    .describe('True where the vendor refuses temperature and top_p: they are dropped, with a warning to the caller.'),
})

const [first, ...rest] = providers.map((provider) =>
  provider.options.extend({ kind: z.literal(provider.kind).describe('Which provider this is.') }),
)
// `map` over the non-empty list of providers gives at least one.
if (first === undefined) throw new Error('there is no provider')
const provider = z.discriminatedUnion('kind', [first, ...rest])

/** Everything that can be configured. `docs/configuration.md` and `config.schema.json` are generated from this. */
export const configSchema = z.strictObject({
  server: z
    .strictObject({
      host: z
        .string()
        .default('127.0.0.1')
        .describe('Address to listen on. Others than loopback need a key (`server.keys`, `hybrid keys create`).'),
      port: z.number().int().min(0).max(65535).default(8080).describe('Port to listen on; 0 takes a free one.'),
      keys: z
        .array(z.string())
        .default([])
        .describe('Keys that clients must send (`env:NAME`, `file:PATH`), as `Authorization: Bearer` or `x-api-key`.'),
      admin_key: z
        .string()
        .optional()
        .describe('A key that may do everything (`env:NAME`, `file:PATH`), besides those that `hybrid keys` makes.'),
      hosts: z
        .array(z.string())
        .default([])
        .describe('Names, besides those of loopback, under which a gateway without keys may be reached.'),
      open_metrics: z
        .boolean()
        .default(false)
        .describe('True shows /metrics, statistics and what is wrong to everybody, also where there are keys.'),
      allow_open: z.boolean().default(false).describe('True allows other addresses than loopback without any key.'),
      trust_proxy: z.boolean().default(false).describe('True takes the client’s address from X-Forwarded-For.'),
      cors_origins: z.array(z.string()).default([]).describe('Origins whose browser pages may call the gateway.'),
      body_limit_bytes: bytes.default(10_485_760).describe('Largest request body.'),
      header_limit_bytes: bytes.default(16_384).describe('Largest request head.'),
      receive_timeout_seconds: seconds.default(30).describe('Time for a client to send its whole request.'),
      send_timeout_seconds: seconds
        .min(0.05)
        .max(86_400)
        .default(30)
        .describe('Time that a stream may wait for a client that does not read; then its connection is cut.'),
      early_reply_seconds: seconds
        .max(86_400)
        .default(240)
        .describe(
          'Time after which an answer that is not streamed sends its headers ahead, as clients give up; 0: never.',
        ),
      drain_seconds: seconds.default(30).describe('Time that running requests get to finish after SIGTERM.'),
    })
    .prefault({}),
  limits: limitsSchema,
  budgets: budgetsSchema,
  resilience: resilienceSchema,
  router: z
    .strictObject({
      strategy: z
        .enum(['evidence', 'heuristic'])
        .default('evidence')
        .describe('`evidence`: what is known of each model for each kind of task; `heuristic`: length and keywords.'),
      ...routingFields,
      use_local_for_simple: z
        .boolean()
        .default(true)
        .describe('False sends everything to the cloud where one is there.'),
      complexity_threshold: z
        .number()
        .min(0)
        .max(1)
        .optional()
        .describe('Complexity above which a request goes to the cloud; left out, each model’s max_complexity decides.'),
      baseline_model: z.string().default('claude-sonnet').describe('Savings are counted against this model.'),
      unknown_price: z
        .enum(['flag', 'refuse'])
        .default('flag')
        .describe('Models without a known price: tried last and flagged, or refused.'),
      aliases: z
        .record(z.string(), z.string())
        .default({})
        .describe(
          'Other names for models, `*` standing for anything: `"gpt-4*": auto`. The first that fits counts; a pattern leaves the names of models alone.',
        ),
      expected_output_tokens: z.number().int().min(1).default(500).describe('Reply length that cost estimates assume.'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: z
        .string()
        .regex(/^(env|file|rediss?):/, 'must be redis://host:port, or rediss:// with TLS')
        .optional()
        .describe(
          'Redis that several gateways share for limits, budgets and cached replies; without it each has its own.',
        ),
      prefix: z
        .string()
        .default('hybrid:')
        .describe('Begins every key, so that several installations can share a server.'),
      deadline_ms: z
        .number()
        .int()
        .min(5)
        .max(1000)
        .default(50)
        .describe('How long a request waits for Redis at most.'),
    })
    .prefault({}),
  cache: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Answer equal requests from memory.'),
      ttl_seconds: seconds.default(3600).describe('Age at which a cached reply is forgotten.'),
      max_bytes: bytes.default(67_108_864).describe('Memory for cached replies.'),
      redis_max_bytes: bytes.default(268_435_456).describe('Memory of Redis for cached replies, compressed.'),
      scope: z
        .enum(['key', 'team', 'all'])
        .default('key')
        .describe('Who may be given a reply that was made for another: requests of the same key, of its team, all.'),
    })
    .prefault({}),
  semantic_cache: semanticCacheSchema,
  qdrant: qdrantSchema,
  ledger: ledgerSchema,
  database: databaseSchema,
  availability: z
    .strictObject({
      check_seconds: seconds.min(1).max(86_400).default(10).describe('Pause between two looks at each provider.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
        .default('info')
        .describe('How much.'),
      format: z.enum(['auto', 'json', 'pretty']).default('auto').describe('Auto: readable in a terminal, else JSON.'),
    })
    .prefault({}),
  providers: z.record(z.string(), provider).describe('Ways of reaching models, by a name of your choice.'),
  models: z.record(z.string().regex(/^[\w.:/@-]{1,100}$/), model).describe('Models by the name that clients use.'),
  data_dir: z.string().describe('Folder of the ledger.'),
  models_dir: z.string().describe('Folder of downloaded model files.'),
})

export type ParsedConfig = z.infer<typeof configSchema>
export type ModelConfig = ParsedConfig['models'][string]
