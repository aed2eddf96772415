import type { TaskKind } from '../core/evidence.ts'

/** How hard a kind of task is, in logits on the scale of abilities. Where each comes from: docs/routing.md. */
export const taskHardness: Readonly<Record<TaskKind, number>> = {
  // Fitted by scripts/look-1/fit-abilities.ts.
  fact: -0.45,
  choice: 0.99,
  arithmetic: -0.47,
  mathematics: 1.71,
  logic: -0.28,
  code: -0.16,
  extract: -0.46,
  classify: -0.53,
  // No data here: by judgement, between the fitted ones.
  chat: -1.2,
  summarize: -0.2,
  rewrite: -0.1,
  explain: 0.2,
  translate: 0.3,
  write: 0.3,
  tools: 0.5,
  other: 0.3,
}
