//! From an operation's row to the questions it asks, and to their answers.

use palisade_core::authorization_message::{Matched, Message};
use palisade_core::authorize::{Ask, Authority};
use palisade_core::operation::{Authorization, ContextKey, OperationRow, Permission, ResourceSpec};
use palisade_core::record::Question;
use palisade_core::{AccountId, Call, CallContext, CallError, Resource, Service};
use palisade_model::Value;
use palisade_policy::document::{Element, PrincipalName, Spanned};
use palisade_policy::{Context, ContextValue, Decision, Effect, Layer, Reason, StatementRef};

/// What the questions of a call came to.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The questions asked, in order; the last one is the refusal, if there is one.
    pub questions: Vec<Question>,
    /// AWS's words for the refusal; `None` when all is allowed.
    pub denial: Option<Denial>,
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Denial {
    /// The sentence the caller gets.
    pub message: String,
    /// The whole story, for `DecodeAuthorizationMessage`.
    pub detail: Message,
}

/// Asks every question of the operation's row that applies to this input, until one is refused.
pub fn ask(
    service: &dyn Service,
    row: &OperationRow,
    authority: &Authority,
    call: &mut Call<'_>,
    input: &Value,
) -> Result<Verdict, CallError> {
    let mut verdict = Verdict::default();
    let Permission::Authorize(authorizations) = &row.permission else {
        return Ok(verdict);
    };
    let of_request = request_keys(call.context, input);
    for authorization in *authorizations {
        if authorization
            .when
            .is_some_and(|member| !is_present(input, member))
        {
            continue;
        }
        let mut context = of_request.clone();
        add_row_keys(&mut context, authorization.context, input);
        for resource in resources(service, authorization, call, input)? {
            let mut context = context.clone();
            add_asked(&mut context, &resource.asked);
            let allowed = put(
                authorization.action,
                &resource,
                &context,
                authority,
                call,
                &mut verdict,
            )?;
            if !allowed {
                return Ok(verdict);
            }
        }
    }
    Ok(verdict)
}

/// Asks one question and notes it; whether it is allowed.
pub fn put(
    action: &str,
    resource: &Resource,
    context: &Context,
    authority: &Authority,
    call: &mut Call<'_>,
    verdict: &mut Verdict,
) -> Result<bool, CallError> {
    let ask = Ask {
        action,
        resource,
        context,
        now_ms: call.now_ms(),
    };
    let case = authority.case(call.tx, call.env, &ask)?;
    let decision = case.decide();
    verdict.questions.push(case.record(&decision));
    let mut request = case.request();
    request.resource = resource.shown.as_deref().unwrap_or(request.resource);
    let denied = decision.denial_message(&request);
    verdict.denial = denied.map(|message| Denial {
        message,
        detail: detail(&decision, &ask, call.context, case.resource_account()),
    });
    Ok(decision.is_allowed())
}

/// What the caller's account may know of a refusal: of another account's policies only that they refused.
fn detail(
    decision: &Decision<'_>,
    ask: &Ask<'_>,
    call: &CallContext,
    resource_account: &AccountId,
) -> Message {
    let is_own = |statement: &&StatementRef<'_>| {
        let of_resource = matches!(statement.layer, Layer::Resource | Layer::Rcp);
        !of_resource || resource_account == call.account()
    };
    let values = |value: &ContextValue| match value {
        ContextValue::One(value) => vec![value.clone()],
        ContextValue::Many(values) => values.clone(),
    };
    Message {
        explicit_deny: matches!(decision.reason, Reason::Explicit(_)),
        matched: decision
            .deciding
            .iter()
            .filter(is_own)
            .map(matched)
            .collect(),
        principal_id: call.caller.user_id(),
        principal_arn: call.caller.arn(),
        action: ask.action.to_owned(),
        resource: ask.resource.arn.clone(),
        conditions: ask
            .context
            .iter()
            .map(|(key, value)| (key.to_owned(), values(value)))
            .collect(),
    }
}

fn matched(statement: &StatementRef<'_>) -> Matched {
    let written = statement.statement();
    let texts = |element: Option<&Element<Spanned<String>>>| {
        let list = element
            .map(|element| element.list.as_slice())
            .unwrap_or_default();
        list.iter().map(|text| text.value.clone()).collect()
    };
    Matched {
        statement_id: statement.sid().unwrap_or_default().to_owned(),
        denies: statement.effect() == Some(Effect::Deny),
        principals: principals(written.and_then(|written| written.principal.as_ref())),
        actions: texts(written.and_then(|written| written.action.as_ref())),
        resources: texts(written.and_then(|written| written.resource.as_ref())),
    }
}

/// The principals of a statement as written, without the kinds they are written under.
fn principals(element: Option<&Element<Spanned<PrincipalName>>>) -> Vec<String> {
    let list = element
        .map(|element| element.list.as_slice())
        .unwrap_or_default();
    let name = |principal: &Spanned<PrincipalName>| match &principal.value {
        PrincipalName::Everyone => "*".to_owned(),
        PrincipalName::Aws(name)
        | PrincipalName::Service(name)
        | PrincipalName::Federated(name)
        | PrincipalName::CanonicalUser(name) => name.clone(),
    };
    list.iter().map(name).collect()
}

/// The condition keys that every request brings (IAM User Guide, "AWS global condition context keys").
pub fn request_keys(call: &CallContext, input: &Value) -> Context {
    let mut context = Context::new();
    if let Some(address) = call.source_ip {
        context.set("aws:SourceIp", address.to_string());
    }
    if !call.user_agent.is_empty() {
        context.set("aws:UserAgent", call.user_agent.as_str());
    }
    context.set(
        "aws:SecureTransport",
        if call.tls.is_some() { "true" } else { "false" },
    );
    context.set("aws:RequestedRegion", call.region.as_str());
    context.set("aws:ViaAWSService", "false");
    let temporary = call.caller.session.as_ref().filter(|s| !s.is_stand_in());
    if let Some(session) = temporary {
        context.set("aws:MultiFactorAuthPresent", "false");
        context.set("aws:TokenIssueTime", iso_seconds(session.issued_ms));
        if let Some(identity) = &session.source_identity {
            context.set("aws:SourceIdentity", identity.as_str());
        }
    }
    add_tag_keys(&mut context, input);
    context
}

fn resources(
    service: &dyn Service,
    authorization: &Authorization,
    call: &mut Call<'_>,
    input: &Value,
) -> Result<Vec<Resource>, CallError> {
    match authorization.resource {
        ResourceSpec::Any => Ok(vec![Resource::named("*")]),
        ResourceSpec::Template(template) => {
            Ok(vec![Resource::named(fill(template, call.context, input))])
        }
        ResourceSpec::Resolver(name) => service.resolve(name, call, input),
    }
}

/// An ARN template with its places filled: `${Partition}`, `${Region}`, `${Account}`, or a member of the input.
fn fill(template: &str, call: &CallContext, input: &Value) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            break;
        };
        match name {
            "Partition" => filled.push_str("aws"),
            "Region" => filled.push_str(call.region.as_str()),
            "Account" => filled.push_str(call.account().as_str()),
            member => match input.member(member).and_then(Value::as_str) {
                Some(value) => filled.push_str(value),
                None if member == "Path" => filled.push('/'),
                None => filled.push('*'),
            },
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

fn add_row_keys(context: &mut Context, keys: &[ContextKey], input: &Value) {
    for ContextKey { key, member } in keys {
        let found = member
            .split('.')
            .try_fold(input, |value, name| value.member(name));
        if let Some(value) = found.and_then(context_value) {
            context.set(key, value);
        }
    }
}

fn add_asked(context: &mut Context, asked: &[(String, Vec<String>)]) {
    for (key, values) in asked {
        match &values[..] {
            [value] => context.set(key, value.as_str()),
            _ => context.set(key, values.clone()),
        }
    }
}

/// What services call the members of a tag in their models.
const TAG_KEYS: [&str; 3] = ["Key", "key", "TagKey"];
const TAG_VALUES: [&str; 3] = ["Value", "value", "TagValue"];

/// `aws:RequestTag/…` and `aws:TagKeys`, from a member that lists tags or tag keys.
fn add_tag_keys(context: &mut Context, input: &Value) {
    let mut keys = Vec::new();
    for tag in input
        .member("Tags")
        .and_then(Value::as_list)
        .unwrap_or_default()
    {
        let part = |names: &[&str]| {
            let mut members = names.iter().filter_map(|name| tag.member(name));
            members.next().and_then(Value::as_str)
        };
        let (Some(key), value) = (part(&TAG_KEYS), part(&TAG_VALUES)) else {
            continue;
        };
        context.set(&format!("aws:RequestTag/{key}"), value.unwrap_or_default());
        keys.push(key.to_owned());
    }
    for key in input
        .member("TagKeys")
        .and_then(Value::as_list)
        .unwrap_or_default()
    {
        keys.extend(key.as_str().map(str::to_owned));
    }
    if !keys.is_empty() {
        context.set("aws:TagKeys", keys);
    }
}

fn context_value(value: &Value) -> Option<ContextValue> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Timestamp(moment) => Some(iso_seconds(moment.millis())),
        _ => None,
    };
    match value {
        Value::List(values) => Some(ContextValue::Many(values.iter().filter_map(text).collect())),
        single => text(single).map(ContextValue::One),
    }
}

fn is_present(input: &Value, member: &str) -> bool {
    match input.member(member) {
        None | Some(Value::Null) => false,
        Some(Value::List(values)) => !values.is_empty(),
        Some(_) => true,
    }
}

fn iso_seconds(ms: i64) -> String {
    palisade_policy::Timestamp {
        seconds: ms.div_euclid(1000),
        nanos: 0,
    }
    .to_iso()
}
