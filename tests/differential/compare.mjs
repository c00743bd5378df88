// Puts generated cases to both evaluators and sorts the disagreements into the classes of known.mjs.

import { spawn } from 'node:child_process'
import { existsSync, writeFileSync, mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { anonymousPrincipal, runSimulation } from '@cloud-copilot/iam-simulate'
import { generate, random } from './generate.mjs'
import { KNOWN } from './known.mjs'
import { shrink } from './shrink.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const [count, seed] = process.argv.slice(2).map(Number)

function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(here, '../../target')
  const path = join(target, 'debug/examples/eval_cases')
  if (!existsSync(path)) throw new Error(`${path} is not built`)
  return path
}

/** Our evaluator, kept running: a case a line in, an answer a line out. */
function start() {
  const child = spawn(binary(), { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    ask: async (one) => {
      child.stdin.write(JSON.stringify(one) + '\n')
      return JSON.parse((await lines.next()).value)
    },
    stop: () => child.stdin.end(),
  }
}

function simulation({ request, policies }) {
  const name = (list) => (list ?? []).map((policy, i) => ({ name: `p${i}`, policy }))
  const levels = (list) => (list ?? []).map((level, i) => ({ orgIdentifier: `level-${i}`, policies: name(level) }))
  const { principal } = request
  // The other evaluator has no notion of root's full access in its own account: it is told in a policy.
  const own = principal.kind === 'root' ? [ADMINISTRATOR] : policies.identity
  const who = principal.kind === 'anonymous' ? anonymousPrincipal : (principal.arn ?? principal.service)
  return {
    request: {
      principal: who,
      action: request.action,
      resource: { resource: request.resource, accountId: request.resource_account },
      contextVariables: request.context,
    },
    identityPolicies: name(own),
    permissionBoundaryPolicies: policies.boundary ? name([policies.boundary]) : undefined,
    sessionPolicy: policies.session?.[0],
    resourcePolicy: policies.resource,
    serviceControlPolicies: levels(policies.scp),
    resourceControlPolicies: levels(policies.rcp),
  }
}

const ADMINISTRATOR = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

const WORDS = { Allowed: 'allow', ExplicitlyDenied: 'explicit', ImplicitlyDenied: 'implicit' }

async function theirs(one) {
  const result = await runSimulation(simulation(one), {})
  if (result.resultType === 'error') return { error: JSON.stringify(result.errors) }
  return { reason: WORDS[result.overallResult] ?? result.overallResult }
}

const engine = start()
const disagree = async (one) => {
  const mine = await engine.ask(one)
  if (mine.error) return { mine }
  const other = await theirs(one)
  return { mine, other, differ: !other.error && mine.reason.split(':')[0] !== other.reason }
}

const r = random(seed)
const tally = { allow: 0, explicit: 0, implicit: 0 }
const classes = new Map()
const unsettled = []
let refused = 0
let example
for (let i = 0; i < count; i++) {
  const one = generate(r)
  const { mine, other, differ } = await disagree(one)
  if (mine.error) throw new Error(`case ${i} is refused: ${mine.error}\n${JSON.stringify(one)}`)
  if (other.error) {
    refused++
    example ??= other.error
    continue
  }
  tally[mine.reason.split(':')[0]]++
  if (!differ) continue
  const small = await shrink(one, async (next) => (await disagree(next)).differ)
  const left = await disagree(small)
  const known = KNOWN.find(({ covers }) => covers(small, left.mine.reason, left.other.reason))
  if (known) classes.set(known.name, (classes.get(known.name) ?? 0) + 1)
  else unsettled.push({ ours: left.mine.reason, theirs: left.other.reason, ...small })
}
engine.stop()

console.log(`${count} cases, seed ${seed}: ${tally.allow} allowed, ${tally.explicit} explicitly denied, ${tally.implicit} implicitly denied`)
if (refused) console.log(`${refused} not judged: the other evaluator refuses them, e.g. ${example}`)
for (const [name, times] of classes) console.log(`${times} settled disagreement(s): ${name}`)
if (refused > count / 20) {
  console.log('too many cases are refused to call this a comparison')
  process.exit(1)
}
if (unsettled.length) {
  const path = join(mkdtempSync(join(tmpdir(), 'differential-')), 'unsettled.jsonl')
  writeFileSync(path, unsettled.map((entry) => JSON.stringify(entry)).join('\n') + '\n')
  unsettled.slice(0, 10).forEach((entry) => console.log(JSON.stringify(entry)))
  console.log(`${unsettled.length} unsettled disagreement(s), written to ${path}`)
  process.exit(1)
}
console.log('no unsettled disagreement')
