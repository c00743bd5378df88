//! What must hold of every decision, whatever the policies.

mod common;

use common::compile;
use palisade_policy::*;
use proptest::prelude::*;
use std::sync::Arc;

const ARNS: [&str; 6] = [
    "arn:aws:iam::111122223333:user/ann",
    "arn:aws:iam::111122223333:role/app",
    "arn:aws:sts::111122223333:assumed-role/app/s1",
    "arn:aws:sts::111122223333:federated-user/fred",
    "arn:aws:iam::111122223333:root",
    "444455556666",
];

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        Just(Principal::user(ARNS[0]).unwrap()),
        Just(Principal::role_session(ARNS[2], ARNS[1]).unwrap()),
        Just(Principal::federated_user(ARNS[3], ARNS[0]).unwrap()),
        Just(Principal::root(ARNS[4]).unwrap()),
        Just(Principal::service("ec2.amazonaws.com")),
        Just(Principal::anonymous()),
    ]
}

fn named() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(r#""Principal":"*""#.to_owned()),
        Just(r#""Principal":{"Service":"ec2.amazonaws.com"}"#.to_owned()),
        prop::sample::select(ARNS.to_vec())
            .prop_map(|arn| format!(r#""Principal":{{"AWS":"{arn}"}}"#)),
        prop::sample::subsequence(ARNS.to_vec(), 1..3)
            .prop_map(|arns| format!(r#""NotPrincipal":{{"AWS":{arns:?}}}"#)),
    ]
}

fn body() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec![
        r#""Action":"*""#,
        r#""Action":"s3:Get*""#,
        r#""NotAction":"s3:*""#,
        r#""Action":["kms:Decrypt","s3:PutObject"]"#,
        r#""Action":"sts:*""#,
        r#""NotAction":"sts:AssumeRole""#,
    ]);
    let resource = prop::sample::select(vec![
        r#""Resource":"*""#,
        r#""Resource":"arn:aws:s3:::docs/*""#,
        r#""NotResource":"arn:aws:s3:::docs/a""#,
        r#""Resource":"arn:aws:s3:::docs/${aws:username}""#,
        r#""NotResource":"arn:aws:s3:::${k:none}""#,
    ]);
    let condition = prop::sample::select(vec![
        "",
        "",
        r#","Condition":{"StringEquals":{"k:k":"a"}}"#,
        r#","Condition":{"StringNotEquals":{"k:k":"a"}}"#,
        r#","Condition":{"ForAllValues:StringLike":{"k:m":["a","b*"]}}"#,
        r#","Condition":{"Null":{"k:k":"true"}}"#,
        r#","Condition":{"StringNotEqualsIfExists":{"k:k":"${k:none}"}}"#,
        r#","Condition":{"Bool":{"aws:ViaAWSService":"false"}}"#,
    ]);
    (action, resource, condition).prop_map(|(a, r, c)| format!("{a},{r}{c}"))
}

fn policy(
    effect: &'static [&'static str],
    with_principal: bool,
) -> BoxedStrategy<Arc<CompiledPolicy>> {
    let one = (prop::sample::select(effect.to_vec()), body(), named()).prop_map(
        move |(effect, body, named)| {
            let named = if with_principal {
                format!(",{named}")
            } else {
                String::new()
            };
            format!(r#"{{"Effect":"{effect}",{body}{named}}}"#)
        },
    );
    let all = prop::collection::vec(one, 1..4);
    all.prop_map(|all| {
        Arc::new(compile(
            "p",
            &format!(
                r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
                all.join(",")
            ),
        ))
    })
    .boxed()
}

const BOTH: &[&str] = &["Allow", "Allow", "Deny"];
const DENY: &[&str] = &["Deny"];

#[derive(Clone, Debug)]
struct World {
    principal: Principal,
    action: &'static str,
    resource: &'static str,
    account: &'static str,
    context: Context,
    identity: Vec<Arc<CompiledPolicy>>,
    boundary: Option<Arc<CompiledPolicy>>,
    session: Vec<Arc<CompiledPolicy>>,
    named: Option<Arc<CompiledPolicy>>,
    scp: Vec<Vec<Arc<CompiledPolicy>>>,
    rcp: Vec<Vec<Arc<CompiledPolicy>>>,
}

impl World {
    fn reason(&self) -> Reason {
        evaluate(&self.request(), &self.layers()).reason
    }

    fn request(&self) -> Request<'_> {
        Request::new(&self.principal, self.action, self.resource, &self.context)
            .in_account(self.account)
    }

    fn layers(&self) -> Layers<'_> {
        Layers {
            identity: &self.identity,
            boundary: self.boundary.as_deref(),
            session: &self.session,
            resource: self.named.as_deref(),
            grants: &[],
            scp: &self.scp,
            rcp: &self.rcp,
        }
    }

    fn allowed(&self) -> bool {
        self.reason().is_allowed()
    }
}

fn world() -> impl Strategy<Value = World> {
    let question = prop::sample::select(vec![
        ("s3:GetObject", "arn:aws:s3:::docs/a"),
        ("s3:PutObject", "arn:aws:s3:::docs/ann"),
        ("kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/1"),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/target"),
        ("ec2:RunInstances", "*"),
    ]);
    let context = (
        prop::option::of(prop::sample::select(vec!["a", "b"])),
        prop::collection::vec("[abc]", 0..3),
    );
    let context = context.prop_map(|(k, m)| {
        let mut context = Context::new();
        if let Some(k) = k {
            context.set("k:k", k);
        }
        context.set("k:m", m);
        context
    });
    let account = prop::sample::select(vec!["111122223333", "111122223333", "444455556666"]);
    let list = |most: usize| prop::collection::vec(policy(BOTH, false), 0..most);
    let levels = || prop::collection::vec(prop::collection::vec(policy(BOTH, false), 1..3), 0..2);
    let rcp = prop::collection::vec(prop::collection::vec(policy(DENY, true), 1..2), 0..2);
    (
        (principal(), question, account, context),
        (
            list(4),
            prop::option::of(policy(BOTH, false)),
            list(2),
            prop::option::of(policy(BOTH, true)),
            levels(),
            rcp,
        ),
    )
        .prop_map(
            |(
                (principal, (action, resource), account, context),
                (identity, boundary, session, named, scp, rcp),
            )| {
                World {
                    principal,
                    action,
                    resource,
                    account,
                    context,
                    identity,
                    boundary,
                    session,
                    named,
                    scp,
                    rcp,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn adding_a_deny_never_allows_more(w in world(), own in policy(DENY, false), named in policy(DENY, true), place in 0..6) {
        let mut stricter = w.clone();
        match place {
            0 => stricter.identity.push(own),
            1 => stricter.session.push(own),
            2 => stricter.scp.push(vec![own, Arc::new(compile("all", common::ALLOW_ALL))]),
            3 => stricter.rcp.push(vec![named]),
            4 => match &stricter.boundary {
                Some(old) => stricter.boundary = Some(Arc::new(joined(old, &own))),
                None => stricter.boundary = Some(own),
            },
            _ => match &stricter.named {
                Some(old) => stricter.named = Some(Arc::new(joined(old, &named))),
                None => stricter.named = Some(named),
            },
        }
        // The first session policy of a federated user is what it needs to have anything at all: it only denies here.
        prop_assert!(w.allowed() || !stricter.allowed(), "{} became {}", w.reason(), stricter.reason());
    }

    #[test]
    fn a_boundary_never_grants(w in world(), boundary in policy(BOTH, false)) {
        let without = World { boundary: None, ..w.clone() };
        let with = World { boundary: Some(boundary), ..w };
        prop_assert!(without.allowed() || !with.allowed(), "{} became {}", without.reason(), with.reason());
    }

    #[test]
    fn control_policies_never_grant(w in world()) {
        let without = World { scp: Vec::new(), rcp: Vec::new(), ..w.clone() };
        prop_assert!(without.allowed() || !w.allowed());
    }

    #[test]
    fn session_policies_never_grant_a_role_more(w in world()) {
        let is_federated = matches!(w.principal.identity(), Identity::FederatedUser { .. });
        let without = World { session: Vec::new(), ..w.clone() };
        prop_assert!(is_federated || without.allowed() || !w.allowed());
    }

    #[test]
    fn order_never_matters(w in world(), seed in any::<u64>()) {
        let mut shuffled = w.clone();
        let turn = |list: &mut Vec<Arc<CompiledPolicy>>| {
            list.iter_mut().for_each(|policy| *policy = Arc::new(reversed(policy)));
            let length = list.len().max(1);
            list.rotate_left(seed as usize % length);
        };
        turn(&mut shuffled.identity);
        turn(&mut shuffled.session);
        shuffled.scp.iter_mut().for_each(turn);
        shuffled.scp.reverse();
        shuffled.rcp.reverse();
        shuffled.boundary = shuffled.boundary.map(|policy| Arc::new(reversed(&policy)));
        shuffled.named = shuffled.named.map(|policy| Arc::new(reversed(&policy)));
        prop_assert_eq!(w.reason(), shuffled.reason());
    }

    #[test]
    fn more_allows_never_allow_less(w in world(), more in policy(&["Allow"], false)) {
        let mut wider = w.clone();
        wider.identity.push(more);
        prop_assert!(!w.allowed() || wider.allowed());
    }

    #[test]
    fn an_explanation_tells_the_decision_and_its_suppositions_are_true(w in world()) {
        let explanation = explain(&w.request(), &w.layers());
        prop_assert_eq!(explanation.reason, w.reason());
        let denies = |trace: &&StatementTrace| trace.applies() && trace.effect == Effect::Deny;
        let denied = explanation.statements.iter().find(denies).map(|trace| Reason::Explicit(trace.layer));
        match explanation.reason {
            Reason::Explicit(_) => prop_assert_eq!(denied, Some(explanation.reason)),
            _ => prop_assert_eq!(denied, None),
        }
        for trace in explanation.statements.iter().filter(|trace| trace.decided) {
            prop_assert!(trace.applies());
        }
        prop_assert!(!explanation.other_outcome.is_empty());
    }
}

fn source(policy: &CompiledPolicy) -> Policy {
    policy.source().clone()
}

fn joined(a: &CompiledPolicy, b: &CompiledPolicy) -> CompiledPolicy {
    let mut all = source(a);
    all.statements.extend(source(b).statements);
    CompiledPolicy::new("joined", all)
}

fn reversed(policy: &CompiledPolicy) -> CompiledPolicy {
    let mut all = source(policy);
    all.statements.reverse();
    for statement in &mut all.statements {
        statement.conditions.reverse();
        statement
            .action
            .iter_mut()
            .for_each(|element| element.list.reverse());
        statement
            .resource
            .iter_mut()
            .for_each(|element| element.list.reverse());
    }
    CompiledPolicy::new("reversed", all)
}
