//! Loading model files: what is resolved, and what is refused.

use palisade_model::{
    LoadError, Location, Protocol, ServiceModel, ShapeKind, StructureShape, TimestampFormat, load,
};

fn model(shapes: &str) -> Result<ServiceModel, LoadError> {
    load(&format!(
        r#"{{"metadata": {{"protocol": "rest-json", "protocols": ["smithy-rpc-v2-cbor", "json"]}},
            "operations": {{"Op": {{"http": {{"method": "PUT", "requestUri": "/{{A}}", "responseCode": 201}},
                                   "input": {{"shape": "In"}}, "authtype": "none"}}}},
            "shapes": {shapes}}}"#
    ))
}

fn input(model: &ServiceModel) -> &StructureShape {
    model
        .structure(model.operation("Op").unwrap().input.unwrap())
        .unwrap()
}

#[test]
fn a_member_says_what_it_or_its_shape_says() {
    let model = model(
        r#"{"In": {"type": "structure", "required": ["A"], "members": {
              "When": {"shape": "Time", "locationName": "when"},
              "Other": {"shape": "Time", "timestampFormat": "iso8601"},
              "A": {"shape": "Secret", "location": "uri", "locationName": "A"}}},
            "Time": {"type": "timestamp", "timestampFormat": "rfc822"},
            "Secret": {"type": "string", "sensitive": true, "min": 1}}"#,
    )
    .unwrap();
    let operation = model.operation("Op").unwrap();
    assert!(!operation.authenticated);
    assert_eq!(operation.success_status, 201);
    assert_eq!(
        model.metadata.protocols,
        [Protocol::RpcV2Cbor, Protocol::Json]
    );

    let input = input(&model);
    let when = input.member_on_wire("when").unwrap();
    assert_eq!(
        (when.name, when.timestamp_format),
        ("When", Some(TimestampFormat::Rfc822))
    );
    assert_eq!(
        input.member("Other").unwrap().timestamp_format,
        Some(TimestampFormat::Iso8601)
    );
    let label = input.member("A").unwrap();
    assert!(label.required && label.sensitive && label.location == Location::Uri);
    assert!(input.member("when").is_none() && input.member_on_wire("When").is_none());
}

#[test]
fn an_exception_is_found_by_name_and_by_code() {
    let model = model(
        r#"{"In": {"type": "structure", "members": {}},
            "NoSuchEntityException": {"type": "structure", "exception": true, "members": {},
               "error": {"code": "NoSuchEntity", "httpStatusCode": 404, "senderFault": true}}}"#,
    )
    .unwrap();
    for code in ["NoSuchEntity", "NoSuchEntityException"] {
        let (shape, _, traits) = model.error_shape(code).unwrap();
        assert_eq!(
            (shape.name, traits.status),
            ("NoSuchEntityException", Some(404))
        );
    }
    assert!(model.error_shape("In").is_none());
}

#[test]
fn a_document_is_no_structure() {
    let model = model(
        r#"{"In": {"type": "structure", "members": {"D": {"shape": "Doc"}}},
            "Doc": {"type": "structure", "members": {}, "document": true}}"#,
    )
    .unwrap();
    let document = input(&model).member("D").unwrap();
    assert!(matches!(
        model.shape(document.shape).kind,
        ShapeKind::Document
    ));
}

#[test]
fn a_broken_model_says_what_is_broken() {
    let broken = |shapes| model(shapes).unwrap_err().to_string();
    assert_eq!(broken("{}"), "Op refers to the unknown shape In");
    assert_eq!(
        broken(r#"{"In": {"type": "tuple"}}"#),
        "shape In has the unknown type tuple"
    );
    assert_eq!(
        broken(r#"{"In": {"type": "structure", "required": ["B"]}}"#),
        "shape In: requires B, which is not a member"
    );
    assert_eq!(
        broken(r#"{"In": {"type": "list"}}"#),
        "shape In: lacks the type of its entries"
    );
    assert!(matches!(load("[]"), Err(LoadError::Syntax(_))));
    let newer = r#"{"palisade_model": 2, "metadata": {"protocol": "json"}, "shapes": {}}"#;
    assert!(matches!(load(newer), Err(LoadError::Format(2))));
    let odd = r#"{"metadata": {"protocol": "soap"}, "shapes": {}}"#;
    assert!(matches!(load(odd), Err(LoadError::UnknownProtocol(_))));
}
