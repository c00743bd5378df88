//! AWS service models: shapes, operations, values and their validation
#![forbid(unsafe_code)]
