import { userInfo } from 'node:os'
import { InvalidArgumentError } from 'commander'
import type { ApiKey } from '../core/api-key.ts'
import { GatewayError } from '../core/errors.ts'
import { type Scope, scopes } from '../core/key-holder.ts'
import type { Actor, KeyRing } from '../keys/key-ring.ts'
import { shownKey, toNewKey, wantedKey } from '../keys/wanted-key.ts'
import type { Command, Toolbox } from './command.ts'
import { renderTable } from './table.ts'

/** `hybrid keys create | list | rotate | revoke` */
export const keys = {
  register(program, toolbox) {
    const group = program.command('keys').description('who may use the gateway: every client gets a key of its own')
    group
      .command('create')
      .description('make a key; it is shown this once, and a running gateway takes it within a second')
      .argument('<name>', 'for people, as the program that gets it')
      .option('--scope <scope...>', `what it may do: ${scopes.join(', ')}`, ['chat'])
      .option('--team <team>', 'whose budget it shares', '')
      .option('--model <pattern...>', 'models that it may use, as claude-*; all of them without it')
      .option('--policy <policy...>', 'routing policies that it may ask for: auto, local-only, cloud-only')
      .option('--expires <time>', 'how long it is good for, as 12h or 90d', durationOf)
      .option('--requests-per-minute <number>', 'limit', countOf)
      .option('--tokens-per-minute <number>', 'limit, prompts and replies together', countOf)
      .option('--parallel <number>', 'requests at the same time', countOf)
      .option('--budget <dollars/period...>', 'as 5/day, 100/month')
      .option('--label <key=value...>', 'your own notes')
      .action((name: string, options: CreateOptions) =>
        withKeys(toolbox, async (ring) => show(await ring.create(wantedOf(name, options), actor()), toolbox)),
      )
    group
      .command('list', { isDefault: true })
      .description('every key, without the keys themselves')
      .action(() => withKeys(toolbox, async (ring) => list(ring, toolbox)))
    group
      .command('rotate')
      .description('a new key for the same holder; the one before is taken for a while')
      .argument('<id>', 'as list shows it')
      .option('--grace <time>', 'how long the one before is still taken; 0s ends it at once', durationOf, 86_400)
      .action((id: string, { grace }: { grace: number }) =>
        withKeys(toolbox, async (ring) => show(await ring.rotate(id, grace, actor()), toolbox)),
      )
    group
      .command('revoke')
      .description('refuse a key from now on')
      .argument('<id>', 'as list shows it')
      .action((id: string) =>
        withKeys(toolbox, async (ring) => {
          const { name } = await ring.revoke(id, actor())
          toolbox.print(toolbox.json() ? JSON.stringify({ id, revoked: true }) : `'${name}' (${id}) is revoked.`)
        }),
      )
  },
} satisfies Command

interface CreateOptions {
  readonly scope: readonly Scope[]
  readonly team: string
  readonly model?: readonly string[]
  readonly policy?: readonly string[]
  readonly expires?: number
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  readonly parallel?: number
  readonly budget?: readonly string[]
  readonly label?: readonly string[]
}

async function withKeys(toolbox: Toolbox, work: (ring: KeyRing) => Promise<void>): Promise<void> {
  const { openKeys, close } = await toolbox.openAccount(toolbox.loadConfig())
  try {
    const ring = await openKeys()
    await work(ring).finally(() => ring.close())
  } finally {
    await close()
  }
}

function wantedOf(name: string, options: CreateOptions) {
  const { scope, team, model, policy, expires, requestsPerMinute, tokensPerMinute, parallel } = options
  const limits = {
    ...(requestsPerMinute !== undefined && { requests_per_minute: requestsPerMinute }),
    ...(tokensPerMinute !== undefined && { tokens_per_minute: tokensPerMinute }),
    ...(parallel !== undefined && { parallel }),
  }
  const parsed = wantedKey.safeParse({
    name,
    team,
    scopes: scope,
    ...(model !== undefined && { models: model }),
    ...(policy !== undefined && { policies: policy }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(options.budget !== undefined && { budgets: options.budget.map(budgetOf) }),
    ...(options.label !== undefined && { labels: Object.fromEntries(options.label.map(labelOf)) }),
    ...(expires !== undefined && { expires_at: new Date(Date.now() + expires * 1000).toISOString() }),
  })
  if (parsed.success) return toNewKey(parsed.data)
  const [issue] = parsed.error.issues
  throw new GatewayError('invalid_request', `${issue?.path.join('.')}: ${issue?.message}`)
}

function show({ text, key }: { readonly text: string; readonly key: ApiKey }, toolbox: Toolbox) {
  if (toolbox.json()) return toolbox.print(JSON.stringify({ key: text, ...shownKey(key) }, undefined, 2))
  toolbox.print(text)
  toolbox.note(
    `This is the key of '${key.name}' (${key.id}). It is shown this once: keep it where its program finds it.`,
  )
}

function list(ring: KeyRing, toolbox: Toolbox) {
  const all = ring.list()
  if (toolbox.json()) return toolbox.print(JSON.stringify(all.map(shownKey), undefined, 2))
  if (all.length === 0) return toolbox.print('There are no keys yet: hybrid keys create NAME makes one.')
  const rows = all.map((key) => {
    const { name, id, team, scopes: may, created_at, last_used_at } = { ...key, ...shownKey(key) }
    return [name, id, team, may.join(' '), stateOf(key), dayOf(created_at), dayOf(last_used_at)]
  })
  const titles = ['name', 'id', 'team', 'scopes', 'state', 'created', 'last used'] as const
  const columns = titles.map((title) => ({ title, ...(title === 'name' && { wraps: true }) }))
  toolbox.print(renderTable(rows, columns, { width: toolbox.columns, isTerminal: toolbox.isTerminal }))
}

function stateOf({ revokedAt, expiresAt, before }: ApiKey): string {
  if (revokedAt !== undefined) return 'revoked'
  if (expiresAt !== undefined && expiresAt <= Date.now()) return 'expired'
  const rotating = before !== undefined && before.until > Date.now() ? ', rotating' : ''
  if (expiresAt === undefined || expiresAt > 8.64e15) return `good${rotating}`
  return `good until ${new Date(expiresAt).toISOString().slice(0, 10)}${rotating}`
}

function dayOf(time: string | null): string {
  return time === null ? 'never' : time.slice(0, 16).replace('T', ' ')
}

function actor(): Actor {
  return { id: 'cli', name: userInfo().username, address: '' }
}

/** `90d` in seconds. */
function durationOf(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) {
    throw new InvalidArgumentError('It must be a number and a unit, as 12h or 90d.')
  }
  return Number(count) * ({ s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit] ?? 0)
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number over 0.')
}

function budgetOf(text: string) {
  const [, dollars, period] = /^\$?(\d+(?:\.\d+)?)\/(day|month)$/.exec(text) ?? []
  if (dollars !== undefined && period !== undefined) return { dollars: Number(dollars), period }
  throw new GatewayError('invalid_request', `--budget is '${text}': write it as 5/day or 100/month`)
}

function labelOf(text: string): readonly [string, string] {
  const [key = '', ...value] = text.split('=')
  if (key !== '' && value.length > 0) return [key, value.join('=')]
  throw new GatewayError('invalid_request', `--label is '${text}': write it as key=value`)
}
