/** Prompts leave the agent in the clear towards its engine, so the engine has to be on this machine. */
import { BlockList, isIP } from 'node:net'
import { AgentError } from './errors.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Throws `AgentError` `unsafe-engine` unless `url` is an http address of the loopback interface, written as an address or as `localhost`. */
export function requireLoopback(url: string): void {
  const { protocol, hostname } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const family = isIP(host)
  const isHere = family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
  if (protocol === 'http:' && isHere) return
  throw new AgentError(
    'unsafe-engine',
    `engine.url: ${host} is not this machine, and prompts would travel to it unprotected; put the engine on 127.0.0.1, or set engine.dangerously_allow_remote where that network is inside the same enclave`,
  )
}
