//! AWS service models: shapes, operations, values and their validation.
//!
//! A service is described by a model: its operations, and the shapes of what they take and give.
//! Everything that must know them (protocols, validation, redaction, records) is written once over
//! the schema ([`ServiceModel`]) and dynamic values ([`Value`]), so a new service is data.
//!
//! ```
//! use palisade_model::{ShapeKind, Structure, Value, load};
//!
//! let model = load(r#"{
//!     "metadata": {"protocol": "query", "endpointPrefix": "greet", "apiVersion": "2020-01-01"},
//!     "operations": {"Greet": {"http": {"method": "POST", "requestUri": "/"},
//!                              "input": {"shape": "GreetRequest"}}},
//!     "shapes": {"GreetRequest": {"type": "structure", "required": ["Name"],
//!                                 "members": {"Name": {"shape": "Name"}}},
//!                "Name": {"type": "string", "max": 64}}
//! }"#).unwrap();
//!
//! let input = model.structure(model.operation("Greet").unwrap().input.unwrap()).unwrap();
//! let name = input.member("Name").unwrap();
//! assert!(name.required);
//! assert!(matches!(model.shape(name.shape).kind, ShapeKind::String(_)));
//!
//! let mut value = Structure::new().with("Name", "Ada");
//! assert_eq!(value.required::<String>("Name").unwrap(), "Ada");
//! assert_eq!(Value::Structure(value).member("Missing"), None);
//! ```
#![forbid(unsafe_code)]

pub mod catalog;
mod error;
mod load;
pub mod overlay;

mod pattern;
pub mod persist;
pub mod record;
mod schema;
mod source;
mod timestamp;
mod validate;
mod validation_error;
mod value;
pub mod violation;

pub use error::ApiError;
pub use load::{LoadError, intern, load, load_static};
pub use pattern::Pattern;
pub use schema::{
    Bound, ErrorTraits, JsonVersion, ListShape, Location, MapShape, Member, Metadata, Operation,
    Paginator, Protocol, Reference, ServiceModel, Shape, ShapeId, ShapeKind, StringShape,
    StructureShape, TimestampFormat, XmlNamespace,
};
pub use timestamp::Timestamp;
pub use validate::validate;
pub use validation_error::validation_error;
pub use value::{FromValue, IntoValue, OrderedMap, Payload, Structure, TypeMismatch, Value};
