// Classes of disagreement that were settled by AWS's documentation, each with the reason. A disagreement is first
// made as small as it gets; `covers` looks at what is left of it: what it matches is what the two disagree about.

const statements = (one, layer) => {
  const found = one.policies[layer]
  return found === undefined ? [] : [found].flat(3).flatMap((document) => document.Statement)
}
const documents = (one) => Object.values(one.policies).flatMap((found) => [found].flat(3))
const grantsSession = (one) => statements(one, 'resource').some((statement) => {
  const named = JSON.stringify(statement.Principal ?? '')
  return named.includes('"*"') || named.includes(one.request.principal.arn)
})
const all = (one) => Object.keys(one.policies).flatMap((layer) => statements(one, layer))
const operators = (one) => all(one).flatMap((statement) => Object.keys(statement.Condition ?? {}))
// [operator, key, values] of every condition.
const conditions = (one) => all(one).flatMap(({ Condition = {} }) =>
  Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => [operator, key, [values].flat().map(String)])))
const isSession = (one) => ['role-session', 'federated-user'].includes(one.request.principal.kind)

export const KNOWN = [
  {
    name: 'NotPrincipal with Deny that lists the account alone denies its users and roles',
    source: 'IAM User Guide, "Policy elements: NotPrincipal"',
    reason:
      'The documentation\'s example lists a user and its account, and denies everyone but this user: the other users of the ' +
      'account are denied although the account is listed. The other evaluator lets the account stand for all of them.',
    covers: (one, ours, theirs) =>
      ours === 'explicit:resource' && theirs !== 'explicit' && statements(one, 'resource').some((s) => s.NotPrincipal),
  },
  {
    name: 'NotPrincipal with Deny always denies a principal with a permissions boundary',
    source: 'IAM User Guide, "Policy elements: NotPrincipal"',
    reason: 'Said in so many words, regardless of the values listed.',
    covers: (one, ours) =>
      ours === 'explicit:resource' && one.policies.boundary && statements(one, 'resource').some((s) => s.NotPrincipal),
  },
  {
    name: 'what a resource grants to the session itself is not limited by session policies',
    source: 'IAM User Guide, "How AWS enforcement code logic evaluates requests", table of resource-based policies and implicit denies; ' +
      '"Policy elements: Principal", IAM role principals',
    reason:
      'Permissions granted to a session\'s ARN, or to everyone, are granted directly to the session; an implicit deny in a ' +
      'session policy does not limit them. The other evaluator asks the session policy always.',
    covers: (one, ours, theirs) =>
      ours === 'allow' && theirs === 'implicit' && isSession(one) && one.policies.session !== undefined && grantsSession(one),
  },
  {
    name: 'what a trust or key policy grants to the principal itself is not limited by its boundary',
    source: 'the same',
    reason:
      'Trust and key policies differ in that they must allow explicitly; for a principal named directly, or as one of everyone, ' +
      'the rule of the table holds for them as for every resource-based policy.',
    covers: (one, ours, theirs) =>
      ours === 'allow' && theirs === 'implicit' && one.policies.boundary !== undefined && grantsSession(one) &&
      /^(sts|kms):/.test(one.request.action),
  },
  {
    name: 'a federated user without session policies has no permissions',
    source: 'IAM User Guide, "How AWS enforcement code logic evaluates requests", Session policies',
    reason: 'If there is no session policy and the principal is not a role session, the request is implicitly denied.',
    covers: (one, ours, theirs) => ours === 'implicit:session' && theirs === 'allow' && one.policies.session === undefined,
  },
  {
    name: 'dates are compared across their forms',
    source: 'IAM User Guide, "Date condition operators"',
    reason:
      'Values are ISO 8601 or epoch seconds, and both are moments: seconds in the request compare with a date in the policy. ' +
      'The other evaluator does not read a number of seconds as such.',
    covers: (one) => conditions(one).some(([operator, key, asked]) =>
      operator.includes('Date') && [one.request.context[key], ...asked].some((value) => /^\d+$/.test(value))),
  },
  {
    name: '0.0.0.0/0 holds every IPv4 address',
    source: 'IAM User Guide, "IP address condition operators"; RFC 4632',
    reason: 'A prefix of no bits is every address. The other evaluator finds no address in it.',
    covers: (one) => JSON.stringify(one.policies).includes('0.0.0.0/0'),
  },
  {
    name: 'IfExists is true on a missing key, with ForAnyValue too',
    source: 'IAM User Guide, "...IfExists condition operators"',
    reason: 'IfExists can be added to any operator but Null: if the key is not present, the condition element is true.',
    covers: (one) => operators(one).some((operator) => /^ForAnyValue:.*IfExists$/.test(operator)),
  },
  {
    name: '${*}, ${?} and ${$} are characters wherever variables are replaced',
    source: 'IAM User Guide, "Variables and tags", Special characters',
    reason: 'The predefined variables can be used in any string where regular variables can.',
    covers: (one) => /\$\{[*?$]\}/.test(JSON.stringify(one.policies)),
  },
  {
    name: 'an address of one family is in no range of the other',
    source: 'IAM User Guide, "IP address condition operators"',
    reason:
      'NotIpAddress holds for all addresses except those in the range, so for every IPv6 address if the range is IPv4. The other ' +
      'evaluator finds neither IpAddress nor NotIpAddress true then.',
    covers: (one) => conditions(one).some(([operator, key, asked]) =>
      operator.includes('NotIpAddress') && asked.some((range) => range.includes(':') !== one.request.context[key]?.includes(':'))),
  },
  {
    name: 'an empty string is a null data set for ForAllValues and ForAnyValue',
    source: 'IAM User Guide, "Multivalued context keys"',
    reason: 'ForAllValues is true also if the key values resolve to a null data set, such as an empty string; ForAnyValue is false.',
    covers: (one) => operators(one).some((operator) => /^For(All|Any)/.test(operator)) && Object.values(one.request.context).includes(''),
  },
  {
    name: 'a multivalued key under an operator without a qualifier',
    source: 'IAM User Guide, "Multivalued context keys"',
    reason:
      'The documentation asks for a qualifier and says nothing of what happens without: `policy check` warns. Here a list of one is one ' +
      'value, several are equal to nothing, and a Not operator is the opposite of its positive form, as it is for a missing key. The other ' +
      'evaluator finds both forms false, which would make a Deny with a Not operator do nothing.',
    covers: (one) => all(one).some((statement) =>
      Object.entries(statement.Condition ?? {}).some(([operator, keys]) =>
        !/^For|^Null$/.test(operator) && Object.keys(keys).some((key) => Array.isArray(one.request.context[key])))),
  },
  {
    name: 'a federated user is also the user who federated',
    source: 'IAM User Guide, "How AWS enforcement code logic evaluates requests", IAM federated user sessions',
    reason: 'A policy that names the user reaches the session. The other evaluator is not told who federated.',
    covers: (one) =>
      one.request.principal.kind === 'federated-user' && JSON.stringify(statements(one, 'resource')).includes(one.request.principal.user),
  },
  {
    name: 'in version 2008-10-17 a variable is literal text',
    source: 'IAM User Guide, "Variables and tags"',
    reason: 'Without the version 2012-10-17 variables like ${aws:username} are treated as literal strings.',
    covers: (one) => documents(one).some((document) => document.Version === '2008-10-17' && JSON.stringify(document).includes('${')),
  },
]
