import { fileSchema } from '../config/json-schema.ts'
import { configToObject, configToYaml } from '../config/print.ts'
import { ConfigError } from '../config/problem.ts'
import type { Command, Toolbox } from './command.ts'

/** `hybrid config check`, `print` and `schema` */
export const config = {
  register(program, toolbox) {
    const group = program.command('config').description('check or show the configuration')
    group
      .command('check')
      .description('say whether the configuration can be used, and all that is wrong with it')
      .action(() => check(toolbox))
    group
      .command('print')
      .description('show what is in force, and where each value comes from')
      .action(() => {
        const loaded = toolbox.loadConfig()
        if (toolbox.json()) toolbox.print(JSON.stringify(configToObject(loaded), undefined, 2))
        else toolbox.write(configToYaml(loaded, toolbox.environment))
      })
    group
      .command('schema')
      .description('print the JSON Schema of the file, for editors')
      .action(() => toolbox.print(JSON.stringify(fileSchema(), undefined, 2)))
  },
} satisfies Command

function check({ loadConfig, json, print, note }: Toolbox): void {
  try {
    const { file = null, warnings } = loadConfig()
    if (json()) print(JSON.stringify({ ok: true, file, problems: [], warnings }, undefined, 2))
    else print(file === null ? 'the built-in configuration is fine; there is no file' : `${file} is fine`)
    if (!json()) for (const warning of warnings) note(`warning: ${warning}`)
  } catch (error) {
    // As the result of this command, problems belong on standard output where JSON was asked for.
    if (!json() || !(error instanceof ConfigError)) throw error
    print(JSON.stringify({ ok: false, problems: error.problems }, undefined, 2))
    process.exitCode = 1
  }
}
