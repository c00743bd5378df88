//! Where a call has an idempotency token, and what a token is answered that was used for something else.

use palisade_core::idempotency::{Earlier, Token};
use palisade_core::{Call, CallContext, CallError};
use palisade_model::{ApiError, Operation, Protocol, ServiceModel, Structure, Value};

use crate::exchange::Destination;
use crate::route;

/// The token that a call was given, if its input has a place for one.
pub fn of_call(
    destination: Destination<'_>,
    context: &CallContext,
    input: &Value,
) -> Option<Token> {
    let Value::Structure(input) = input else {
        return None;
    };
    let (model, operation) = (destination.codec.model(), destination.operation?);
    let shape = model.structure(operation.input?)?;
    let member = shape.members().iter().find(|m| m.idempotency_token)?;
    let text = input.get(member.name)?.as_str()?;
    let region = if route::is_global(model) {
        "us-east-1"
    } else {
        context.region.as_str()
    };
    let name = format!("{}:{}", destination.service, operation.name);
    Token::new(region, &name, text, input)
}

/// What a call comes to without being done: the answer it got before, or an error because something else was asked with its token.
pub fn settled(
    token: Option<&Token>,
    call: &Call<'_>,
    destination: Destination<'_>,
) -> Result<Option<Result<Structure, ApiError>>, CallError> {
    let (Some(token), Some(operation)) = (token, destination.operation) else {
        return Ok(None);
    };
    Ok(match token.earlier(call)? {
        Earlier::Unknown => None,
        Earlier::Answered(output) => Some(Ok(output)),
        Earlier::AskedOtherwise => {
            let model = destination.codec.model();
            Some(Err(mismatch(model, operation, destination.protocol)))
        }
    })
}

/// Keeps the answer of a call that was done.
pub fn keep(
    token: Option<&Token>,
    call: &mut Call<'_>,
    result: &Result<Structure, ApiError>,
) -> Result<(), CallError> {
    match (token, result) {
        (Some(token), Ok(output)) => token.keep(call, output),
        _ => Ok(()),
    }
}

/// The exceptions that say it, best first; EC2 models none (EC2 Developer Guide, "Ensuring idempotency").
const CODES: [&str; 5] = [
    "IdempotentParameterMismatch",
    "IdempotentParameterMismatchException",
    "ConflictException",
    "BadRequestException",
    "InvalidParameterException",
];

/// The token was used before, with other parameters.
fn mismatch(model: &ServiceModel, operation: &Operation, protocol: Protocol) -> ApiError {
    let code = match protocol {
        Protocol::Ec2 => CODES[0],
        _ => {
            let listed = |code: &&str| {
                let mut errors = operation.errors.iter();
                errors.any(|id| model.shape(*id).name == *code)
            };
            CODES
                .into_iter()
                .find(listed)
                .unwrap_or("ValidationException")
        }
    };
    ApiError::sender(
        code,
        "The idempotency token was used before, in a request with other parameters.",
    )
}
