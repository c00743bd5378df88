//! `GetKeyAccess`: who may use and manage a key, by which policies and grants, under which conditions.
//!
//! Every user and role of the key's account is asked about, and its root; and whoever else the key policy or a grant names, of whom it is
//! said what the key's side allows: the policies of another account are that account's own. What a request may say as it likes is left
//! open ([`palisade_policy::access`]), and told as conditions. Which state the key is in is not asked here.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_core::authorize::{Ask, Authority};
use palisade_core::operation::{Permission, ResourceSpec};
use palisade_core::{
    AccountId, Arn, Call, CallContext, CallError, Caller, Handlers, Identity, ListedPrincipal,
    Listing, Notes, OsRandom, Resource, RoleRef, Service,
};
use palisade_model::{ApiError, Structure, Value};
use palisade_policy::document::PrincipalName;
use palisade_policy::{
    Access, CompiledPolicy, Context, Policy, Principal, StatementRef, access, open_conditions,
};

use crate::api;
use crate::{Surroundings, keys};

/// How many principals one call asks about.
const PRINCIPALS_MAX: usize = 200;

/// How many names of the key policy and its grants, beside those of the account's users and roles, are told of.
const NAMED_MAX: usize = 1_000;

/// Resolvers of KMS's rows whose keys other accounts may use too.
const SHARED: [&str; 9] = [
    "decrypting-key",
    "encrypting-key",
    "granted-key",
    "managed-grants-key",
    "reencrypted-key",
    "reencrypting-key",
    "shared-key",
    "signing-key",
    "used-key",
];

/// Resolvers whose questions are about no key that is there, or, for a retired grant, about whom the grant itself names.
const OF_NO_KEY: [&str; 5] = [
    "alias",
    "new-key",
    "new-replica",
    "retired-key",
    "tagged-new-key",
];

pub fn register(handlers: Handlers, surroundings: &Arc<Surroundings>) -> Handlers {
    let surroundings = Arc::clone(surroundings);
    handlers.on(
        "GetKeyAccess",
        move |call: &mut Call<'_>, input: api::GetKeyAccessRequest| {
            answer(call, &input, &surroundings)
        },
    )
}

fn answer(
    call: &mut Call<'_>,
    input: &api::GetKeyAccessRequest,
    surroundings: &Surroundings,
) -> Result<api::GetKeyAccessResponse, CallError> {
    let services = surroundings.services();
    let named = keys::named(&services, call, &input.key_id)?;
    let arn = keys::arn(&named)?;
    let kms = services.get("kms").ok_or_else(keys::unknown)?;
    let key = kms
        .resource(call, &arn, "kms:DescribeKey")?
        .ok_or_else(keys::unknown)?;
    let actions = actions(&**kms, input.action.as_deref())?;
    let filter = format!(
        "{}\0{}",
        key.arn,
        input.action.as_deref().unwrap_or_default()
    );
    let listing = Listing::open(call, "GetKeyAccess", &filter, input.next_token.as_deref())
        .map_err(|_| invalid_token())?;
    let after = listing.after().map(std::str::from_utf8).transpose();
    let after = after.map_err(|_| invalid_token())?.map(str::to_owned);
    let mut search = Search {
        kms: &**kms,
        account: call.account().clone(),
        arn,
        actions,
        found: Vec::new(),
    };
    if after.is_none() {
        search.root(call)?;
        search.named(call, &key)?;
    }
    let account = call.account().clone();
    let listed =
        call.env
            .identities
            .principals(call.tx, &account, after.as_deref(), PRINCIPALS_MAX)?;
    for (_, principal) in &listed {
        search.listed(call, principal)?;
    }
    let next_token = match listed.last() {
        Some((place, _)) if listed.len() == PRINCIPALS_MAX => {
            Some(listing.next(call, place.as_bytes()))
        }
        _ => None,
    };
    Ok(api::GetKeyAccessResponse {
        key_arn: Some(key.arn),
        access: Some(search.found),
        next_token,
    })
}

/// An action and whether other accounts may do it.
struct Asked {
    action: &'static str,
    shared: bool,
}

/// The actions on a key that KMS's rows ask about, or the one of them that is wanted.
fn actions(kms: &dyn Service, wanted: Option<&str>) -> Result<Vec<Asked>, ApiError> {
    let mut actions: Vec<Asked> = Vec::new();
    for row in kms.rows() {
        let Permission::Authorize(questions) = &row.permission else {
            continue;
        };
        for question in *questions {
            let ResourceSpec::Resolver(resolver) = question.resource else {
                continue;
            };
            // An operation that follows the name is one of grants.
            let resolver = resolver.split(':').next().unwrap_or_default();
            let known = actions.iter().any(|one| one.action == question.action);
            let is_wanted = wanted.is_none_or(|one| one.eq_ignore_ascii_case(question.action));
            if !known && is_wanted && !OF_NO_KEY.contains(&resolver) {
                actions.push(Asked {
                    action: question.action,
                    shared: SHARED.contains(&resolver),
                });
            }
        }
    }
    actions.sort_by_key(|one| one.action);
    if actions.is_empty() {
        let message = format!(
            "{} is no action on a key that is there.",
            wanted.unwrap_or_default()
        );
        return Err(ApiError::sender("ValidationException", message));
    }
    Ok(actions)
}

fn invalid_token() -> ApiError {
    ApiError::sender(
        "ValidationException",
        "The token is not valid, or was given out for another key or action.",
    )
}

struct Search<'s> {
    kms: &'s dyn Service,
    /// The key's account, which asks.
    account: AccountId,
    arn: Arn,
    actions: Vec<Asked>,
    found: Vec<api::KeyAccess>,
}

impl Search<'_> {
    fn root(&mut self, call: &mut Call<'_>) -> Result<(), CallError> {
        let root = caller(&self.account, Identity::Root);
        self.own(call, &root.arn(), &root)
    }

    fn listed(
        &mut self,
        call: &mut Call<'_>,
        principal: &ListedPrincipal,
    ) -> Result<(), CallError> {
        match principal {
            ListedPrincipal::User(user) => {
                let user = caller(&self.account, Identity::User(user.clone()));
                self.own(call, &user.arn(), &user)
            }
            ListedPrincipal::Role(role) => self.session(call, role, ANY_SESSION, &role.arn()),
        }
    }

    fn session(
        &mut self,
        call: &mut Call<'_>,
        role: &RoleRef,
        session_name: &str,
        shown: &str,
    ) -> Result<(), CallError> {
        let identity = Identity::RoleSession {
            role: role.clone(),
            session_name: session_name.to_owned(),
        };
        self.own(call, shown, &caller(&self.account, identity))
    }

    /// A principal of the key's account, with all its policies.
    fn own(&mut self, call: &mut Call<'_>, shown: &str, caller: &Caller) -> Result<(), CallError> {
        let Some(authority) = Authority::of(call.tx, call.env, caller)? else {
            return Ok(());
        };
        self.ask(call, shown, caller, &authority, false)
    }

    /// Whoever the key policy and the grants name beside users and roles of the account.
    fn named(&mut self, call: &mut Call<'_>, key: &Resource) -> Result<(), CallError> {
        let policies = key.policy.iter().chain(&key.grants);
        let mut names = BTreeSet::new();
        for policy in policies {
            let statements = policy.source().statements.iter();
            let principals = statements.filter_map(|statement| statement.principal.as_ref());
            for name in principals.flat_map(|element| &element.list) {
                names.insert(match &name.value {
                    PrincipalName::Everyone => "*".to_owned(),
                    PrincipalName::Aws(text) => text.clone(),
                    PrincipalName::Service(name) => name.clone(),
                    // KMS knows neither.
                    PrincipalName::Federated(_) | PrincipalName::CanonicalUser(_) => continue,
                });
            }
        }
        for name in names.into_iter().take(NAMED_MAX) {
            self.name(call, &name)?;
        }
        Ok(())
    }

    fn name(&mut self, call: &mut Call<'_>, name: &str) -> Result<(), CallError> {
        if let Some(role_session) = self.session_of(call, name)? {
            let (role, session_name) = role_session;
            return self.session(call, &role, &session_name, name);
        }
        let Some((account, identity, principal)) = outsider(&self.account, name) else {
            return Ok(());
        };
        let identity = with_id(call, &account, identity)?;
        let authority = Authority {
            identity: vec![their_own()],
            boundary: None,
            session: Vec::new(),
            guardrails: None,
            principal,
            account: account.clone(),
        };
        let caller = caller(&account, identity);
        self.ask(call, name, &caller, &authority, true)
    }

    /// A session of one of the account's roles, which a policy may name.
    fn session_of(
        &self,
        call: &mut Call<'_>,
        name: &str,
    ) -> Result<Option<(RoleRef, String)>, CallError> {
        let Ok(arn) = name.parse::<Arn>() else {
            return Ok(None);
        };
        let session = arn.resource().strip_prefix("assumed-role/");
        let Some((role, session_name)) = session.and_then(|rest| rest.split_once('/')) else {
            return Ok(None);
        };
        if arn.account() != Some(&self.account) {
            return Ok(None);
        }
        let role = call.env.identities.role(call.tx, &self.account, role)?;
        Ok(role.map(|role| (role.role.clone(), session_name.to_owned())))
    }

    fn ask(
        &mut self,
        call: &mut Call<'_>,
        shown: &str,
        caller: &Caller,
        authority: &Authority,
        outside: bool,
    ) -> Result<(), CallError> {
        let is_session = matches!(caller.identity, Identity::RoleSession { .. });
        let is_anyone = matches!(caller.identity, Identity::Anonymous);
        let open = |key: &str| is_open(key, is_session, is_anyone);
        let mut known = Context::new();
        known.set("kms:CallerAccount", caller.account.as_str());
        let (used, managed) = (
            self.met(call, caller, "key-with-all-grants")?,
            self.met(call, caller, "key")?,
        );
        let from = self.found.len();
        for asked in &self.actions {
            let resource = if asked.shared { &used } else { &managed };
            let ask = Ask {
                action: asked.action,
                resource,
                context: &known,
                now_ms: call.now_ms(),
            };
            let case = authority.case(call.tx, call.env, &ask)?;
            let found = access(&case.request(), &case.layers(), &open);
            if found.paths.is_empty() {
                continue;
            }
            let one = shown_access(&found, shown, outside, &open);
            let same = self.found[from..]
                .iter_mut()
                .find(|other| other.paths == one.paths && other.unless == one.unless);
            match same {
                Some(same) => same.actions.get_or_insert_default(),
                None => {
                    self.found.push(one);
                    let last = self.found.last_mut();
                    last.map(|one| one.actions.get_or_insert_default())
                        .expect("it was pushed")
                }
            }
            .push(asked.action.to_owned());
        }
        Ok(())
    }

    /// The key as a caller meets it: with the grants that name it.
    fn met(
        &self,
        call: &mut Call<'_>,
        caller: &Caller,
        resolver: &str,
    ) -> Result<Resource, CallError> {
        let region = self
            .arn
            .region()
            .parse()
            .map_err(|_| ApiError::receiver("InternalFailure", "a key of no Region"))?;
        let context = CallContext {
            caller: Arc::new(caller.clone()),
            region,
            ..call.context.clone()
        };
        let mut random = OsRandom;
        let mut theirs = Call {
            tx: &mut *call.tx,
            context: &context,
            env: call.env,
            random: &mut random,
            notes: Notes::default(),
            made: &mut *call.made,
        };
        let id = Value::String(self.arn.to_string());
        let input = Structure {
            fields: vec![("KeyId", id)],
        };
        let found = self
            .kms
            .resolve(resolver, &mut theirs, &Value::Structure(input))?;
        let found = found.into_iter().next();
        found.ok_or_else(|| keys::unknown().into())
    }
}

/// The name of a session that stands for any of its role.
const ANY_SESSION: &str = "any";

fn caller(account: &AccountId, identity: Identity) -> Caller {
    Caller {
        account: account.clone(),
        identity,
        access_key_id: String::new(),
        session: None,
    }
}

/// Who is named and is not of the account: `None` for what is.
fn outsider(own: &AccountId, name: &str) -> Option<(AccountId, Identity, Principal)> {
    if name == "*" {
        return Some((own.clone(), Identity::Anonymous, Principal::anonymous()));
    }
    let root = |account: &AccountId| {
        let arn = format!("arn:aws:iam::{account}:root");
        let principal = Principal::root(&arn).ok()?;
        (account != own).then(|| (account.clone(), Identity::Root, principal))
    };
    if let Ok(account) = AccountId::new(name) {
        return root(&account);
    }
    let Ok(arn) = name.parse::<Arn>() else {
        let is_service = name.ends_with(".amazonaws.com");
        let identity = Identity::Service(name.to_owned());
        return is_service.then(|| (own.clone(), identity, Principal::service(name)));
    };
    let account = arn.account().filter(|account| *account != own)?.clone();
    if arn.resource() == "root" {
        return root(&account);
    }
    let (kind, rest) = arn.resource().split_once('/')?;
    let (path, name_only) = rest.rsplit_once('/').unwrap_or(("", rest));
    let role = |name: &str, path: &str| RoleRef {
        account: account.clone(),
        name: name.to_owned(),
        path: path.to_owned(),
        id: String::new(),
    };
    let slashed = if path.is_empty() {
        "/".to_owned()
    } else {
        format!("/{path}/")
    };
    let (identity, principal) = match kind {
        "user" => {
            let user = palisade_core::UserRef {
                name: name_only.to_owned(),
                path: slashed,
                id: String::new(),
            };
            (Identity::User(user), Principal::user(name).ok()?)
        }
        "role" => {
            let session = format!("arn:aws:sts::{account}:assumed-role/{name_only}/{ANY_SESSION}");
            let identity = Identity::RoleSession {
                role: role(name_only, &slashed),
                session_name: ANY_SESSION.to_owned(),
            };
            (identity, Principal::role_session(&session, name).ok()?)
        }
        "assumed-role" => {
            let (role_name, session_name) = rest.split_once('/')?;
            let role_arn = format!("arn:aws:iam::{account}:role/{role_name}");
            let identity = Identity::RoleSession {
                role: role(role_name, "/"),
                session_name: session_name.to_owned(),
            };
            (identity, Principal::role_session(name, &role_arn).ok()?)
        }
        _ => return None,
    };
    Some((account, identity, principal))
}

/// The principal that goes by that name now, as policies and grants mean it: by its unique id, where this server knows it.
fn with_id(
    call: &mut Call<'_>,
    account: &AccountId,
    identity: Identity,
) -> Result<Identity, CallError> {
    let identities = &call.env.identities;
    Ok(match identity {
        Identity::User(user) => {
            let known = identities.user(call.tx, account, &user.name)?;
            Identity::User(known.map_or(user, |known| known.user.clone()))
        }
        Identity::RoleSession { role, session_name } => {
            let known = identities.role(call.tx, account, &role.name)?;
            let role = known.map_or(role, |known| known.role.clone());
            Identity::RoleSession { role, session_name }
        }
        other => other,
    })
}

/// Stands for the policies of another account, which are not looked at.
const THEIR_OWN: &str = "(its own account's policies)";

fn their_own() -> Arc<CompiledPolicy> {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policy = Policy::parse(text).expect("a constant policy is well-formed");
    Arc::new(CompiledPolicy::new(THEIR_OWN, policy))
}

/// Whether a request says as it likes what a condition key is: all keys but those that follow from the principal and the key.
fn is_open(key: &str, is_session: bool, is_anyone: bool) -> bool {
    const OF_PRINCIPAL: [&str; 8] = [
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalisawsservice",
        "aws:principalorgid",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:principaltype",
        "aws:username",
    ];
    const OF_KEY: [&str; 8] = [
        "aws:resourceaccount",
        "aws:resourceorgid",
        "kms:keyorigin",
        "kms:keyspec",
        "kms:keyusage",
        "kms:multiregion",
        "kms:multiregionkeytype",
        "kms:resourcealiases",
    ];
    // A session brings its own name and tags.
    let of_session = key == "aws:userid" || key.starts_with("aws:principaltag/");
    let of_principal = OF_PRINCIPAL.contains(&key) || key == "kms:calleraccount" || of_session;
    let of_key = OF_KEY.contains(&key) || key.starts_with("aws:resourcetag/");
    if of_principal {
        is_anyone || (is_session && of_session)
    } else {
        !of_key
    }
}

fn shown_access(
    found: &Access<'_>,
    principal: &str,
    outside: bool,
    is_open: &dyn Fn(&str) -> bool,
) -> api::KeyAccess {
    let statement = |statement: &StatementRef<'_>| api::AccessStatement {
        layer: Some(statement.layer.as_str().to_owned()),
        policy: Some(statement.policy.name().to_owned()),
        statement: i32::try_from(statement.index).ok(),
        sid: statement.sid().map(str::to_owned),
        conditions: Some(open_conditions(statement, is_open)),
    };
    let paths = found.paths.iter().map(|path| {
        let steps = path.steps.iter().map(|step| api::AccessStep {
            layer: Some(step.layer.as_str().to_owned()),
            any_of: Some(step.any_of.iter().map(statement).collect()),
        });
        api::AccessPath {
            steps: Some(steps.collect()),
        }
    });
    api::KeyAccess {
        principal: Some(principal.to_owned()),
        outside: Some(outside),
        actions: None,
        paths: Some(paths.collect()),
        unless: Some(found.denials.iter().map(statement).collect()),
    }
}
