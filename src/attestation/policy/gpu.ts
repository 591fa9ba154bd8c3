/** Which GPUs are accepted beside the TD. */
import { z } from 'zod'

export const gpuMembers = {
  /** `any`: with GPUs or without, and what evidence of GPUs says is not judged. */
  gpu: z.literal('any'),
}
