//! Inputs are checked as AWS checks them, and refused in AWS's words. Messages in quotes are ones that AWS has given.

use palisade_model::violation::message;
use palisade_model::{ApiError, Structure, Value, catalog, validate, validation_error};

fn violations(service: &str, operation: &str, input: Structure) -> (String, Option<ApiError>) {
    let model = catalog::model(service).expect("a model");
    let operation = model.operation(operation).expect("an operation");
    let found = validate(
        model,
        operation.input.expect("an input"),
        &Value::Structure(input),
    );
    (message(&found), validation_error(model, operation, &found))
}

fn refusal(service: &str, operation: &str, input: Structure) -> ApiError {
    violations(service, operation, input)
        .1
        .expect("a violation")
}

fn tag(key: &str, value: &str) -> Value {
    Value::Structure(Structure::new().with("Key", key).with("Value", value))
}

#[test]
fn a_good_input_has_no_violation() {
    let input = Structure::new()
        .with("UserName", "ada")
        .with("Path", "/team/")
        .with("Tags", vec![tag("a", "")]);
    assert_eq!(violations("iam", "CreateUser", input).1, None);
}

#[test]
fn every_offending_member_is_named() {
    let input = Structure::new()
        .with("UserName", "a b")
        .with("Tags", vec![tag("#￥%……&", "@#$%^&*")]);
    let error = refusal("iam", "CreateUser", input);
    assert_eq!(error.code, "ValidationError");
    assert_eq!(
        error.message,
        r"3 validation errors detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+; Value '#￥%……&' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+; Value '@#$%^&*' at 'tags.1.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*"
    );
}

#[test]
fn a_missing_member_is_null_in_the_message() {
    let error = refusal("iam", "CreateUser", Structure::new());
    assert_eq!(
        error.message,
        "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"
    );
    assert!(error.sender_fault);
}

#[test]
fn a_length_counts_characters_not_bytes() {
    let with = |text: String| {
        Structure::new()
            .with("RoleName", "r")
            .with("AssumeRolePolicyDocument", "{}")
            .with("Description", text)
    };
    assert_eq!(
        violations("iam", "CreateRole", with("é".repeat(1000))).1,
        None
    );
    let long = "x".repeat(65);
    let (text, _) = violations(
        "iam",
        "GetRole",
        Structure::new().with("RoleName", long.as_str()),
    );
    assert_eq!(
        text,
        format!(
            "1 validation error detected: Value '{long}' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"
        )
    );
}

#[test]
fn the_pattern_comes_before_the_length() {
    let (text, _) = violations("iam", "GetRole", Structure::new().with("RoleName", ""));
    assert_eq!(
        text,
        r"2 validation errors detected: Value '' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+; Value '' at 'roleName' failed to satisfy constraint: Member must have length greater than or equal to 1"
    );
}

#[test]
fn numbers_have_a_range_and_enums_a_value_set() {
    let (text, _) = violations("iam", "ListUsers", Structure::new().with("MaxItems", 1001));
    assert!(text.ends_with("Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"), "{text}");
    let input = Structure::new()
        .with("AccessKeyId", "AKIAIOSFODNN7EXAMPLE")
        .with("Status", "Off");
    let (text, _) = violations("iam", "UpdateAccessKey", input);
    assert!(text.contains("Value 'Off' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive"), "{text}");
}

#[test]
fn members_of_a_list_of_texts_are_judged_as_one() {
    let input = Structure::new().with("UserName", "ada").with(
        "TagKeys",
        vec![Value::String("ok".into()), Value::String("".into())],
    );
    let (text, _) = violations("iam", "UntagUser", input);
    assert_eq!(
        text,
        r"1 validation error detected: Value '[ok, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+, Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
    );
}

#[test]
fn a_sensitive_value_is_not_repeated() {
    let input = Structure::new()
        .with("OldPassword", "a")
        .with("NewPassword", "b".repeat(200));
    let (text, _) = violations("iam", "ChangePassword", input);
    assert_eq!(
        text,
        "1 validation error detected: Value at 'newPassword' failed to satisfy constraint: Member must have length less than or equal to 128"
    );
    let input = Structure::new()
        .with("SerialNumber", "arn:aws:iam::1:mfa/x")
        .with("TokenCode", "12345x");
    let (text, _) = violations("sts", "GetSessionToken", input);
    assert_eq!(
        text,
        r"1 validation error detected: Value at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*"
    );
}

#[test]
fn services_answer_with_codes_of_their_own() {
    let code = |service, operation| refusal(service, operation, Structure::new()).code;
    assert_eq!(code("sts", "AssumeRole"), "ValidationError");
    assert_eq!(code("kms", "DescribeKey"), "ValidationException");
    assert_eq!(
        code("cognito-idp", "DescribeUserPool"),
        "InvalidParameterException"
    );
    assert_eq!(
        code("organizations", "DescribePolicy"),
        "InvalidInputException"
    );
    assert_eq!(code("guardduty", "GetDetector"), "BadRequestException");
    assert_eq!(code("ec2", "DescribeVpcAttribute"), "MissingParameter");
    assert_eq!(code("s3", "GetObject"), "InvalidArgument");
}

#[test]
fn cloudtrail_answers_with_the_exception_named_for_the_member() {
    let lookup = |input| refusal("cloudtrail", "LookupEvents", input).code;
    assert_eq!(
        lookup(Structure::new().with("MaxResults", 51)),
        "InvalidMaxResultsException"
    );
    assert_eq!(
        lookup(Structure::new().with("EventCategory", "x")),
        "InvalidEventCategoryException"
    );
    let attribute = Structure::new()
        .with("AttributeKey", "Colour")
        .with("AttributeValue", "red");
    let input = Structure::new().with("LookupAttributes", vec![Value::Structure(attribute)]);
    assert_eq!(lookup(input), "InvalidLookupAttributesException");
}

#[test]
fn an_exception_is_filled_in_as_its_shape_asks() {
    let error = refusal("accessanalyzer", "GetAnalyzer", Structure::new());
    let field = |name| {
        error
            .fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    };
    assert_eq!(
        field("reason").and_then(Value::as_str),
        Some("fieldValidationFailed")
    );
    let listed = field("fieldList").and_then(Value::as_list).expect("a list");
    assert_eq!(
        listed[0].member("name").and_then(Value::as_str),
        Some("analyzerName")
    );
    let error = refusal(
        "organizations",
        "DescribePolicy",
        Structure::new().with("PolicyId", "p-*"),
    );
    assert_eq!(
        error.message,
        "You provided a value that does not match the required pattern."
    );
    assert_eq!(
        error.fields,
        [("Reason", Value::String("INVALID_PATTERN".into()))]
    );
}

#[test]
fn an_answer_does_not_grow_with_a_flood_of_violations() {
    let input = Structure::new()
        .with("UserName", "ada")
        .with("Tags", vec![tag("#", "#"); 10_000]);
    let (text, _) = violations("iam", "CreateUser", input);
    assert!(
        text.starts_with("64 validation errors detected"),
        "{}",
        &text[..100]
    );
    assert!(text.len() < 30_000);
    let input = Structure::new().with("UserName", "é".repeat(100_000));
    assert!(violations("iam", "CreateUser", input).0.len() < 20_000);
}

/// Decoding cannot give such values, but nothing may panic on them.
#[test]
fn a_value_of_another_shape_is_not_looked_into() {
    let values = [
        Value::Bool(true),
        Value::Integer(i64::MIN),
        Value::Float(f64::NAN),
        Value::List(vec![
            Value::Null,
            Value::Map(vec![("k".into(), Value::Null)]),
        ]),
        Value::Structure(Structure {
            fields: vec![("Nothing", Value::List(Vec::new()))],
        }),
        Value::Stream,
    ];
    for service in catalog::services() {
        let model = service.model();
        for shape in model.shapes() {
            let id = model.shape_id(shape.name).expect("its id");
            for value in &values {
                let _ = message(&validate(model, id, value));
            }
        }
    }
}
