//! The ways in that `access` finds are those that the engine lets through: on a thousand random states, for every principal and
//! action, whatever the open part of the request says.

mod common;

use common::{ACCOUNT, OTHER, compile};
use palisade_policy::*;
use std::sync::Arc;

const STATES: u64 = 1000;
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ACTIONS: [&str; 4] = [
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:CreateGrant",
    "kms:DescribeKey",
];
const ANN: &str = "arn:aws:iam::111122223333:user/ann";
const BOB: &str = "arn:aws:iam::111122223333:user/bob";
const APP: &str = "arn:aws:iam::111122223333:role/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s1";
const EVE: &str = "arn:aws:iam::444455556666:user/eve";
const AWAY: &str = "arn:aws:iam::444455556666:role/away";

/// Numbers that are the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const CONDITIONS: [&str; 13] = [
    r#"{"StringEquals":{"kms:EncryptionContext:app":"web"}}"#,
    r#"{"StringNotEquals":{"kms:EncryptionContext:app":"web"}}"#,
    r#"{"StringEquals":{"kms:EncryptionContext:app":"${aws:username}"}}"#,
    r#"{"StringEquals":{"aws:PrincipalTag/team":"${kms:EncryptionContext:app}"}}"#,
    r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["app"]},"Null":{"kms:EncryptionContextKeys":"false"}}"#,
    r#"{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}"#,
    r#"{"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}}"#,
    r#"{"StringEquals":{"aws:PrincipalTag/team":"red"}}"#,
    r#"{"StringEquals":{"aws:ResourceTag/stage":"prod"}}"#,
    r#"{"StringNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/bob"}}"#,
    r#"{"StringEquals":{"kms:CallerAccount":"111122223333"}}"#,
    r#"{"StringLike":{"kms:KeySpec":"RSA*"}}"#,
    r#"{"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}"#,
];

fn body(dice: &mut Dice) -> String {
    let effect = dice.one(&["Allow", "Allow", "Allow", "Allow", "Allow", "Allow", "Deny"]);
    let action = dice.one(&[
        r#""Action":"kms:*""#,
        r#""Action":["kms:Decrypt","kms:DescribeKey"]"#,
        r#""Action":"kms:*crypt""#,
        r#""NotAction":"kms:Decrypt""#,
        r#""Action":"s3:*""#,
    ]);
    let resource = dice.one(&[
        r#""Resource":"*""#,
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:kms:*:111122223333:key/*""#,
        r#""Resource":"arn:aws:kms:*:111122223333:key/${kms:EncryptionContext:app}""#,
        r#""NotResource":"arn:aws:kms:eu-west-1:*:key/1234abcd-*""#,
    ]);
    let condition = if dice.chance(60) {
        format!(r#","Condition":{}"#, dice.one(&CONDITIONS))
    } else {
        String::new()
    };
    format!(r#""Effect":"{effect}",{action},{resource}{condition}"#)
}

fn policy(dice: &mut Dice, name: &str, named: bool) -> Arc<CompiledPolicy> {
    let statements: Vec<String> = (0..=dice.below(3))
        .map(|_| {
            let body = body(dice);
            if !named {
                return format!("{{{body}}}");
            }
            let principal = dice.one(&[
                r#""Principal":"*""#,
                r#""Principal":{"AWS":"111122223333"}"#,
                r#""Principal":{"AWS":"111122223333"}"#,
                r#""Principal":{"AWS":["arn:aws:iam::111122223333:user/ann","444455556666"]}"#,
                r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/app"}"#,
                r#""Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s1"}"#,
                r#""Principal":{"AWS":"arn:aws:iam::444455556666:role/away"}"#,
                r#""Principal":{"Service":"s3.amazonaws.com"}"#,
                r#""NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/bob"]}"#,
            ]);
            format!("{{{body},{principal}}}")
        })
        .collect();
    let text = statements.join(",");
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{text}]}}"#);
    Arc::new(compile(name, &text))
}

/// A grant as KMS makes it into a policy.
fn grant(dice: &mut Dice) -> Arc<CompiledPolicy> {
    let grantee = dice.one(&[ANN, BOB, APP, SESSION, EVE, AWAY]);
    let condition = dice.one(&[
        "",
        r#","Condition":{"Null":{"kms:EncryptionContext:app":"false"},"ForAllValues:StringEquals":{"kms:EncryptionContext:app":"web"}}"#,
    ]);
    let text = format!(
        r#"{{"Version":"2008-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{grantee}"}},"Action":["kms:Decrypt","kms:DescribeKey"],"Resource":"*"{condition}}}}}"#
    );
    Arc::new(compile("grant:1", &text))
}

/// A principal and its own policies: attached, of its groups, boundary, session.
struct Party {
    principal: Principal,
    identity: Vec<Arc<CompiledPolicy>>,
    boundary: Option<Arc<CompiledPolicy>>,
    session: Vec<Arc<CompiledPolicy>>,
    scp: Vec<Vec<Arc<CompiledPolicy>>>,
}

struct State {
    parties: Vec<Party>,
    key_policy: Arc<CompiledPolicy>,
    grants: Vec<Arc<CompiledPolicy>>,
    known: Vec<(&'static str, &'static str)>,
}

fn state(dice: &mut Dice) -> State {
    let groups = [
        policy(dice, "group:a", false),
        policy(dice, "group:b", false),
    ];
    let principals = [
        Principal::user(ANN).unwrap().with_tags([("team", "red")]),
        Principal::user(BOB).unwrap(),
        Principal::role_session(SESSION, APP)
            .unwrap()
            .with_user_id("AROAX:s1"),
        Principal::root("arn:aws:iam::111122223333:root").unwrap(),
        Principal::federated_user("arn:aws:sts::111122223333:federated-user/fred", ANN).unwrap(),
        Principal::user(EVE).unwrap(),
        Principal::role_session("arn:aws:sts::444455556666:assumed-role/away/x", AWAY).unwrap(),
        Principal::root("arn:aws:iam::444455556666:root").unwrap(),
        Principal::service("s3.amazonaws.com"),
        Principal::anonymous(),
    ];
    let parties = principals.map(|principal| {
        let mut identity: Vec<_> = (0..dice.below(3))
            .map(|_| policy(dice, "inline:x", false))
            .collect();
        identity.extend(groups.iter().filter(|_| dice.chance(30)).cloned());
        let boundary = dice.chance(25).then(|| policy(dice, "boundary", false));
        let session: Vec<_> = (0..dice.below(2))
            .map(|_| policy(dice, "session", false))
            .collect();
        let level = || vec![Arc::new(compile("scp", common::ALLOW_ALL))];
        let mut scp = Vec::new();
        if dice.chance(15) {
            scp = vec![level(), vec![policy(dice, "scp", false)]];
        }
        Party {
            principal,
            identity,
            boundary,
            session,
            scp,
        }
    });
    let mut known = vec![("kms:KeySpec", dice.one(&["RSA_2048", "SYMMETRIC_DEFAULT"]))];
    if dice.chance(50) {
        known.push(("aws:ResourceTag/stage", "prod"));
    }
    State {
        parties: parties.into(),
        key_policy: policy(dice, "key-policy", true),
        grants: (0..dice.below(3)).map(|_| grant(dice)).collect(),
        known,
    }
}

impl State {
    fn layers<'a>(&'a self, party: &'a Party) -> Layers<'a> {
        Layers {
            identity: &party.identity,
            boundary: party.boundary.as_deref(),
            session: &party.session,
            resource: Some(&self.key_policy),
            grants: &self.grants,
            scp: &party.scp,
            rcp: &[],
        }
    }

    fn known(&self, party: &Party) -> Context {
        let account = party.principal.account().unwrap_or(OTHER).to_owned();
        let mut context = Context::new();
        for (key, value) in &self.known {
            context.set(key, *value);
        }
        context.set("kms:CallerAccount", account);
        context
    }
}

fn is_open(key: &str) -> bool {
    key.starts_with("kms:encryptioncontext")
        || [
            "aws:sourceip",
            "aws:currenttime",
            "kms:viaservice",
            "aws:viaawsservice",
        ]
        .contains(&key)
}

/// Requests as they may come: everything that is open, set and not set.
fn requests(known: &Context) -> Vec<Context> {
    let mut all = Vec::new();
    for app in [
        None,
        Some("web"),
        Some("red"),
        Some("1234abcd-12ab-34cd-56ef-1234567890ab"),
    ] {
        for (address, time, via) in [
            (
                "203.0.113.7",
                "2025-06-01T00:00:00Z",
                Some("s3.eu-west-1.amazonaws.com"),
            ),
            ("198.51.100.1", "2026-06-01T00:00:00Z", None),
        ] {
            let mut context = known.clone();
            context.set("aws:SourceIp", address);
            context.set("aws:CurrentTime", time);
            if let Some(app) = app {
                context.set("kms:EncryptionContext:app", app);
                context.set("kms:EncryptionContextKeys", vec!["app".to_owned()]);
            }
            if let Some(via) = via {
                context.set("kms:ViaService", via);
            }
            all.push(context);
        }
    }
    all
}

#[test]
fn whoever_gets_in_is_found_and_nobody_else() {
    let mut dice = Dice(0x5DEE_CE66_D5DE_ECE6);
    let (mut asked, mut let_in, mut with_conditions) = (0, 0, 0);
    for number in 0..STATES {
        let state = state(&mut dice);
        for party in &state.parties {
            let (known, layers) = (state.known(party), state.layers(party));
            for action in ACTIONS {
                let request = Request::new(&party.principal, action, KEY, &known);
                let request = request.in_account(ACCOUNT);
                let found = access(&request, &layers, &is_open);
                let mut answers = Vec::new();
                for context in requests(&known) {
                    let request = Request {
                        context: &context,
                        ..request
                    };
                    let decision = evaluate(&request, &layers);
                    let claimed = found.allows(&request, party.boundary.is_some());
                    assert_eq!(
                        claimed,
                        decision.is_allowed(),
                        "state {number}: {action} by {} with {context:?}: {}\n{:?}\n{found:#?}",
                        party.principal.name(),
                        decision.reason,
                        state.key_policy.source(),
                    );
                    asked += 1;
                    let_in += usize::from(decision.is_allowed());
                    answers.push(decision.is_allowed());
                }
                if found.paths.is_empty() {
                    assert!(!answers.contains(&true));
                }
                with_conditions += usize::from(answers.contains(&true) && answers.contains(&false));
                for statement in found
                    .paths
                    .iter()
                    .flat_map(|path| &path.steps)
                    .filter(|step| step.any_of.len() > 1)
                    .flat_map(|step| &step.any_of)
                    .chain(&found.denials)
                    .filter(|_| !found.paths.is_empty())
                {
                    // What may apply says on what it hangs.
                    assert!(!open_conditions(statement, &is_open).is_empty());
                }
            }
        }
    }
    // The states are such that both outcomes are common, and many hang on the request.
    assert!(
        let_in * 10 > asked && let_in * 10 < asked * 9,
        "{let_in} of {asked}"
    );
    assert!(with_conditions > 1000, "{with_conditions}");
    println!("{asked} questions, {let_in} allowed, {with_conditions} that hang on the request");
}
