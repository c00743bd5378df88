//! What a web ACL protects. The resource is of a service that is not here: a listener that stands for it claims its ARN.

use palisade_core::{Arn, Call, CallError, Handlers};
use palisade_model::{ApiError, Structure};

use crate::entities::{by_arn, find};
use crate::faults::{invalid, missing, not_implemented};
use crate::members::text;
use crate::place::{Address, Kind, Place};
use crate::shown;
use crate::tables::{PROTECTED, PROTECTS};

/// The one type of resources that can be protected yet.
const LOAD_BALANCER: &str = "APPLICATION_LOAD_BALANCER";

pub(crate) fn register(handlers: Handlers) -> Handlers {
    handlers
        .on("AssociateWebACL", associate)
        .on("DisassociateWebACL", disassociate)
        .on("GetWebACLForResource", get)
        .on("ListResourcesForWebACL", list)
}

/// The ARN of the web ACL that protects a resource of the caller's account.
///
/// # Errors
/// When the store fails.
pub(crate) fn protecting(call: &Call<'_>, resource: &str) -> Result<Option<String>, CallError> {
    let place = (call.account().as_str(), resource);
    Ok(call.tx.get(&PROTECTED, &place)?)
}

/// Checks the ARN of what is to be protected: a load balancer of the account, in the Region of the call.
fn protected<'i>(call: &Call<'_>, input: &'i Structure) -> Result<&'i str, ApiError> {
    let text = text(input, "ResourceArn");
    let wrong = || invalid("RESOURCE_ARN", text, "The ARN isn't valid.");
    let arn: Arn = text.parse().map_err(|_| wrong())?;
    let other_types = [
        "apigateway",
        "appsync",
        "cognito-idp",
        "apprunner",
        "ec2",
        "amplify",
        "bedrock-agentcore",
    ];
    if other_types.contains(&arn.service()) {
        return Err(not_implemented(&format!(
            "protecting resources of {}",
            arn.service()
        )));
    }
    let is_load_balancer = arn.service() == "elasticloadbalancing"
        && arn.partition() == "aws"
        && arn
            .resource()
            .strip_prefix("loadbalancer/app/")
            .is_some_and(|rest| rest.split('/').filter(|part| !part.is_empty()).count() == 2);
    let is_here =
        arn.account() == Some(call.account()) && arn.region() == call.context.region.as_str();
    if is_load_balancer && is_here {
        Ok(text)
    } else {
        Err(wrong())
    }
}

fn associate(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let acl = by_arn(call, Kind::WebAcl, text(&input, "WebACLArn"))?;
    let resource = protected(call, &input)?;
    if acl.place == Place::Global {
        let reason = "A web ACL of the scope CLOUDFRONT protects distributions only.";
        return Err(invalid("RESOURCE_ARN", &acl.arn(), reason).into());
    }
    find(call, &acl)?.ok_or_else(missing)?;
    release(call, resource)?;
    let account = call.account().as_str().to_owned();
    let arn = acl.arn();
    call.tx
        .put(&PROTECTED, &(account.as_str(), resource), &arn)?;
    call.tx.put(&PROTECTS, &(arn.as_str(), resource), &())?;
    call.touched(acl.kind.resource_type(), &acl.name, &arn);
    Ok(Structure::new())
}

/// Takes away what protects a resource. One web ACL a resource: another one takes the first one's place.
fn release(call: &mut Call<'_>, resource: &str) -> Result<(), CallError> {
    let account = call.account().as_str().to_owned();
    if let Some(before) = protecting(call, resource)? {
        call.tx.delete(&PROTECTED, &(account.as_str(), resource))?;
        call.tx.delete(&PROTECTS, &(before.as_str(), resource))?;
    }
    Ok(())
}

fn disassociate(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let resource = protected(call, &input)?;
    release(call, resource)?;
    Ok(Structure::new())
}

fn get(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let resource = protected(call, &input)?;
    let Some(arn) = protecting(call, resource)? else {
        return Ok(Structure::new());
    };
    let acl = Address::parse(&arn).ok_or_else(missing)?;
    let entity = find(call, &acl)?.ok_or_else(missing)?;
    Ok(Structure::new().with("WebACL", shown::whole(&acl, &entity)?))
}

fn list(call: &mut Call<'_>, input: Structure) -> Result<Structure, CallError> {
    let acl = by_arn(call, Kind::WebAcl, text(&input, "WebACLArn"))?;
    find(call, &acl)?.ok_or_else(missing)?;
    // The model's default is a load balancer.
    let kind = Some(text(&input, "ResourceType")).filter(|kind| !kind.is_empty());
    let mut arns = Vec::new();
    if kind.is_none_or(|kind| kind == LOAD_BALANCER) {
        let found = call
            .tx
            .range(&PROTECTS, &(acl.arn().as_str(),), None, usize::MAX)?;
        arns.extend(found.into_iter().map(|((_, resource), ())| resource));
    }
    Ok(Structure::new().with("ResourceArns", arns))
}
