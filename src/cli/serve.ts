import type { Command } from './command.ts'

/** `hybrid serve` */
export const serve = {
  register(program, toolbox) {
    program
      .command('serve')
      .description('start the gateway')
      .option('--port <number>', 'port to listen on')
      .option('--host <address>', 'address to listen on')
      .action(async ({ port, host }: { port?: string; host?: string }) =>
        toolbox.serve(toolbox.loadConfig({ GATEWAY_PORT: port, GATEWAY_HOST: host })),
      )
  },
} satisfies Command
