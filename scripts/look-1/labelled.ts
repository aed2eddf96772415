import type { Outcome } from '../../bench/router/outcomes.ts'
import { seeded } from '../../bench/router/outcomes.ts'
import type { TaskKind } from '../../src/core/evidence.ts'
import { cues } from './cues.ts'
import { languages } from './templates.ts'

/** A prompt whose kind of task, or whose difficulty for small models, is known. */
export interface Labelled {
  readonly prompt: string
  /** Where it comes from: a source, or a language of the templates. */
  readonly group: string
  readonly kind: TaskKind | undefined
  /** Share of the small models that failed; undefined where none was asked. */
  readonly failed: number | undefined
  /** True where it is kept from the fit of the kinds, to be counted. */
  readonly held: boolean
}

/** Small models of each source: what is hard is hard for these. */
const smallModels: Readonly<Record<string, readonly string[]>> = {
  'mmlu-pro': [
    'Mistral-7B-Instruct-v0.2',
    'Phi-3-mini-4k-instruct',
    'Meta-Llama-3_1-8B-Instruct',
    'gemma-7b',
    'Qwen1.5-7B-Chat',
    'Yi-6b-Chat',
  ],
  paretobandit: ['llama-3.1-8b-instruct'],
  'zeroeval-gsm': ['gemma-2-2b-it', 'Phi-3.5-mini-instruct', 'Meta-Llama-3-8B-Instruct', 'Qwen2-7B-Instruct'],
  'qlora-oasst': ['7b-guanaco', '13b-guanaco', 'vicuna-13b'],
}

const exact = new Set(['math', 'physics', 'chemistry', 'engineering'])

/** The kind of task that a source's own category means; undefined where it means none. */
export function kindOfCategory(source: string, category: string): TaskKind | undefined {
  if (source === 'mmlu-pro') return exact.has(category) ? 'mathematics' : 'choice'
  if (source === 'zeroeval-gsm') return 'arithmetic'
  if (source !== 'paretobandit') return undefined
  if (category === 'gsm8k' || category.includes('arithmetic') || category.includes('counting')) return 'arithmetic'
  if (category === 'mbpp') return 'code'
  if (category === 'truthful_qa') return 'fact'
  if (category.startsWith('bbh/') || category === 'winogrande' || category === 'hellaswag') return 'logic'
  return 'choice'
}

export function failureOf(source: string, { scores }: Outcome): number | undefined {
  const known = (smallModels[source] ?? []).flatMap((model) => scores[model] ?? [])
  return known.length === 0 ? undefined : 1 - known.reduce((sum, score) => sum + score, 0) / known.length
}

/** Of a large source so many prompts teach the kinds. */
const mostOfKind = 1500

export function labelled(
  outcomes: readonly (readonly [source: string, outcomes: readonly Outcome[]])[],
): readonly Labelled[] {
  const random = seeded(7)
  const fromSources = outcomes.flatMap(([source, all]) =>
    all.map(
      (outcome): Labelled => ({
        prompt: outcome.prompt,
        group: source,
        kind: kindOfCategory(source, String(outcome.meta.category)),
        failed: failureOf(source, outcome),
        held: random() < 0.2,
      }),
    ),
  )
  const counts = new Map<string, number>()
  const bounded = fromSources.map((item): Labelled => {
    const key = `${item.group}/${item.kind}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    // The others count as held out: they are not fitted on either.
    return count > mostOfKind ? { ...item, held: true } : item
  })
  const texts = outcomes.flatMap(([, all]) => all.map(({ prompt }) => prompt.replaceAll(/\s+/g, ' ').slice(0, 400)))
  return [...bounded, ...fromTemplates(), ...fromCues(), ...onTexts(texts)]
}

/** A phrase, and the phrase before a passage, whose words then mean nothing. */
function fromCues(): readonly Labelled[] {
  const random = seeded(13)
  const passages = Object.values(languages).flatMap((language) => [...language.passages, ...language.topics])
  return Object.entries(cues).flatMap(([kind, phrases]) =>
    phrases.flatMap((phrase) => {
      const other = passages[Math.floor(random() * passages.length)] ?? ''
      return [phrase, `${phrase} ${other}`, `${other} ${phrase}`].map(
        (prompt): Labelled => ({ prompt, group: 'cues', kind: kind as TaskKind, failed: undefined, held: false }),
      )
    }),
  )
}

/** Kinds of task that are about a text, whatever that text is about. */
const aboutTexts: ReadonlySet<string> = new Set(['extract', 'classify', 'summarize', 'translate', 'rewrite'])
const textsOfPhrase = 6

/** Phrases before and behind texts of other kinds: what a text is about says nothing of what is to be done with it. */
function onTexts(texts: readonly string[]): readonly Labelled[] {
  const random = seeded(17)
  const english = languages.en?.templates ?? {}
  return Object.entries(cues).flatMap(([kind, phrases]) => {
    if (!aboutTexts.has(kind)) return []
    const forms = (english[kind as TaskKind] ?? [])
      .filter((form, index) => form.includes('{x}') && index % 5 !== 4)
      .flatMap((form) => Array.from({ length: 4 }, () => form))
    return [...phrases.map((phrase) => `${phrase}: {x}`), ...forms].flatMap((form) =>
      Array.from({ length: textsOfPhrase }, (): Labelled => {
        const text = texts[Math.floor(random() * texts.length)] ?? ''
        const from = Math.floor(random() * Math.max(1, text.length - 120))
        const passage = text.slice(from, from + 80 + Math.floor(random() * 240))
        const prompt = form.replaceAll('{x}', () => passage).replaceAll('{t}', 'it')
        return { prompt, group: 'texts', kind: kind as TaskKind, failed: undefined, held: random() < 0.1 }
      }),
    )
  })
}

/** Every fifth template of a language is held out with all that is made of it. */
function fromTemplates(): readonly Labelled[] {
  const random = seeded(11)
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  return Object.entries(languages).flatMap(([code, { topics, passages, templates }]) =>
    Object.entries(templates).flatMap(([kind, forms]) =>
      forms.flatMap((form, index) =>
        Array.from({ length: form.includes('{') ? 5 : 3 }, (): Labelled => {
          const prompt = form
            .replaceAll('{t}', () => pick(topics))
            .replaceAll('{x}', () => pick(passages))
            .replaceAll(/\{[nm]\}/g, () => String(2 + Math.floor(random() ** 2 * 500)))
          return {
            prompt,
            group: `templates ${code}`,
            kind: kind as TaskKind,
            failed: undefined,
            held: index % 5 === 4,
          }
        }),
      ),
    ),
  )
}
