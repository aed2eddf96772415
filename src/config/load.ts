import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ModelCard } from '../core/model.ts'
import { defaultConfig } from './defaults.ts'
import { readEnvironment } from './environment.ts'
import { readConfigFile } from './file.ts'
import { describeIssues } from './issues.ts'
import { checkMeaning } from './meaning.ts'
import { buildModels } from './models.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { configSchema, type ParsedConfig } from './schema.ts'
import { openSecrets, resolveSecrets } from './secrets.ts'
import { getAt, merge, setAt, type Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The configuration as the rooms use it. */
export interface Config extends Omit<ParsedConfig, 'models'> {
  readonly models: readonly ModelCard[]
  readonly baseline: ModelCard
}

export interface LoadedConfig {
  readonly config: Config
  /** With references in place of secrets: safe to print. */
  readonly printable: ParsedConfig
  /** The YAML file that was read, if there was one. */
  readonly file: string | undefined
  /** Where each value that is not a built-in default comes from, by its dotted path. */
  readonly origins: ReadonlyMap<string, string>
  /** Things to say once that are no errors. */
  readonly warnings: readonly string[]
  /** Values of secrets, so that logs can be scrubbed. */
  readonly secrets: readonly string[]
}

export interface LoadOptions {
  readonly environment: Environment
  /** Path of the YAML file; without one, `HYBRID_CONFIG`, else `hybrid.yaml` in `projectDir`, else none. */
  readonly file?: string
  readonly projectDir: string
}

/** Reads defaults, file and environment, each over the one before. Throws `ConfigError` with every problem found. */
export function loadConfig({ environment, file: named, projectDir }: LoadOptions): LoadedConfig {
  const file = readConfigFile(named ?? environment.HYBRID_CONFIG, projectDir)
  const overlay = readEnvironment(environment)

  const origins = new Map<string, string>()
  let tree: Tree = merge(defaultConfig(defaultFolders(environment, projectDir)), file?.tree ?? {}, (path) =>
    origins.set(path.join('.'), file?.path ?? ''),
  )
  for (const { path, value, from, append } of overlay.values) {
    const before = getAt(tree, path)
    tree = setAt(tree, path, append && Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value)
    origins.set(path.join('.'), from)
  }

  const parsed = configSchema.safeParse(tree)
  const secrets = resolveSecrets(tree, environment)
  // Values that a reference brings in are checked too; what is wrong with them is said only when the rest is right.
  const resolved = parsed.success ? configSchema.safeParse(secrets.resolved) : parsed
  const problems = [
    ...openSecrets(tree),
    ...secrets.problems,
    ...unsetKeys(tree, environment),
    ...(resolved.success
      ? checkMeaning(resolved.data)
      : describeIssues(resolved.error.issues, parsed.success ? secrets.resolved : tree)),
  ]
  const placed = [...overlay.problems, ...problems.map((problem) => place(problem, origins, file))]
  if (placed.length > 0 || !parsed.success || !resolved.success) throw new ConfigError(file?.path, placed)

  const usable = resolved.data
  const models = buildModels(usable)
  const baseline = models.find(({ name }) => name === usable.router.baseline_model)
  if (baseline === undefined) throw new Error('the baseline was checked and is gone')

  return {
    config: { ...usable, data_dir: resolve(usable.data_dir), models_dir: resolve(usable.models_dir), models, baseline },
    printable: parsed.data,
    file: file?.path,
    origins,
    warnings: [...overlay.warnings, ...priceWarnings(models, usable)],
    secrets: secrets.values,
  }
}

function defaultFolders(environment: Environment, projectDir: string) {
  const cache = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache')
  return { data: join(projectDir, 'data'), models: join(cache, 'hybrid-ai-stack', 'models') }
}

/** A key that refers to nothing would leave the door open that it was meant to lock. */
function unsetKeys(tree: Tree, environment: Environment): readonly ConfigProblem[] {
  const keys = getAt(tree, ['server', 'keys'])
  if (!Array.isArray(keys)) return []
  return keys
    .filter((key) => typeof key === 'string' && key.startsWith('env:') && !environment[key.slice(4)]?.trim())
    .map((key) => ({ where: 'server.keys', message: `refers to ${key}, which is not set: set it, or remove the key` }))
}

/** Whoever mends it must look where it was written: at a line of the file, or at a variable. */
function place(
  problem: ConfigProblem,
  origins: ReadonlyMap<string, string>,
  file: ReturnType<typeof readConfigFile>,
): ConfigProblem {
  const origin = origins.get(problem.where)
  if (origin !== undefined && origin !== file?.path) return { ...problem, where: `${problem.where} (from ${origin})` }
  const line = file?.lineOf(problem.where)
  return line === undefined ? problem : { ...problem, line }
}

function priceWarnings(models: readonly ModelCard[], { models: configured }: ParsedConfig): readonly string[] {
  return models
    .filter(({ name, price, auto }) => auto && !price.known && configured[name]?.price === undefined)
    .map(({ name, id }) => {
      return `the price of model '${name}' (${id}) is not known: its cost is shown as unknown until models.${name}.price is set`
    })
}
