/** Which GPUs are accepted beside the TD. What verified evidence says is judged device by device; no rule here can make up for the missing tie between GPU and TD. */
import { z } from 'zod'
import type { GpuBinding, GpuFacts } from '../gpu/verify.ts'
import type { DeviceFacts } from '../gpu/verify-device.ts'
import { driverAtLeast, vbiosAtLeast } from '../gpu/version.ts'
import { allows, digest, type Judgement, listOrAny } from './fields.ts'

const chip = z.string().regex(/^[A-Z]{2}_?[0-9A-Z]{2,6}$/, 'must be a chip as certificates name it, such as GH100')
const driver = z.string().regex(/^\d{1,5}(?:\.\d{1,5}){1,3}$/, 'must be a driver version, such as 550.90.07')
const vbios = z.string().regex(/^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/, 'must be a VBIOS version, such as 96.00.A5.00.01')

const rules = z.strictObject({
  /** GPUs; switches do not count. */
  min_count: z.int().min(1).max(16),
  architectures: listOrAny(z.enum(['HOPPER', 'BLACKWELL', 'LS10'])),
  /** Of GPUs; a switch has no driver of its own. */
  min_driver: z.union([z.literal('any'), driver], 'must be a driver version, or "any"'),
  /** By chip; a chip that is not named is refused. */
  min_vbios: z.union(
    [z.literal('any'), z.record(chip, vbios).refine(floors => Object.keys(floors).length > 0, 'names no chip; name one or say "any"')],
    'must be versions by chip, or "any"',
  ),
  models: listOrAny(chip),
  /** UEIDs: the serial number of the device's certificate. */
  devices: listOrAny(z.string().regex(/^\d{1,64}$/, 'must be a UEID in decimal')),
  /** Reference manifests (RIM): every device must measure as they say; those shown must be of these files, or any that NVIDIA signed. */
  rims: z.union(
    [z.literal('not-compared'), z.strictObject({ required: listOrAny(digest) })],
    'must be "not-compared", or say what is required',
  ),
  /** The least that is accepted. */
  bound: z.enum(['report-data', 'nonce-only', 'none']),
  nras: z.enum(['required', 'not-required']),
})

export const gpuMembers = {
  /** `any`: with GPUs or without, and what evidence of GPUs says is not judged. */
  gpu: z.union([z.literal('any'), rules], 'must be "any", or rules for GPUs'),
}

type GpuRules = z.output<z.ZodObject<typeof gpuMembers>>

/** What is judged: verified evidence, and the digests (`sha256:…`) of the manifests that came with it. */
export interface ShownGpus {
  readonly facts: GpuFacts
  readonly manifests: readonly string[]
}

const strength: Readonly<Record<GpuBinding, number>> = { none: 0, 'nonce-only': 1, 'report-data': 2 }

/** Judges verified GPUs; undefined where no evidence of any is shown. */
export function judgeGpu(shown: ShownGpus | undefined, { gpu }: GpuRules): Judgement[] {
  if (gpu === 'any') return []
  if (!shown) return [{ name: 'GPU evidence is shown', ok: false, reason: 'no GPU evidence is shown' }]
  const { devices, bound, nras } = shown.facts
  const count = devices.filter(({ kind }) => kind === 'gpu').length
  return [
    { name: 'GPU evidence is shown', ok: true, reason: '' },
    { name: 'GPUs are enough', ok: count >= gpu.min_count, reason: `${count} GPUs are shown, of at least ${gpu.min_count}` },
    {
      name: 'GPU evidence is bound as asked',
      ok: strength[bound] >= strength[gpu.bound],
      reason: `the GPU evidence is bound by ${bound}, not by ${gpu.bound}`,
    },
    ...devices.flatMap(device => judgeDevice(device, gpu)),
    ...judgeManifests(shown.manifests, gpu.rims),
    ...(gpu.nras === 'required'
      ? [{ name: 'NVIDIA’s service vouches for the GPUs', ok: nras !== null, reason: 'no token of NVIDIA’s service is shown and verified' }]
      : []),
  ]
}

function judgeDevice(device: DeviceFacts, rules: Exclude<GpuRules['gpu'], 'any'>): Judgement[] {
  const { name, architecture, hardware, serial, measurements } = device
  const model = hardware.split(' ', 1)[0]!
  const floor = rules.min_vbios === 'any' ? undefined : rules.min_vbios[model]
  return [
    {
      name: `architecture of ${name} is accepted`,
      ok: allows<string>(rules.architectures, architecture),
      reason: `the architecture of ${name} is ${architecture}`,
    },
    { name: `model of ${name} is accepted`, ok: allows(rules.models, model), reason: `the model of ${name} is ${model}` },
    { name: `${name} is an accepted device`, ok: allows(rules.devices, serial), reason: `the UEID of ${name} is ${serial}` },
    ...(device.kind === 'gpu'
      ? [
          {
            name: `driver of ${name} is recent enough`,
            ok: rules.min_driver === 'any' || (device.driver !== null && driverAtLeast(device.driver, rules.min_driver)),
            reason: `the driver of ${name} is ${device.driver ?? 'not stated'}, below ${rules.min_driver}`,
          },
        ]
      : []),
    {
      name: `VBIOS of ${name} is recent enough`,
      ok: rules.min_vbios === 'any' || (floor !== undefined && vbiosAtLeast(device.vbios, floor)),
      reason: floor ? `the VBIOS of ${name} is ${device.vbios}, below ${floor}` : `the policy names no VBIOS for ${name}, a ${model}`,
    },
    ...(rules.rims === 'not-compared'
      ? []
      : [
          {
            name: `${name} measures as published`,
            ok: measurements === 'matched',
            reason: `the measurements of ${name} are not compared with NVIDIA’s: no manifest for them is shown`,
          },
        ]),
  ]
}

function judgeManifests(shown: readonly string[], rule: Exclude<GpuRules['gpu'], 'any'>['rims']): Judgement[] {
  if (rule === 'not-compared') return []
  const others = shown.filter(file => !allows(rule.required, file))
  return [
    {
      name: 'reference manifests are accepted',
      ok: others.length === 0,
      reason: `reference manifests that are not in the policy: ${others.join(', ')}`,
    },
  ]
}
