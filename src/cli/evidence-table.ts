import type { EvidenceRow } from '../evidence/evidence.ts'
import type { Toolbox } from './command.ts'
import { renderTable } from './table.ts'

/** For each kind of task and model: what is known of it. */
export function evidenceTable(
  rows: readonly EvidenceRow[],
  { columns, isTerminal }: Pick<Toolbox, 'columns' | 'isTerminal'>,
): string {
  return renderTable(
    rows.map(({ task, model, n, rate, low, high, compared, regret, status, needed }) => [
      task,
      model,
      n.toFixed(n < 10 ? 1 : 0),
      percent(rate),
      `${percent(low)} to ${percent(high)}`,
      String(compared),
      compared === 0 ? '-' : percent(regret),
      status === 'not enough data' ? `needs ${needed} compared` : status,
    ]),
    [
      { title: 'task' },
      { title: 'model' },
      { title: 'judged', align: 'right' },
      { title: 'good', align: 'right' },
      { title: '95 % interval' },
      { title: 'compared', align: 'right' },
      { title: 'loss at most', align: 'right' },
      { title: 'certified' },
    ],
    { width: columns, isTerminal },
  )
}

function percent(value: number): string {
  return `${Math.round(value * 100)} %`
}
