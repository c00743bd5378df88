//! Which events a lookup finds: at most one attribute, matched whole and as written.

use palisade_core::AccountId;
use palisade_core::record::{ApiCall, turn_over, turn_over_for_others};
use palisade_model::ApiError;
use uuid::Uuid;

use crate::api::{LookupAttribute, errors};
use crate::event;

/// The attribute that events are looked up by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    None,
    /// The one with this id; `None` for a text that is no id, which finds nothing.
    EventId(Option<Uuid>),
    /// Calls of an operation, such as `CreateUser`.
    EventName(String),
    /// Calls that only read, or those that do not; `None` for a text that is neither `true` nor `false`.
    ReadOnly(Option<bool>),
    /// Calls of a user, a session by its name, or `root`.
    Username(String),
    /// Calls that touched a resource of this type, such as `AWS::IAM::Role`.
    ResourceType(String),
    /// Calls that touched a resource of this name.
    ResourceName(String),
    /// Calls of a service, such as `iam.amazonaws.com`.
    EventSource(String),
    /// Calls signed with a key.
    AccessKeyId(String),
}

impl Filter {
    /// The filter a request's attributes ask for: the list can hold one.
    pub fn parse(attributes: Option<Vec<LookupAttribute>>) -> Result<Self, ApiError> {
        let mut attributes = attributes.unwrap_or_default();
        let invalid = |message: &str| errors::invalid_lookup_attributes_exception(message);
        let Some(LookupAttribute {
            attribute_key,
            attribute_value,
        }) = attributes.pop()
        else {
            return Ok(Self::None);
        };
        if !attributes.is_empty() {
            return Err(invalid("You can specify only one lookup attribute."));
        }
        Ok(match attribute_key.as_str() {
            "EventId" => Self::EventId(attribute_value.parse().ok()),
            "EventName" => Self::EventName(attribute_value),
            "ReadOnly" => Self::ReadOnly(attribute_value.parse().ok()),
            "Username" => Self::Username(attribute_value),
            "ResourceType" => Self::ResourceType(attribute_value),
            "ResourceName" => Self::ResourceName(attribute_value),
            "EventSource" => Self::EventSource(attribute_value),
            "AccessKeyId" => Self::AccessKeyId(attribute_value),
            _ => return Err(invalid("The lookup attribute is not valid.")),
        })
    }

    /// Whether `recipient` finds the call by it.
    pub fn finds(&self, call: &ApiCall, recipient: &AccountId) -> bool {
        match self {
            Self::None => true,
            Self::EventId(id) => *id == Some(call.event_id_for(recipient)),
            Self::EventName(name) => call.operation == *name,
            Self::ReadOnly(read_only) => *read_only == Some(call.read_only),
            Self::Username(name) => event::user_name(&call.caller, recipient) == Some(name),
            Self::ResourceType(kind) => {
                call.resources.iter().any(|resource| resource.kind == *kind)
            }
            Self::ResourceName(name) => {
                call.resources.iter().any(|resource| resource.name == *name)
            }
            Self::EventSource(source) => event::source(&call.service) == *source,
            Self::AccessKeyId(id) => event::access_key(&call.caller, recipient) == Some(id),
        }
    }

    /// Ids of the requests that can be behind the event looked for, for a filter that names one event.
    pub fn request_ids(&self) -> Option<Vec<Uuid>> {
        match self {
            Self::EventId(id) => Some(
                id.iter()
                    .flat_map(|id| [turn_over(*id), turn_over_for_others(*id)])
                    .collect(),
            ),
            _ => None,
        }
    }
}
