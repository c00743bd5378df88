//! Principals that policies name, and what becomes of the names.
//!
//! The users and roles that a policy on a resource names are kept by their unique ids too. When one is deleted, its id stands in the
//! policy where its ARN stood, and a new one of the same name is somebody else (IAM User Guide, "AWS JSON policy elements: Principal").

use serde_json::Value;

/// Users and roles by ARN, each with the unique id it had when the policy was put.
pub type Trusted = Vec<(String, String)>;

/// The policy with ids in place of ARNs, in its principal elements and nowhere else.
#[must_use]
pub fn with_ids(text: &str, gone: &[(&str, &str)]) -> String {
    let Ok(mut policy) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    for statement in statements {
        if let Some(names) = statement
            .get_mut("Principal")
            .and_then(|principal| principal.get_mut("AWS"))
        {
            replace(names, gone);
        }
    }
    policy.to_string()
}

fn replace(names: &mut Value, gone: &[(&str, &str)]) {
    match names {
        Value::Array(names) => names.iter_mut().for_each(|name| replace(name, gone)),
        Value::String(name) => {
            if let Some((_, id)) = gone.iter().find(|(arn, _)| arn == name) {
                (*id).clone_into(name);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_where_principals_are_named_and_nowhere_else() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["a","b"],"Service":"a"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalArn":"a"}}}]}"#;
        let expected = text.replacen(r#""AWS":["a""#, r#""AWS":["AIDA1""#, 1);
        assert_eq!(with_ids(text, &[("a", "AIDA1")]), expected);
    }
}
