import { parseArgs } from 'node:util'
import { startQdrantStandIn } from '../../test/fixtures/stand-ins/qdrant.ts'

/** The stand-in of Qdrant in a process of its own, so that it can be stopped, paused and killed. */
const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } })
await startQdrantStandIn({ port: Number(values.port) })
