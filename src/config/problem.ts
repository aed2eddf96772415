/** One thing that is wrong with the configuration, and where. */
export interface ConfigProblem {
  /** A path of keys (`models.phi2.max_complexity`) or the name of an environment variable. */
  readonly where: string
  readonly message: string
  /** Line of the file, where the key stands in one. */
  readonly line?: number
}

/** The configuration cannot be used. The message lists every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(file: string | undefined, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => describe(file, problem)).join('\n'))
    this.problems = problems
  }
}

function describe(file: string | undefined, { where, message, line }: ConfigProblem): string {
  const place = file !== undefined && line !== undefined ? `${file}:${line}: ` : ''
  return `${place}${where} ${message}`
}
