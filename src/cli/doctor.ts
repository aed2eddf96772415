import type { LoadedConfig } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { StartError } from '../core/start-error.ts'
import type { Command, House, ModelFile, Toolbox } from './command.ts'
import {
  checkFolder,
  checkMachine,
  checkNode,
  checkPort,
  checkPython,
  type Finding,
  gigabytes,
} from './doctor-checks.ts'
import { renderTable } from './table.ts'

/** `hybrid doctor` */
export const doctor = {
  register(program, toolbox) {
    program
      .command('doctor')
      .description('look at this machine: what is there, what is missing, how to get it')
      .action(async () => {
        const findings = await examine(toolbox)
        const canAnswer = findings.some(({ part, state }) => part === 'answers' && state !== 'problem')
        toolbox.print(toolbox.json() ? asJson(findings, canAnswer) : asTable(findings, toolbox))
        if (!canAnswer) process.exitCode = 1
      })
  },
} satisfies Command

async function examine(toolbox: Toolbox): Promise<readonly Finding[]> {
  const machine = [checkNode(process.versions.node), checkMachine()]
  let loaded: LoadedConfig
  try {
    loaded = toolbox.loadConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const problems = error.message.split('\n')
    return [...machine, ...problems.map((message): Finding => ({ part: 'configuration', state: 'problem', message }))]
  }

  const { config, file } = loaded
  const configuration: Finding = { part: 'configuration', state: 'ok', message: file ?? 'built-in defaults, no file' }
  const [data, models, port, python, files] = await Promise.all([
    checkFolder('data folder', config.data_dir, 'HYBRID_DATA_DIR'),
    checkFolder('models folder', config.models_dir, 'HYBRID_MODELS_DIR'),
    checkPort(config.server.host, config.server.port),
    checkPython(),
    toolbox.modelFiles(loaded),
  ])
  const here = [...machine, configuration, data, models, port, ...files.map(checkFile)]
  const rooms = await lookInside(loaded, files, toolbox)
  return [...here, ...checkSecrets(loaded, toolbox.environment), python, ...rooms]
}

/** What only the opened rooms know: which providers answer. */
async function lookInside(loaded: LoadedConfig, files: readonly ModelFile[], toolbox: Toolbox) {
  let house: House
  try {
    house = await toolbox.openHouse(loaded)
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    return [{ part: 'start', state: 'problem', message: error.message } satisfies Finding]
  }
  try {
    const providers = Object.keys(loaded.config.providers).flatMap((name) => checkProvider(name, house, files))
    return [...providers, checkAnswers(house, files)]
  } finally {
    await house.close()
  }
}

function checkFile({ model, path, present, wantedBytes }: ModelFile): Finding {
  const part = `file of ${model.name}`
  if (present) return { part, state: 'ok', message: path }
  const size = wantedBytes === undefined ? '' : ` (${gigabytes(wantedBytes)})`
  const message = `not downloaded yet: run 'hybrid models pull ${model.name}'${size}; the gateway also does it at its start`
  return { part, state: 'missing', message }
}

/** One line for a provider: which of its models can answer, and why the others cannot. */
function checkProvider(name: string, house: House, files: readonly ModelFile[]): readonly Finding[] {
  const mine = house.models.filter(
    (model) => model.provider === name && !files.some((file) => file.model.name === model.name),
  )
  if (mine.length === 0) return []
  const part = `provider ${name}`
  const ready = mine.filter((model) => house.availability(model).available)
  const reasons = Map.groupBy(
    mine.filter((model) => !ready.includes(model)),
    (model) => house.availability(model).reason,
  )
  const missing = [...reasons].map(([reason, models]) => `${models.map((model) => model.name).join(', ')}: ${reason}`)
  const there = ready.length === 0 ? [] : [`${ready.map((model) => model.name).join(', ')} can answer`]
  return [{ part, state: ready.length === 0 ? 'missing' : 'ok', message: [...there, ...missing].join('; ') }]
}

/** Variables that the configuration takes secrets from. */
function checkSecrets({ printable }: LoadedConfig, environment: Toolbox['environment']): readonly Finding[] {
  const references = JSON.stringify([printable.providers, printable.server]).matchAll(/"env:([^"]+)"/g)
  const names = new Set([...references].map(([, name]) => name ?? ''))
  return [...names].map((name) =>
    environment[name]?.trim()
      ? { part: name, state: 'ok', message: 'set' }
      : { part: name, state: 'missing', message: 'not set: its models cannot answer until it is' },
  )
}

function checkAnswers({ models, availability }: House, files: readonly ModelFile[]): Finding {
  const part = 'answers'
  const present = files.filter((file) => file.present).map(({ model }) => model.name)
  const ready = models.filter((model) => availability(model).available || present.includes(model.name))
  if (ready.length > 0) return { part, state: 'ok', message: ready.map(({ name }) => name).join(', ') }
  const [first] = files
  if (first === undefined) {
    return {
      part,
      state: 'problem',
      message: 'no model can answer: see the missing parts above, one of them is enough',
    }
  }
  const message = `no model can answer yet: ${first.model.name} does after its download, which npm start begins`
  return { part, state: 'missing', message }
}

function asTable(findings: readonly Finding[], { columns, isTerminal }: Toolbox): string {
  return renderTable(
    findings.map(({ state, part, message }) => [state, part, message]),
    [{ title: 'state' }, { title: 'part' }, { title: 'what was found', wraps: true }],
    { width: columns, isTerminal },
  )
}

function asJson(findings: readonly Finding[], canAnswer: boolean): string {
  return JSON.stringify({ can_answer: canAnswer, findings }, undefined, 2)
}
