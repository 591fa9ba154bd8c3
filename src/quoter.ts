/** Opens what a config's `tee` names: where the quotes of a worker, or of a proxy in a TD, come from. */
import type { TeeConfig } from './config.ts'
import { configfsQuoter, dstackQuoter, type Quoter, SoftwareQuotingAuthority, softwareQuoter } from './tee/index.ts'

/** The quoter of `tee`; its paths are absolute. Throws where a software quoting authority cannot be read. */
export async function openQuoter(tee: TeeConfig): Promise<Quoter> {
  if (tee.type === 'configfs') return configfsQuoter(tee.path)
  if (tee.type === 'dstack') return dstackQuoter(tee.path)
  return softwareQuoter(await SoftwareQuotingAuthority.load(tee.directory))
}
