import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configurationPage } from '../src/config/document.ts'
import { fileSchema } from '../src/config/json-schema.ts'
import { errorsPage } from './generate-errors.ts'

/** Writes the files that are made from the code; with `--check` names those that are stale, and writes none. */

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Path and text of each generated file. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const examples = join(root, 'test', 'fixtures', 'config')
  const configuration = configurationPage(
    readdirSync(examples)
      .filter((name) => name.endsWith('.yaml'))
      .sort()
      .map((name) => ({ name: name.replace(/\.yaml$/, ''), yaml: readFileSync(join(examples, name), 'utf8') })),
  )
  return new Map([
    ['config.schema.json', toJson(fileSchema())],
    ['docs/configuration.md', configuration],
    ['docs/errors.md', errorsPage()],
  ])
}

/** As the formatter wants it: a list of plain values stands on one line where it fits. */
function toJson(value: object): string {
  const text = JSON.stringify(value, undefined, 2)
  const flat = text.replace(
    /^(.*)\[\n([^[\]{}]*)\n\s*\](,?)$/gm,
    (list, before: string, items: string, after: string) => {
      const line = `${before}[${items.trim().replaceAll(/\n\s*/g, ' ')}]${after}`
      return line.length <= 120 ? line : list
    },
  )
  return `${flat}\n`
}

/** Paths whose text on disk is not the one that the code would write. */
export function staleFiles(): readonly string[] {
  return [...generatedFiles()].filter(([path, text]) => readOrEmpty(join(root, path)) !== text).map(([path]) => path)
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function main(): void {
  const stale = staleFiles()
  if (process.argv.includes('--check')) {
    for (const path of stale) process.stderr.write(`${path} is stale: run npm run generate\n`)
    if (stale.length > 0) process.exitCode = 1
    else process.stdout.write(`${generatedFiles().size} generated files are fresh\n`)
    return
  }
  for (const [path, text] of generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  process.stdout.write(stale.length === 0 ? 'nothing has changed\n' : `written: ${stale.join(', ')}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
