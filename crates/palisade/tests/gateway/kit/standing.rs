//! A state in which every operation has something to do, and an input that does it, for each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{HOME, Plan, Reply, Who, World, allow, minimal, policy, root};

/// A world with users, groups, roles, policies and profiles, a branch, and a caller called `caller`.
pub struct Standing {
    pub world: World,
    pub caller: Who,
    names: BTreeMap<&'static str, String>,
}

/// An input, and how it is answered to a caller who may.
pub struct Example {
    pub input: Value,
    /// The error's code, empty on success; `None` where nobody said.
    pub answer: Option<String>,
}

impl Standing {
    pub async fn new(plan: Plan) -> Self {
        let world = World::of(plan).await;
        let mut names = BTreeMap::new();
        let caller = world.user(HOME, "caller", json!([])).await;
        names.insert("caller-key", caller.access_key_id.clone());
        for (operation, input) in steps() {
            let reply = world.done(&root(HOME), "iam", operation, input).await;
            if operation == "CreateAccessKey" {
                names.insert("ann-key", reply.text("AccessKeyId"));
            }
        }
        keys(&world, &mut names).await;
        web_acls(&world, &mut names).await;
        let branch = world
            .done(&root(HOME), "palisade", "CreateBranch", json!({}))
            .await;
        names.insert("branch", branch.text("BranchId"));
        let known = world
            .done(&caller, "sts", "GetCallerIdentity", json!({}))
            .await;
        names.insert("request", known.request_id.to_string());
        world.store.flush().await.expect("the store writes");
        Self {
            world,
            caller,
            names,
        }
    }

    /// The same once more, on a copy of its disk.
    pub async fn again(&self) -> Self {
        self.world.store.flush().await.expect("the store writes");
        let world = World::of(Plan {
            disk: self.world.disk.copy(),
            keys: self.world.keys.clone(),
            ..Plan::default()
        })
        .await;
        let branch = world
            .done(&root(HOME), "palisade", "CreateBranch", json!({}))
            .await;
        let mut names = self.names.clone();
        names.insert("branch", branch.text("BranchId"));
        Self {
            world,
            caller: self.caller.clone(),
            names,
        }
    }

    /// The example of an operation, from `examples.json` in its service's folder; where there is none, the least valid input.
    pub fn example(&self, service: &str, operation: &str) -> Example {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../services");
        let file = std::fs::read_to_string(format!("{folder}/{service}/examples.json"));
        let all: Value = file.map_or(Value::Null, |text| {
            serde_json::from_str(&text).expect("examples are JSON")
        });
        let Some(found) = all.get(operation) else {
            return Example {
                input: minimal::input(service, operation),
                answer: None,
            };
        };
        let mut text = found.to_string();
        for (name, value) in &self.names {
            text = text.replace(&format!("<{name}>"), value);
        }
        let mut input: Value = serde_json::from_str(&text).expect("names need no escape");
        let code = input
            .as_object_mut()
            .and_then(|members| members.remove("answer"));
        let code = code.and_then(|code| code.as_str().map(str::to_owned));
        Example {
            input,
            answer: Some(code.unwrap_or_default()),
        }
    }

    pub async fn call(&self, who: &Who, service: &'static str, operation: &'static str) -> Reply {
        let example = self.example(service, operation);
        self.world
            .call(who, service, operation, example.input)
            .await
    }
}

/// Sets, a rule group and web ACLs; one protects a load balancer, and nothing refers to the spare ones.
async fn web_acls(world: &World, names: &mut BTreeMap<&'static str, String>) {
    let seen = json!({"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "m"});
    let addresses = json!({"IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/24"]});
    let acl = json!({"DefaultAction": {"Allow": {}}, "VisibilityConfig": seen});
    let things = [
        ("addresses", "IPSet", addresses.clone()),
        ("spare-addresses", "IPSet", addresses),
        (
            "patterns",
            "RegexPatternSet",
            json!({"RegularExpressionList": [{"RegexString": "^a"}]}),
        ),
        (
            "group",
            "RuleGroup",
            json!({"Capacity": 10, "VisibilityConfig": seen}),
        ),
        ("acl", "WebACL", acl.clone()),
        ("spare-acl", "WebACL", acl),
    ];
    for (name, kind, mut input) in things {
        input["Name"] = name.into();
        input["Scope"] = "REGIONAL".into();
        let operation: &'static str = format!("Create{kind}").leak();
        let made = world.done(&root(HOME), "wafv2", operation, input).await;
        for (part, member) in [("id", "Id"), ("lock", "LockToken"), ("arn", "ARN")] {
            let name: &'static str = format!("waf-{name}-{part}").leak();
            names.insert(name, made.text(member));
        }
    }
    let guarded = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188";
    let input = json!({"WebACLArn": names["waf-acl-arn"], "ResourceArn": guarded});
    world
        .done(&root(HOME), "wafv2", "AssociateWebACL", input)
        .await;
}

/// Keys of each use, and what they made.
async fn keys(world: &World, names: &mut BTreeMap<&'static str, String>) {
    let done =
        |operation, input| async move { world.done(&root(HOME), "kms", operation, input).await };
    let kinds = [
        ("kms-key", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("kms-other-key", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("kms-leaving-key", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("kms-signing-key", "ECC_NIST_P256", "SIGN_VERIFY"),
        ("kms-mac-key", "HMAC_256", "GENERATE_VERIFY_MAC"),
        ("kms-agreeing-key", "ECC_NIST_P256", "KEY_AGREEMENT"),
        ("kms-kem-key", "ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
    ];
    for (name, spec, usage) in kinds {
        let input = json!({"KeySpec": spec, "KeyUsage": usage,
            "Tags": [{"TagKey": "team", "TagValue": "red"}]});
        let made = done("CreateKey", input).await;
        names.insert(name, made.text("KeyId"));
    }
    let id = |name: &str| names[name].clone();
    let key = id("kms-key");
    done(
        "CreateAlias",
        json!({"AliasName": "alias/app", "TargetKeyId": key}),
    )
    .await;
    done(
        "ScheduleKeyDeletion",
        json!({"KeyId": id("kms-leaving-key")}),
    )
    .await;
    let grant = json!({"KeyId": key, "GranteePrincipal": "arn:aws:iam::111122223333:user/staff/ann",
        "Operations": ["Decrypt"]});
    let grant = done("CreateGrant", grant).await.text("GrantId");
    let sealed = json!({"KeyId": key, "Plaintext": "aGk="});
    let sealed = done("Encrypt", sealed).await.text("CiphertextBlob");
    let signed = json!({"KeyId": id("kms-signing-key"), "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256"});
    let signed = done("Sign", signed).await.text("Signature");
    let mac =
        json!({"KeyId": id("kms-mac-key"), "Message": "aGk=", "MacAlgorithm": "HMAC_SHA_256"});
    let mac = done("GenerateMac", mac).await.text("Mac");
    let public = json!({"KeyId": id("kms-agreeing-key")});
    let public = done("GetPublicKey", public).await.text("PublicKey");
    let secret = json!({"KeyId": id("kms-kem-key"), "EncapsulationAlgorithm": "ML_KEM"});
    let secret = done("Encapsulate", secret)
        .await
        .text("SharedSecretCiphertextBlob");
    let external = done("CreateKey", json!({"Origin": "EXTERNAL"})).await;
    let external = external.text("KeyId");
    let token = json!({"KeyId": external, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"});
    let token = done("GetParametersForImport", token)
        .await
        .text("ImportToken");
    let multi = done("CreateKey", json!({"MultiRegion": true}))
        .await
        .text("KeyId");
    done(
        "ReplicateKey",
        json!({"KeyId": multi, "ReplicaRegion": "eu-west-1"}),
    )
    .await;
    names.extend([
        ("kms-external-key", external),
        ("kms-token", token),
        ("kms-multi-key", multi),
    ]);
    names.extend([
        ("kms-grant", grant),
        ("kms-sealed", sealed),
        ("kms-signature", signed),
        ("kms-mac", mac),
        ("kms-public", public),
        ("kms-encapsulated", secret),
    ]);
}

fn steps() -> Vec<(&'static str, Value)> {
    let document = policy(json!([allow("s3:GetObject", "*")]));
    let trust = policy(json!([{"Effect": "Allow", "Principal": {"AWS": HOME},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}]));
    let docs = "arn:aws:iam::111122223333:policy/docs";
    let tags = json!([{"Key": "team", "Value": "red"}]);
    vec![
        (
            "CreatePolicy",
            json!({"PolicyName": "docs", "PolicyDocument": document, "Tags": tags}),
        ),
        (
            "CreatePolicyVersion",
            json!({"PolicyArn": docs, "PolicyDocument": document}),
        ),
        (
            "CreatePolicy",
            json!({"PolicyName": "loose", "PolicyDocument": document}),
        ),
        (
            "CreateUser",
            json!({"UserName": "ann", "Path": "/staff/", "Tags": tags, "PermissionsBoundary": docs}),
        ),
        ("CreateAccessKey", json!({"UserName": "ann"})),
        (
            "PutUserPolicy",
            json!({"UserName": "ann", "PolicyName": "inline", "PolicyDocument": document}),
        ),
        (
            "AttachUserPolicy",
            json!({"UserName": "ann", "PolicyArn": docs}),
        ),
        ("CreateUser", json!({"UserName": "loose"})),
        ("CreateGroup", json!({"GroupName": "staff"})),
        (
            "AddUserToGroup",
            json!({"GroupName": "staff", "UserName": "ann"}),
        ),
        (
            "PutGroupPolicy",
            json!({"GroupName": "staff", "PolicyName": "inline", "PolicyDocument": document}),
        ),
        (
            "AttachGroupPolicy",
            json!({"GroupName": "staff", "PolicyArn": docs}),
        ),
        ("CreateGroup", json!({"GroupName": "loose"})),
        (
            "CreateRole",
            json!({"RoleName": "app", "Path": "/svc/", "AssumeRolePolicyDocument": trust, "Tags": tags, "PermissionsBoundary": docs}),
        ),
        (
            "PutRolePolicy",
            json!({"RoleName": "app", "PolicyName": "inline", "PolicyDocument": document}),
        ),
        (
            "AttachRolePolicy",
            json!({"RoleName": "app", "PolicyArn": docs}),
        ),
        (
            "CreateRole",
            json!({"RoleName": "loose", "AssumeRolePolicyDocument": trust}),
        ),
        (
            "CreateInstanceProfile",
            json!({"InstanceProfileName": "box", "Tags": tags}),
        ),
        (
            "AddRoleToInstanceProfile",
            json!({"InstanceProfileName": "box", "RoleName": "app"}),
        ),
        (
            "CreateInstanceProfile",
            json!({"InstanceProfileName": "loose"}),
        ),
        ("CreateAccountAlias", json!({"AccountAlias": "first"})),
    ]
}
