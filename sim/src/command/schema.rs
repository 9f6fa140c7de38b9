//! `sim schema`.

use super::print_out;
use crate::failure::Failure;
use crate::registry::Registry;

/// Prints the JSON schema.
///
/// # Errors
/// [`Failure`] if standard output cannot be written.
pub fn print_schema(registry: &Registry) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&crate::schema::schema(registry)).map_err(Failure::internal)?;
    print_out(&format!("{text}\n"))
}
