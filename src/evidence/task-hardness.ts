import type { TaskKind } from '../core/evidence.ts'

/** How hard a kind of task is, in logits on the scale of abilities. Where each comes from: docs/data-card.md. */
export const taskHardness: Readonly<Record<TaskKind, number>> = {
  chat: -1.5,
  fact: 0.2,
  explain: 0.6,
  choice: 0.5,
  arithmetic: 0.2,
  mathematics: 1.4,
  logic: 0.6,
  code: 0.9,
  extract: -0.3,
  classify: -0.2,
  summarize: 0,
  translate: 0.4,
  rewrite: 0,
  write: 0.5,
  tools: 0.7,
  other: 0.6,
}
