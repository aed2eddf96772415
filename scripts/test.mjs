import { runAndExit } from './run.mjs'
import { ensureServices } from './services.mjs'
import { packageRoot, setUp } from './setup.mjs'

const node = setUp({ dev: true })
ensureServices()
const asked = process.argv.slice(2)
const files = asked.some((argument) => !argument.startsWith('-'))
  ? []
  : ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts']
runAndExit(node, ['--test', '--test-isolation=none', ...asked, ...files], { cwd: packageRoot })
