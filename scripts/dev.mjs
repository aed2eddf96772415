// The gateway with a model that repeats what it hears, restarting when a file is saved.
import { join } from 'node:path'
import { runAndExit } from './run.mjs'
import { packageRoot, setUp } from './setup.mjs'

const node = setUp({ dev: true })
const config = join(packageRoot, 'test', 'fixtures', 'config', 'echo.yaml')
const main = join(packageRoot, 'src', 'main.ts')
runAndExit(node, ['--watch', main, '--config', config, 'serve', ...process.argv.slice(2)], { cwd: packageRoot })
