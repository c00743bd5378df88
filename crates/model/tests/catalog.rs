//! Every model that comes with the program can be used.

use palisade_model::{ShapeKind, catalog};

#[test]
fn every_model_loads_and_agrees_with_what_is_read_without_loading() {
    assert!(catalog::services().len() >= 22);
    for service in catalog::services() {
        let model = service.model();
        assert_eq!(
            model.metadata.endpoint_prefix, service.metadata.endpoint_prefix,
            "{}",
            service.name
        );
        let listed: Vec<&str> = service.operation_names().collect();
        let loaded: Vec<&str> = model
            .operations()
            .iter()
            .map(|operation| operation.name)
            .collect();
        assert_eq!(listed, loaded, "{}", service.name);
        assert!(!loaded.is_empty());
    }
}

#[test]
fn every_service_is_found_by_its_name() {
    for service in catalog::services() {
        let found = catalog::service(service.name).map(|found| found.name);
        assert_eq!(found, Some(service.name));
    }
}

#[test]
fn every_pattern_compiles() {
    for service in catalog::services() {
        for shape in service.model().shapes() {
            if let Some(pattern) = &shape.pattern {
                let checked = pattern.check();
                assert!(
                    checked.is_ok(),
                    "{} {}: {} {checked:?}",
                    service.name,
                    shape.name,
                    pattern.source()
                );
            }
        }
    }
}

#[test]
fn a_service_is_found_by_how_it_is_signed_targeted_and_hosted() {
    let signed = |name| catalog::signed_as(name).collect::<Vec<_>>();
    assert_eq!(signed("s3"), ["s3", "s3control"]);
    assert_eq!(signed("elasticloadbalancing"), ["elbv2"]);
    assert_eq!(signed("access-analyzer"), ["accessanalyzer"]);
    assert_eq!(signed("nothing"), [""; 0]);
    assert_eq!(
        catalog::targeted_as("AWSOrganizationsV20161128"),
        Some("organizations")
    );
    assert_eq!(
        catalog::hosted_as("s3-control").collect::<Vec<_>>(),
        ["s3control"]
    );
}

/// A test for the day the models are refreshed: a new member that sounds like a secret must be decided on.
#[test]
fn every_unmarked_member_that_sounds_like_a_secret_is_decided_in_the_overlay() {
    let mut undecided = Vec::new();
    for service in catalog::services() {
        let (model, overlay) = (service.model(), service.overlay());
        for shape in model.shapes() {
            let ShapeKind::Structure(structure) = &shape.kind else {
                continue;
            };
            for member in structure.members() {
                let text = match &model.shape(member.shape).kind {
                    ShapeKind::String(_) => true,
                    ShapeKind::List(list) => {
                        let item = model.shape(list.member.shape);
                        matches!(item.kind, ShapeKind::String(_)) && !item.sensitive
                    }
                    _ => false,
                };
                let unmarked = !shape.sensitive && (!member.sensitive || member.hidden_by_overlay);
                if text
                    && unmarked
                    && sounds_secret(member.name)
                    && overlay.mark(shape.name, member.name).is_none()
                {
                    undecided.push(format!("{} {}.{}", service.name, shape.name, member.name));
                }
            }
        }
    }
    assert!(
        undecided.is_empty(),
        "decide these in models/overlay/: {undecided:#?}"
    );
}

#[test]
fn every_mark_of_an_overlay_is_about_a_member_that_exists() {
    for service in catalog::services() {
        for name in service.overlay().members.keys() {
            let exists = service
                .model()
                .shapes()
                .iter()
                .any(|shape| match &shape.kind {
                    ShapeKind::Structure(structure) => match name.split_once('.') {
                        Some((owner, member)) => {
                            owner == shape.name && structure.member(member).is_some()
                        }
                        None => structure.member(name).is_some(),
                    },
                    _ => false,
                });
            assert!(exists, "{}: {name}", service.name);
        }
    }
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "password", "code", "assertion", "seed"]
        .iter()
        .any(|word| name.contains(word))
}
