/** `chrysalis dev-chain`: a local TON chain for anyone who develops on TON. */
import { resolve } from 'node:path'
import { ConfigError } from './config.ts'
import { DEV_GLOBAL_ID, startDevChain } from './dev-chain/index.ts'
import { messageOf } from './lib/coded-error.ts'
import { createLogger } from './lib/logger.ts'
import { reportReady, stopOnSignal } from './lifecycle.ts'

/** Runs the chain kept in `directory` until SIGTERM. Throws {@link ConfigError} where it cannot start. */
export async function runDevChain(options: { directory: string; host: string; port: number }): Promise<void> {
  const logger = createLogger({ role: 'dev-chain', level: 'info', simulated: true })
  const directory = resolve(options.directory)
  let chain: Awaited<ReturnType<typeof startDevChain>>
  try {
    chain = await startDevChain({ directory, host: options.host, port: options.port, logger })
  } catch (cause) {
    throw new ConfigError(
      'invalid',
      `the chain in ${directory} cannot be started on ${options.host}:${options.port}: ${messageOf(cause)}`,
      { cause },
    )
  }
  logger.info({ url: chain.url, globalId: DEV_GLOBAL_ID }, 'the chain is listening')
  if (process.send === undefined)
    console.error(
      `JSON-RPC for TonClient: ${chain.url}\nglobal id: ${DEV_GLOBAL_ID}\ncoins: {"method": "dev_faucet", "params": {"address": "...", "amount": "1000000000"}}`,
    )
  reportReady({ url: chain.url })
  const stop = async () => {
    await chain.close()
    logger.flush()
  }
  stopOnSignal(stop, undefined, { inTurn: true })
}
