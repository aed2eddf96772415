import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gradablePrompts } from '../../bench/router/gradable/prompts.ts'
import { seeded, shuffled } from '../../bench/router/outcomes.ts'

/** Writes the 200 anchors that `hybrid calibrate` asks where no file is given: prompts whose answers are known. */
const shares = { en: 80, de: 40, fr: 40, es: 40 } as const
const all = shuffled(
  gradablePrompts().filter(({ json }) => json === undefined),
  seeded(41),
)
const chosen = Object.entries(shares).flatMap(([code, count]) =>
  all.filter(({ language }) => language === code).slice(0, count),
)
const lines = chosen.map(({ prompt, accepted, rejected }) =>
  JSON.stringify({ prompt, answers: accepted, wrong: rejected }),
)
writeFileSync(join(import.meta.dirname, '../../src/cli/anchors.jsonl'), `${lines.join('\n')}\n`)
