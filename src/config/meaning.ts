import { didYouMean } from './issues.ts'
import type { ConfigProblem } from './problem.ts'
import type { ParsedConfig } from './schema.ts'

/** What the shape alone cannot tell: names that must exist. */
export function checkMeaning(config: ParsedConfig): readonly ConfigProblem[] {
  return [
    ...modelProblems(config),
    ...baselineProblems(config),
    ...aliasProblems(config),
    ...routingProblems(config),
    ...urlProblems(config),
  ]
}

function modelProblems({ models, providers }: ParsedConfig): readonly ConfigProblem[] {
  const known = Object.keys(providers)
  const problems = Object.entries(models)
    .filter(([, model]) => !Object.hasOwn(providers, model.provider))
    .map(([name, { provider }]) => ({
      where: `models.${name}.provider`,
      message: `names no provider: '${provider}'; ${didYouMean(provider, known, 'the known ones are')}`,
    }))
  if (!Object.hasOwn(models, 'auto')) return problems
  return [...problems, { where: 'models.auto', message: 'is the name that means routing: choose another one' }]
}

function baselineProblems({ models, router }: ParsedConfig): readonly ConfigProblem[] {
  const where = 'router.baseline_model'
  const { baseline_model: name } = router
  const enabled = Object.keys(models).filter((key) => models[key]?.enabled)
  if (enabled.includes(name)) return []
  if (Object.hasOwn(models, name)) {
    const message = `is '${name}', which is disabled: name one of ${enabled.join(', ') || '(no model is enabled)'}`
    return [{ where, message }]
  }
  return [{ where, message: `is no configured model: '${name}'; ${didYouMean(name, enabled, 'the models are')}` }]
}

function aliasProblems({ models, router }: ParsedConfig): readonly ConfigProblem[] {
  const enabled = ['auto', ...Object.keys(models).filter((key) => models[key]?.enabled)]
  return Object.entries(router.aliases)
    .filter(([, target]) => !enabled.includes(target))
    .map(([alias, target]) => ({
      where: `router.aliases.${alias}`,
      message: `means no enabled model: '${target}'; ${didYouMean(target, enabled, 'the models are')}`,
    }))
}

/** Models and keys that the policies name. */
function routingProblems({ models, router, server, resilience }: ParsedConfig): readonly ConfigProblem[] {
  const enabled = Object.keys(models).filter((key) => models[key]?.enabled)
  const named: readonly (readonly [where: string, name: string])[] = [
    ...router.check.self_check.map((name, index) => [`router.check.self_check.${index}`, name] as const),
    ...Object.entries(resilience.fallbacks).flatMap(([name, chain]) => [
      [`resilience.fallbacks.${name}`, name] as const,
      ...chain.map((other, index) => [`resilience.fallbacks.${name}.${index}`, other] as const),
    ]),
    ...(router.shadow.judge === undefined ? [] : [['router.shadow.judge', router.shadow.judge] as const]),
  ]
  const unknown = named
    .filter(([, name]) => !enabled.includes(name))
    .map(([where, name]) => ({
      where,
      message: `is no enabled model: '${name}'; ${didYouMean(name, enabled, 'the models are')}`,
    }))
  const strangers = router.key_policies.flatMap(({ keys }, index) =>
    keys.some((key) => !server.keys.includes(key))
      ? [
          {
            where: `router.key_policies.${index}.keys`,
            message: 'holds a key that is not one of server.keys: add it there',
          },
        ]
      : [],
  )
  const needs = ['quality_target', 'max_cost', 'max_latency_seconds', 'budget'] as const
  const unheard = needs
    .filter((key) => router.strategy === 'heuristic' && router[key] !== undefined)
    .map((key) => ({
      where: `router.${key}`,
      message: 'needs router.strategy: evidence: the heuristic cannot keep to it',
    }))
  return [...unknown, ...strangers, ...unheard]
}

/** `localhost:11434` parses as a URL whose scheme is `localhost`. */
function urlProblems({ providers }: ParsedConfig): readonly ConfigProblem[] {
  return Object.entries(providers).flatMap(([name, options]) =>
    Object.entries(options)
      .filter(([key, value]) => /(^|_)url$/.test(key) && typeof value === 'string' && !/^https?:\/\//i.test(value))
      .map(([key]) => ({ where: `providers.${name}.${key}`, message: 'must begin with http:// or https://' })),
  )
}
