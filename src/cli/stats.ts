import { InvalidArgumentError } from 'commander'
import type { GroupStatistics, Statistics } from '../account/statistics.ts'
import type { Command, Toolbox } from './command.ts'
import { money } from './money.ts'
import { renderTable } from './table.ts'

interface Window {
  readonly text: string
  readonly milliseconds: number
}

/** `hybrid stats` */
export const stats = {
  register(program, toolbox) {
    program
      .command('stats')
      .description('what was spent and what was saved')
      .option('--window <time>', 'as 24h or 7d; everything where it is left out', parseWindow)
      .action(async ({ window }: { window?: Window }) => {
        const { account, close } = await toolbox.openAccount(toolbox.loadConfig())
        try {
          const since = window === undefined ? 0 : Date.now() - window.milliseconds
          const statistics = await account.statistics(since)
          toolbox.print(toolbox.json() ? JSON.stringify(statistics, undefined, 2) : asText(statistics, window, toolbox))
        } finally {
          await close()
        }
      })
  },
} satisfies Command

function asText(statistics: Statistics, window: Window | undefined, { columns, isTerminal }: Toolbox): string {
  const { total_requests, failed_requests, total_cost, unpriced_requests, savings, cache } = statistics
  const period = window === undefined ? `since ${day(statistics.since)}` : `in the last ${window.text}`
  if (total_requests === 0) {
    return window === undefined ? 'no request was answered yet' : `no request was answered ${period}`
  }

  const sums = renderTable(
    [
      ['would have cost', money(savings.baseline_cost), `at ${savings.baseline_model}`],
      ['saved', money(savings.saved), `${savings.saved_percent} %`],
      ...(unpriced_requests === 0
        ? []
        : [['of unknown cost', String(unpriced_requests), 'requests, in none of the sums']]),
    ],
    [{ title: 'spent' }, { title: money(total_cost), align: 'right' }, { title: period }],
    { width: columns, isTerminal },
  )
  const byModel = renderTable(
    Object.entries(statistics.by_model)
      .sort(([, a], [, b]) => b.cost - a.cost || b.requests - a.requests)
      .map(([name, group]) => modelRow(name, group)),
    [
      { title: 'model' },
      { title: 'requests', align: 'right' },
      { title: 'failed', align: 'right' },
      { title: 'tokens in', align: 'right' },
      { title: 'tokens out', align: 'right' },
      { title: 'cost', align: 'right' },
    ],
    { width: columns, isTerminal },
  )
  const lookups = cache.hits + cache.misses
  const fromCache = `cache: ${cache.hits} of ${lookups} lookups answered (${Math.round(cache.hit_rate * 100)} %)`
  return [sums, byModel, `${fromCache}\nrequests: ${total_requests}, failed: ${failed_requests}`].join('\n\n')
}

function modelRow(name: string, group: GroupStatistics): readonly string[] {
  const { requests, failed, input_tokens, output_tokens, cost } = group
  return [name, ...[requests, failed, input_tokens, output_tokens].map(String), money(cost)]
}

function day(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

function parseWindow(text: string): Window {
  const [, amount, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  if (amount === undefined || unit === undefined)
    throw new InvalidArgumentError('It is a time as in 30m, 24h, 7d or 4w.')
  return { text, milliseconds: Number(amount) * (units[unit] ?? 0) * 1000 }
}
