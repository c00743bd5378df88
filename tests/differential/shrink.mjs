// Makes a disagreement as small as it gets: drops policies, statements, conditions, values while it lasts.

/** All cases that are one step smaller. */
function* smaller(one) {
  const copy = () => structuredClone(one)
  for (const layer of Object.keys(one.policies)) {
    // A role has a trust policy and a key a key policy, always.
    if (layer === 'resource' && /^(sts|kms):/.test(one.request.action)) continue
    const next = copy()
    delete next.policies[layer]
    yield next
  }
  for (const path of documents(one)) {
    const document = at(one, path)
    for (let i = 0; document.Statement.length > 1 && i < document.Statement.length; i++) {
      const next = copy()
      at(next, path).Statement.splice(i, 1)
      yield next
    }
    for (let i = 0; i < document.Statement.length; i++) {
      for (const field of ['Condition', 'Action', 'NotAction', 'Resource', 'NotResource', 'Principal', 'NotPrincipal']) {
        const value = document.Statement[i][field]
        if (value === undefined) continue
        const next = copy()
        const target = at(next, path).Statement[i]
        if (field === 'Condition') {
          delete target.Condition
          yield next
          yield* conditions(one, path, i)
        } else {
          const list = value.AWS ?? value
          for (let j = 0; Array.isArray(list) && list.length > 1 && j < list.length; j++) {
            const shorter = copy()
            const there = at(shorter, path).Statement[i][field]
            ;(there.AWS ?? there).splice(j, 1)
            yield shorter
          }
        }
      }
    }
  }
  for (const key of Object.keys(one.request.context)) {
    // What is derived stays: only we would derive it again.
    if (key === 'aws:username' || /^aws:Principal(Arn|Account)/.test(key)) continue
    const next = copy()
    delete next.request.context[key]
    yield next
  }
}

function* conditions(one, path, i) {
  const all = at(one, path).Statement[i].Condition
  for (const operator of Object.keys(all)) {
    for (const key of Object.keys(all[operator])) {
      const next = structuredClone(one)
      const there = at(next, path).Statement[i].Condition
      delete there[operator][key]
      if (!Object.keys(there[operator]).length) delete there[operator]
      if (Object.keys(there).length) yield next
      for (let j = 0; Array.isArray(all[operator][key]) && all[operator][key].length > 1 && j < all[operator][key].length; j++) {
        const shorter = structuredClone(one)
        at(shorter, path).Statement[i].Condition[operator][key].splice(j, 1)
        yield shorter
      }
    }
  }
}

function* documents(one) {
  for (const [layer, value] of Object.entries(one.policies)) {
    if (value.Statement) yield [layer]
    else for (const i of value.keys()) {
      if (value[i].Statement) yield [layer, i]
      else for (const j of value[i].keys()) yield [layer, i, j]
    }
  }
}

function at(one, path) {
  return path.reduce((node, step) => node[step], one.policies)
}

/** The smallest case reached for which `disagrees` still holds. */
export async function shrink(one, disagrees) {
  for (;;) {
    let found
    for (const next of smaller(one)) {
      if (await disagrees(next)) {
        found = next
        break
      }
    }
    if (!found) return one
    one = found
  }
}
