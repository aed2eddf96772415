import assert from 'node:assert/strict'
import type { Receipt } from '../../src/core/receipt.ts'
import { openTestGateway } from '../fixtures/gateway.ts'
import type { Failure } from '../fixtures/stand-ins/script.ts'
import { type Client, type Seen, seenBy } from './faults-clients.ts'
import {
  answerTimeoutSeconds,
  calm,
  environment,
  type Fault,
  failNext,
  hurried,
  type Server,
  ways,
} from './faults-servers.ts'

/** What became of one fault, for one client and one kind of server. */
export interface Outcome {
  readonly fault: Fault
  readonly client: Client
  readonly stream: boolean
  readonly server: Server
  readonly seen: Seen
  readonly row: Receipt
  /** True where the client got the very error body that the server sent. */
  readonly passedOn: boolean
}

/** Time limits: none that matters, short ones of the providers, or a short one of whole answers. */
export type Limits = 'calm' | 'hurried' | 'impatient'

/** A gateway with one model for each server, named as its kind, and perhaps `spare`, which comes last in every plan. */
export async function openGateway(
  servers: readonly Server[],
  limits: Limits,
  { withSpare = false, heartbeatMs = 10_000 }: { readonly withSpare?: boolean; readonly heartbeatMs?: number } = {},
) {
  const spare = { provider: 'echo', id: 'spare', price: { input: 50, output: 250 }, max_complexity: 1 }
  const gateway = await openTestGateway({
    environment,
    heartbeatMs,
    config: {
      cache: { enabled: false },
      ...(limits === 'impatient' && { limits: { answer_timeout_seconds: answerTimeoutSeconds } }),
      providers: Object.fromEntries(
        servers.map(({ kind, options }) => [
          kind,
          {
            kind,
            ...(limits === 'hurried' ? hurried : calm),
            connect_timeout_ms: 20_000,
            ...(kind === 'ollama' && { parallel: 1000 }),
            ...options,
          },
        ]),
      ),
      models: {
        ...Object.fromEntries(
          servers.map(({ kind, modelId }) => [
            kind,
            {
              provider: kind,
              id: modelId,
              max_complexity: 1,
              price: { input: 3, output: 15 },
              ...(kind === 'ollama' && { backend: 'cloud' }),
            },
          ]),
        ),
        ...(withSpare && { spare: { ...spare, backend: 'cloud' } }),
      },
    },
  })
  // The same model fails again and again, and must be asked all the same.
  const { health } = gateway.house.rooms.availability
  const nothing = () => {}
  health.enter = () => ({ began: nothing, succeeded: nothing, failed: nothing, abandoned: nothing })
  return { gateway, url: await gateway.listen() }
}

export type OpenGateway = Awaited<ReturnType<typeof openGateway>>

/** All outcomes, in the order of the faults, the clients and the servers. */
export async function runFaults(faults: readonly Fault[], servers: readonly Server[]): Promise<readonly Outcome[]> {
  const gateways = {
    calm: await openGateway(servers, 'calm'),
    hurried: await openGateway(servers, 'hurried'),
    impatient: await openGateway(servers, 'impatient'),
  }
  try {
    // One fault after the other for each server, whose next replies are scripted.
    const columns = await Promise.all(servers.map((server) => runServer(server, faults, gateways)))
    return faults.flatMap((fault) => columns.flat().filter((outcome) => outcome.fault === fault))
  } finally {
    await Promise.all(Object.values(gateways).map(({ gateway }) => gateway.close()))
  }
}

function limitsOf({ meetsLimit }: Fault, { kind }: Failure, passesWhole: boolean): Limits {
  if (!meetsLimit) return 'calm'
  return passesWhole && kind !== 'hang' ? 'impatient' : 'hurried'
}

/** What the server answers where it can answer with a status. */
function bodyOf(failure: Failure, { errorBody }: Server): string | undefined {
  if (failure.kind === 'status') return JSON.stringify(failure.body)
  return failure.kind === 'error-event' ? JSON.stringify(errorBody(failure.error)) : undefined
}

async function runServer(
  server: Server,
  faults: readonly Fault[],
  gateways: Readonly<Record<Limits, OpenGateway>>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const fault of faults) {
    const failure = fault.failure(server)
    const asked = ways.map(async ({ client, stream }, index) => {
      failNext(server, client.name, failure)
      const { gateway, url } = gateways[limitsOf(fault, failure, !stream && client.name in server.paths)]
      const id = `fault-${server.kind}-${outcomes.length + index}`
      const seen = await seenBy({ url, client, model: server.kind, stream, id })
      const row = await gateway.house.account.find(id)
      assert.ok(row !== undefined, id)
      const passedOn = seen.body === bodyOf(failure, server)
      return { fault, client, stream, server, seen, row, passedOn }
    })
    outcomes.push(...(await Promise.all(asked)))
  }
  return outcomes
}
