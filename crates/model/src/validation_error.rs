//! The error that each family of services answers to an input that breaks the model's constraints.
//!
//! Most services answer one code with all violations in one sentence ([`crate::violation::message`]); a few have words of
//! their own. Which is which was read off answers of AWS that people have quoted in public, and the models' exceptions.

use crate::error::ApiError;
use crate::schema::{Location, Operation, Protocol, ServiceModel, ShapeKind, StructureShape};
use crate::value::{Structure, Value};
use crate::violation::{Constraint, Shown, Violation, message};

/// The error for these violations of an operation's input; `None` when there are none.
pub fn validation_error(
    model: &ServiceModel,
    operation: &Operation,
    violations: &[Violation],
) -> Option<ApiError> {
    let first = violations.first()?;
    Some(match Family::of(model) {
        Family::Plain(code) => ApiError::sender(code, message(violations)),
        Family::Modelled => modelled(model, violations),
        Family::Ec2 => ec2(first),
        Family::S3 => s3(model, operation, violations),
        Family::GuardDuty => {
            let text = format!(
                "The request is rejected because the parameter {} has an invalid value.",
                first.path
            );
            ApiError::sender("BadRequestException", text)
                .with_field("Type", "InvalidInputException")
        }
        Family::Organizations => organizations(first),
        Family::ByMember => by_member(model, operation, violations),
    })
}

/// How a service answers.
enum Family {
    /// One code, all violations in the message.
    Plain(&'static str),
    /// `ValidationException`, with the reason and fields that the model gives it, if any.
    Modelled,
    /// One violation at a time, in EC2's words.
    Ec2,
    /// S3: the body is malformed, or an argument is invalid.
    S3,
    /// The first parameter, by name.
    GuardDuty,
    /// The first violation, by reason.
    Organizations,
    /// CloudTrail: the exception named for the member, such as `InvalidMaxResultsException`, where the operation has one.
    ByMember,
}

impl Family {
    fn of(model: &ServiceModel) -> Self {
        match (
            model.metadata.endpoint_prefix,
            model.metadata.protocols.first(),
        ) {
            ("guardduty", _) => Self::GuardDuty,
            ("organizations", _) => Self::Organizations,
            ("cloudtrail", _) => Self::ByMember,
            ("cognito-idp", _) => Self::Plain("InvalidParameterException"),
            (_, Some(Protocol::Ec2)) => Self::Ec2,
            (_, Some(Protocol::Query)) => Self::Plain("ValidationError"),
            (_, Some(Protocol::RestXml)) => Self::S3,
            _ => Self::Modelled,
        }
    }
}

fn by_member(model: &ServiceModel, operation: &Operation, violations: &[Violation]) -> ApiError {
    let names_member = |exception: &&str| {
        let member = exception
            .strip_prefix("Invalid")
            .and_then(|rest| rest.strip_suffix("Exception"));
        let offended = violations
            .first()
            .and_then(|violation| violation.path.split('.').next());
        member
            .zip(offended)
            .is_some_and(|(member, offended)| member.eq_ignore_ascii_case(offended))
    };
    let exceptions = operation
        .errors
        .iter()
        .map(|exception| model.shape(*exception).name);
    match exceptions.into_iter().find(names_member) {
        Some(exception) => ApiError::sender(exception, message(violations)),
        None => modelled(model, violations),
    }
}

/// `ValidationException`, filled in as its shape in the model asks: a reason whose name says that a field is invalid, and
/// a list of the fields.
fn modelled(model: &ServiceModel, violations: &[Violation]) -> ApiError {
    let error = ApiError::sender("ValidationException", message(violations));
    let Some((_, shape, _)) = model.error_shape("ValidationException") else {
        return error;
    };
    shape.members().iter().fold(error, |error, member| {
        let value = match &model.shape(member.shape).kind {
            ShapeKind::String(reasons) => {
                let says = |reason: &&&str| {
                    reason
                        .replace('_', "")
                        .eq_ignore_ascii_case("fieldValidationFailed")
                };
                reasons
                    .values
                    .iter()
                    .find(says)
                    .map(|reason| Value::String((*reason).to_owned()))
            }
            ShapeKind::List(list) => model
                .structure(list.member.shape)
                .and_then(|field| fields(field, violations)),
            _ => None,
        };
        match value {
            Some(value) => error.with_field(member.name, value),
            None => error,
        }
    })
}

fn fields(shape: &StructureShape, violations: &[Violation]) -> Option<Value> {
    let (name, text) = (shape.member("name")?.name, shape.member("message")?.name);
    let field = |violation: &Violation| {
        let of = Structure::new()
            .with(name, violation.path.as_str())
            .with(text, violation.constraint.to_string());
        Value::Structure(of)
    };
    Some(Value::List(violations.iter().map(field).collect()))
}

fn ec2(violation: &Violation) -> ApiError {
    let parameter = &violation.path;
    match (&violation.constraint, &violation.value) {
        (Constraint::NotNull, _) => ApiError::sender(
            "MissingParameter",
            format!("The request must contain the parameter {parameter}"),
        ),
        (constraint, Shown::Text(value)) => ApiError::sender(
            "InvalidParameterValue",
            format!("Value ({value}) for parameter {parameter} is invalid. {constraint}"),
        ),
        (constraint, _) => ApiError::sender(
            "InvalidParameterValue",
            format!("Value for parameter {parameter} is invalid. {constraint}"),
        ),
    }
}

fn s3(model: &ServiceModel, operation: &Operation, violations: &[Violation]) -> ApiError {
    let outermost = violations
        .first()
        .and_then(|violation| violation.path.split('.').next())
        .unwrap_or_default();
    let in_body = operation
        .input
        .and_then(|input| model.structure(input))
        .and_then(|input| {
            input
                .members()
                .iter()
                .find(|member| member.name.eq_ignore_ascii_case(outermost))
        })
        .is_some_and(|member| member.location == Location::Body);
    if in_body {
        let text = "The XML you provided was not well-formed or did not validate against our published schema";
        ApiError::sender("MalformedXML", text)
    } else {
        ApiError::sender("InvalidArgument", message(violations))
    }
}

/// Reason and words of Organizations' `InvalidInputException`, by its documentation.
fn organizations(violation: &Violation) -> ApiError {
    let (reason, text) = match &violation.constraint {
        Constraint::NotNull => (
            "INPUT_REQUIRED",
            "You must include a value for all required parameters.",
        ),
        Constraint::Pattern(_) => (
            "INVALID_PATTERN",
            "You provided a value that does not match the required pattern.",
        ),
        Constraint::Enum(_) => ("INVALID_ENUM", "You specified an invalid value."),
        Constraint::MaxLength(_) => (
            "MAX_LENGTH_EXCEEDED",
            "You provided a string parameter that is longer than allowed.",
        ),
        Constraint::MinLength(_) => (
            "MIN_LENGTH_EXCEEDED",
            "You provided a string parameter that is shorter than allowed.",
        ),
        Constraint::MaxValue(_) => (
            "MAX_VALUE_EXCEEDED",
            "You provided a numeric parameter that has a larger value than allowed.",
        ),
        Constraint::MinValue(_) => (
            "MIN_VALUE_EXCEEDED",
            "You provided a numeric parameter that has a smaller value than allowed.",
        ),
        Constraint::Members(_)
        | Constraint::MapKeys(_)
        | Constraint::MapValues(_)
        | Constraint::OneOf => (
            "INVALID_LIST_MEMBER",
            "You provided a list to a parameter that contains at least one invalid value.",
        ),
    };
    ApiError::sender("InvalidInputException", text).with_field("Reason", reason)
}
