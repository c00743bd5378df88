// Random cases in the form of `palisade policy eval --case`, from a seed.

const ACCOUNT = '111122223333'
const OTHER = '444455556666'
const USER = `arn:aws:iam::${ACCOUNT}:user/ann`
const ROLE = `arn:aws:iam::${ACCOUNT}:role/app`
const SESSION = `arn:aws:sts::${ACCOUNT}:assumed-role/app/s1`
const FEDERATED = `arn:aws:sts::${ACCOUNT}:federated-user/fred`
const ROOT = `arn:aws:iam::${ACCOUNT}:root`
const SERVICE = 'sns.amazonaws.com'

/** A small, good generator of random numbers (mulberry32). */
export function random(seed) {
  let a = seed >>> 0
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const rnd = {
    below: (n) => Math.floor(next() * n),
    chance: (p) => next() < p,
    pick: (list) => list[Math.floor(next() * list.length)],
    some: (list, most) => {
      const count = 1 + Math.floor(next() * most)
      return Array.from({ length: count }, () => rnd.pick(list))
    },
  }
  return rnd
}

const QUESTIONS = [
  ['s3:GetObject', (r) => `arn:aws:s3:::docs/${r.pick(['a', 'home/ann/x', 'a$b', 'Team/Blue', 'x:y/z'])}`],
  ['s3:PutObject', (r) => `arn:aws:s3:::docs/${r.pick(['a', 'home/ann/x'])}`],
  ['s3:ListBucket', (r) => `arn:aws:s3:::${r.pick(['docs', 'docs2', 'Docs'])}`],
  ['sqs:SendMessage', (r, account) => `arn:aws:sqs:us-east-1:${account}:${r.pick(['queue', 'q1'])}`],
  ['kms:Decrypt', (r, account) => `arn:aws:kms:us-east-1:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`],
  ['sts:AssumeRole', (r, account) => `arn:aws:iam::${account}:role/target`],
]

const ACTIONS = [
  '*', 's3:*', 's3:Get*', 's3:getobject', 's3:?etObject', 's3:PutObject', 's3:*Object', 's3:List*', 'sqs:*', 'sqs:Send*',
  'kms:*', 'kms:Decrypt', 'kms:De*t', 'sts:*', 'sts:AssumeRole', 'ec2:*', 'iam:Get*',
]

const RESOURCES = [
  '*', '*', 'arn:aws:s3:::docs', 'arn:aws:s3:::docs/*', 'arn:aws:s3:::docs*', 'arn:aws:s3:::docs/a', 'arn:aws:s3:::*/a',
  'arn:aws:s3:::docs/home/${aws:username}/*', 'arn:aws:s3:::docs/${aws:PrincipalTag/team}/*', 'arn:aws:s3:::docs/a${$}b',
  "arn:aws:s3:::docs/home/${aws:username, 'ann'}/*", 'arn:aws:s3:::docs/x:*', 'arn:*:s3:::docs/?', 'arn:aws:sqs:*:*:queue',
  `arn:aws:sqs:us-east-1:${ACCOUNT}:*`, 'arn:aws:sqs:us-*-1:*:q?', `arn:aws:kms:us-east-1:${ACCOUNT}:key/*`,
  'arn:aws:kms:*:*:key/1234*', `arn:aws:iam::${ACCOUNT}:role/*`, 'arn:aws:iam::*:role/target', 'arn:aws:iam::*:role/other',
]

// A key, the values a request may have, operators with the values a policy may ask for.
const STRING_OPERATORS = ['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', 'StringLike', 'StringNotLike']
const NUMERIC_OPERATORS = ['NumericEquals', 'NumericNotEquals', 'NumericLessThan', 'NumericLessThanEquals', 'NumericGreaterThan', 'NumericGreaterThanEquals']
const DATE_OPERATORS = ['DateEquals', 'DateNotEquals', 'DateLessThan', 'DateLessThanEquals', 'DateGreaterThan', 'DateGreaterThanEquals']
const ARN_OPERATORS = ['ArnEquals', 'ArnNotEquals', 'ArnLike', 'ArnNotLike']
const KEYS = [
  { key: 'aws:SourceIp', has: ['203.0.113.7', '198.51.100.1', '2001:db8::7'], operators: ['IpAddress', 'NotIpAddress'],
    asks: ['203.0.113.0/24', '203.0.113.7', '203.0.113.7/32', '0.0.0.0/0', '2001:db8::/32', '198.51.100.0/31'] },
  { key: 'aws:PrincipalTag/team', has: ['Blue', 'blue', 'Red', ''], operators: STRING_OPERATORS,
    asks: ['Blue', 'blue', 'B*', '?lue', '${aws:username}', '', '*', '${aws:ResourceTag/none}'] },
  { key: 'aws:UserAgent', has: ['aws-cli/2', 'AWS-CLI/2', 'a*b'], operators: STRING_OPERATORS, asks: ['aws-cli/*', 'aws-cli/2', 'a${*}b', 'a*b'] },
  { key: 'aws:Referer', has: ['http://x/ann', 'http://x/bob'], operators: STRING_OPERATORS, asks: ['http://x/${aws:username}', 'http://x/*', 'http://x/ann'] },
  { key: 'aws:MultiFactorAuthAge', has: ['5', '10', '10.0', '300'], operators: NUMERIC_OPERATORS, asks: ['10', 10, '300', '5', '9.5'] },
  { key: 'aws:CurrentTime', has: ['2023-11-14T22:13:20Z', '2024-02-29T00:00:00Z'], operators: DATE_OPERATORS,
    asks: ['2023-11-14T22:13:20Z', '2024-01-01T00:00:00Z', '2024-02-29', '1700000000'] },
  { key: 'aws:EpochTime', has: ['1700000000', '1709164800'], operators: DATE_OPERATORS, asks: ['2023-11-14T22:13:20Z', '1700000000', '2024-01-01T00:00:00Z'] },
  { key: 'aws:SecureTransport', has: ['true', 'false'], operators: ['Bool'], asks: ['true', 'false', true] },
  { key: 'aws:SourceArn', has: [`arn:aws:sns:us-east-1:${ACCOUNT}:topic`, 'arn:aws:s3:::docs', 'arn:aws:x:y:1:store/a:1:fin/d'], operators: ARN_OPERATORS,
    asks: [`arn:aws:sns:*:${ACCOUNT}:*`, 'arn:aws:s3:::docs', 'arn:aws:s3:::d*', 'arn:*:*:*:*:*', 'arn:aws:x:*:1:fin/*', 'arn:aws:sns:us-east-?:*:topic'] },
  { key: 'aws:PrincipalArn', derived: true, operators: ARN_OPERATORS, asks: [USER, ROLE, ROOT, `arn:aws:iam::${ACCOUNT}:*`, `arn:aws:iam::*:role/a*`] },
  { key: 'aws:PrincipalAccount', derived: true, operators: STRING_OPERATORS, asks: [ACCOUNT, OTHER, '1111*'] },
  { key: 'aws:TagKeys', has: [['a', 'b'], ['a'], ['c'], ['a', 'c'], []], many: true, operators: STRING_OPERATORS, asks: ['a', 'b', 'A', '*', '?'] },
]

function condition(r) {
  const operators = {}
  const count = r.pick([0, 0, 0, 1, 1, 2])
  for (let i = 0; i < count; i++) {
    const entry = r.pick(KEYS)
    let operator = r.pick(entry.operators)
    let asks = entry.asks
    if (r.chance(0.1)) {
      operator = 'Null'
      asks = ['true', 'false', true]
    } else {
      if (entry.many ? r.chance(0.85) : r.chance(0.05)) operator = r.pick(['ForAllValues:', 'ForAnyValue:']) + operator
      if (r.chance(0.25)) operator += 'IfExists'
    }
    const values = operator === 'Null' ? [r.pick(asks)] : r.some(asks, 3)
    operators[operator] ??= {}
    operators[operator][entry.key] = values.length === 1 && r.chance(0.5) ? values[0] : values
  }
  return Object.keys(operators).length ? { Condition: operators } : {}
}

function principal(r, target) {
  const one = r.pick([USER, ROLE, SESSION, FEDERATED, ROOT, ACCOUNT, OTHER, '*', '*'])
  return r.pick([
    '*', { AWS: one }, { AWS: one }, { AWS: [one, r.pick([USER, SESSION, ROLE, ROOT])] }, { Service: SERVICE }, { AWS: target }, { AWS: target },
  ])
}

function statement(r, { allow, named, rcp, trust, target, action, resource }) {
  const effect = r.chance(allow) ? 'Allow' : 'Deny'
  // Half of the statements aim at the question, or nothing would ever be allowed.
  const aimed = r.chance(0.5)
  const actions = aimed ? [action, r.pick(ACTIONS)] : r.some(ACTIONS, 3)
  const resources = aimed ? ['*'] : r.some(RESOURCES, 3)
  const out = { Effect: effect }
  if (named) {
    if (effect === 'Deny' && r.chance(0.2) && !rcp && !trust) {
      out.NotPrincipal = { AWS: r.some([USER, ROLE, SESSION, ROOT, ACCOUNT], 3) }
    } else {
      out.Principal = rcp ? '*' : principal(r, target)
    }
  }
  if (trust) out.Action = r.pick(['sts:AssumeRole', 'sts:*'])
  else if (r.chance(0.15) && !rcp) out.NotAction = actions
  else out.Action = rcp ? actions.filter((a) => a !== '*' && !a.startsWith('ec2') && !a.startsWith('iam')) : actions
  if (out.Action?.length === 0) out.Action = ['s3:*']
  if (!trust) {
    if (r.chance(0.15)) out.NotResource = resources
    else out.Resource = resources.length === 1 ? resources[0] : resources
  }
  return { ...out, ...condition(r) }
}

function policy(r, options) {
  const count = 1 + r.below(3)
  const version = options.rcp || r.chance(0.92) ? '2012-10-17' : '2008-10-17'
  return { Version: version, Statement: Array.from({ length: count }, () => statement(r, options)) }
}

function who(r) {
  return r.pick([
    { kind: 'user', arn: USER }, { kind: 'user', arn: USER }, { kind: 'role-session', arn: SESSION, role: ROLE },
    { kind: 'role-session', arn: SESSION, role: ROLE }, { kind: 'federated-user', arn: FEDERATED, user: USER },
    { kind: 'root', arn: ROOT }, { kind: 'service', service: SERVICE }, { kind: 'anonymous' },
  ])
}

function context(r, principal) {
  const out = {}
  for (const { key, has, derived } of KEYS) {
    if (!derived && r.chance(0.6)) out[key] = r.pick(has)
  }
  // What AWS derives is given to both, for the other evaluator derives nothing.
  const owned = principal.arn !== undefined
  if (owned) out['aws:PrincipalArn'] = principal.role ?? principal.arn
  out['aws:PrincipalAccount'] = owned ? ACCOUNT : 'anonymous'
  if (principal.kind === 'service') delete out['aws:PrincipalAccount']
  if (principal.kind === 'user') out['aws:username'] = 'ann'
  return out
}

/** One case. */
export function generate(r) {
  const principal = who(r)
  const account = r.pick([ACCOUNT, ACCOUNT, OTHER])
  const [action, resourceOf] = r.pick(QUESTIONS)
  const resource = resourceOf(r, account)
  const aim = { action, resource, target: principal.arn ?? '*' }
  const own = { ...aim, allow: 0.85, named: false }
  const trust = action === 'sts:AssumeRole'
  const policies = {}
  const signed = principal.arn !== undefined
  const limited = signed && principal.kind !== 'root'
  if (limited && r.chance(0.8)) policies.identity = Array.from({ length: 1 + r.below(3) }, () => policy(r, own))
  if (limited && r.chance(0.3)) policies.boundary = policy(r, own)
  const session = principal.kind === 'federated-user' ? 0.7 : principal.kind === 'role-session' ? 0.3 : 0
  if (r.chance(session)) policies.session = [policy(r, own)]
  if (r.chance(0.6) || trust) policies.resource = policy(r, { ...aim, allow: 0.8, named: true, trust })
  if (signed && r.chance(0.3)) policies.scp = [[full()], [policy(r, { ...own, allow: 0.9 })], [full()]]
  if (r.chance(0.2)) policies.rcp = [[policy(r, { ...aim, allow: 0, named: true, rcp: true })]]
  return { request: { principal, action, resource, resource_account: account, context: context(r, principal) }, policies }
}

function full() {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
}
