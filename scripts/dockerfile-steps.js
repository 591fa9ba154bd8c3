// Runs the steps of the Dockerfile in an empty folder, stage by stage, where there is no Docker engine: COPY copies, RUN runs,
// and the finished stage must answer its entry point. FROM, USER, VOLUME and the like say nothing that can be tried without an image.
//   node scripts/dockerfile-steps.js
import { execFileSync, execSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const context = resolve(import.meta.dirname, '..')
const allowed = readFileSync(join(context, '.dockerignore'), 'utf8')
  .split('\n')
  .filter(line => line.startsWith('!'))
  .map(line => line.slice(1))
const lines = readFileSync(join(context, 'Dockerfile'), 'utf8')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter(line => line && !line.startsWith('#'))
const work = mkdtempSync(join(tmpdir(), 'chrysalis-image-'))
const stages = new Map()
let stage

function step(instruction, rest) {
  if (instruction === 'FROM') {
    stage = { root: join(work, `stage-${stages.size}`), folder: '/', env: {} }
    mkdirSync(stage.root, { recursive: true })
    stages.set(/ AS (\S+)$/i.exec(rest)?.[1] ?? 'final', stage)
  } else if (instruction === 'WORKDIR') {
    stage.folder = rest
    mkdirSync(join(stage.root, rest), { recursive: true })
  } else if (instruction === 'ENV') {
    const [, name, value] = /^(\S+?)=(.*)$/.exec(rest)
    stage.env[name] = value
  } else if (instruction === 'COPY') {
    const words = rest.split(/\s+/)
    const from = words[0].startsWith('--from=') ? stages.get(words.shift().slice(7)) : undefined
    const last = words.pop()
    const intoFolder = words.length > 1 || last.endsWith('/')
    const target = join(stage.root, resolve(stage.folder, last))
    for (const source of words) {
      if (!from && !allowed.includes(source)) throw new Error(`.dockerignore keeps ${source} out of the build context`)
      const path = from ? join(from.root, source) : join(context, source)
      cpSync(path, intoFolder ? join(target, source) : target, { recursive: true, verbatimSymlinks: true })
    }
  } else if (instruction === 'RUN') {
    if (/-o node /.test(rest)) return console.log(`(skipped, needs the image's user) RUN ${rest}`)
    execSync(rest, { cwd: join(stage.root, stage.folder), env: { ...process.env, ...stage.env }, stdio: ['ignore', 'ignore', 'inherit'] })
  } else return
  console.log(`ok ${instruction} ${rest}`)
}

/** Starts the built program, asks it a question, stops it. */
async function tryDev(app) {
  const data = join(work, 'data')
  const child = spawn(process.execPath, ['bin/chrysalis.js', 'dev', '--port', '0', '--data', data], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise(done => child.once('exit', done))
  let output = ''
  for await (const chunk of child.stdout) {
    output += chunk
    if (output.includes('details')) break
  }
  const { baseURL, apiKey } = JSON.parse(readFileSync(join(data, 'dev.json'), 'utf8'))
  const response = await fetch(`${baseURL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'chrysalis-tiny', temperature: 0, messages: [{ role: 'user', content: 'What is 2 + 2?' }] }),
  })
  const { choices } = await response.json()
  child.kill('SIGTERM')
  const code = await exited
  if (response.status !== 200 || code !== 0) throw new Error(`it answered ${response.status} and ended with ${code}`)
  return JSON.stringify(choices[0].message.content)
}

try {
  for (const line of lines) step(...line.split(/\s+(.*)/s))
  const app = join(stage.root, stage.folder)
  console.log(
    `ok the image answers: chrysalis ${execFileSync(process.execPath, ['bin/chrysalis.js', '--version'], { cwd: app, encoding: 'utf8' }).trim()}`,
  )
  console.log(`ok the built program serves: ${await tryDev(app)}`)
  console.log(`size: ${execSync('du -sm . | cut -f1', { cwd: app, encoding: 'utf8' }).trim()} MB beside Node itself`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
