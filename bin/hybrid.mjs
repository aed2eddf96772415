#!/usr/bin/env node
// Node resolves symbolic links before it loads a program, so the package is found wherever `hybrid` is linked to.
import { join } from 'node:path'
import { runAndExit } from '../scripts/run.mjs'
import { packageRoot, setUp } from '../scripts/setup.mjs'

const node = setUp({ dev: false })
runAndExit(node, [join(packageRoot, 'src', 'main.ts'), ...process.argv.slice(2)])
