import { InvalidArgumentError } from 'commander'
import type { Command, Toolbox } from './command.ts'
import { renderTable } from './table.ts'

/** `hybrid audit` */
export const audit = {
  register(program, toolbox) {
    program
      .command('audit')
      .description('what administrators did, newest first')
      .option('--limit <number>', 'so many entries', countOf, 50)
      .action(({ limit }: { limit: number }) => show(limit, toolbox))
  },
} satisfies Command

async function show(limit: number, toolbox: Toolbox): Promise<void> {
  const { audit: store, close } = await toolbox.openAccount(toolbox.loadConfig())
  try {
    const entries = await store.recent(limit)
    if (toolbox.json()) return toolbox.print(JSON.stringify(entries, undefined, 2))
    if (entries.length === 0) return toolbox.print('Nothing was done yet.')
    const rows = entries.map(({ at, actorName, actor, address, action, target, details }) => [
      new Date(at).toISOString().slice(0, 19).replace('T', ' '),
      `${actorName} (${actor})`,
      address,
      action,
      target,
      details.join(', '),
    ])
    const columns = ['when (UTC)', 'who', 'from', 'what', 'of', 'details'].map((title) => ({
      title,
      ...(title === 'details' && { wraps: true }),
    }))
    toolbox.print(renderTable(rows, columns, { width: toolbox.columns, isTerminal: toolbox.isTerminal }))
  } finally {
    await close()
  }
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number over 0.')
}
