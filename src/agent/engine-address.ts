/** Prompts leave the agent in the clear towards its engine, so the engine has to be on this machine. */
import { BlockList, isIP } from 'node:net'
import { AgentError } from './errors.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether `url` is an http address of the loopback interface, written as an address or as `localhost`. */
export function isLoopback(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  const host = bare(hostname)
  const family = isIP(host)
  return protocol === 'http:' && (family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4'))
}

/** Throws `AgentError` `unsafe-engine` unless {@link isLoopback}. */
export function requireLoopback(url: string): void {
  if (isLoopback(url)) return
  const host = bare(new URL(url).hostname)
  throw new AgentError(
    'unsafe-engine',
    `engine.url: ${host} is not this machine, and prompts would travel to it unprotected; put the engine on 127.0.0.1, or set engine.dangerously_allow_remote where that network is inside the same enclave`,
  )
}

/** An IPv6 address without its brackets. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
