//! The JSON schema of scenarios (draft 2020-12), made from the tables that the loader checks with.

use serde_json::{Map, Value, json};
use tapedeck_model::number::parse_decimal;
use tapedeck_model::param::{ParamKind, ParamSpec};

use crate::registry::{Described, Family, Registry};
use crate::scenario::layout::{Count, SECTIONS, SectionSpec};

/// The schema of scenarios that choose among these components.
pub fn schema(registry: &Registry) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for spec in SECTIONS {
        let one = section(spec, registry);
        let value = match spec.count {
            Count::One => one,
            Count::Any => json!({ "type": "array", "items": one }),
            Count::Some => json!({ "type": "array", "items": one, "minItems": 1 }),
        };
        properties.insert(spec.name.to_owned(), value);
        let needed = spec.keys().any(|key| key.default.is_none() && !key.optional);
        if spec.count == Count::Some || (spec.count == Count::One && needed) {
            required.push(spec.name);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tapedeck scenario",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn section(spec: &SectionSpec, registry: &Registry) -> Value {
    let own: Vec<ParamSpec> = spec.keys().copied().collect();
    let mut nested = Map::new();
    for part in spec.parts {
        nested.insert(part.key.to_owned(), choice(part.selector, part.family, part.help, registry));
    }
    if let Some(rows) = spec.rows {
        let items = object(rows.params, rows.help, &Map::new());
        nested.insert(rows.key.to_owned(), json!({ "type": "array", "items": items }));
    }
    let Some(inline) = spec.inline else { return object(&own, spec.help, &nested) };
    let variants: Vec<Value> = registry
        .described(inline.family)
        .iter()
        .map(|component| {
            let mut params = own.clone();
            params.extend(component.params);
            variant(component, inline.selector, &params, &nested)
        })
        .collect();
    json!({ "description": spec.help, "oneOf": variants })
}

/// A table that chooses one component of a family.
fn choice(selector: &str, family: Family, help: &str, registry: &Registry) -> Value {
    let variants: Vec<Value> = registry
        .described(family)
        .iter()
        .map(|component| variant(component, selector, component.params, &Map::new()))
        .collect();
    json!({ "description": help, "oneOf": variants })
}

fn variant(component: &Described, selector: &str, params: &[ParamSpec], nested: &Map<String, Value>) -> Value {
    let mut nested = nested.clone();
    nested.insert(selector.to_owned(), json!({ "const": component.name }));
    let others: Vec<ParamSpec> = params.iter().filter(|param| param.name != selector).copied().collect();
    let mut value = object(&others, component.help, &nested);
    if let Some(required) = value.get_mut("required").and_then(Value::as_array_mut) {
        required.push(json!(selector));
    }
    value
}

fn object(params: &[ParamSpec], help: &str, nested: &Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for param in params {
        properties.insert(param.name.to_owned(), property(param));
    }
    properties.extend(nested.clone());
    let required: Vec<&str> =
        params.iter().filter(|param| param.default.is_none() && !param.optional).map(|param| param.name).collect();
    json!({
        "type": "object",
        "description": help,
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn property(param: &ParamSpec) -> Value {
    let mut value = type_of(&param.kind);
    let unit = if param.unit.is_empty() { String::new() } else { format!(" Unit: {}.", param.unit) };
    if let Some(map) = value.as_object_mut() {
        map.insert("description".to_owned(), json!(format!("{}{unit}", param.help)));
        if let Some(default) = param.default {
            let default = match param.kind {
                ParamKind::Int { .. } => default.parse::<i64>().map_or_else(|_| json!(default), |number| json!(number)),
                ParamKind::Bool => json!(default == "true"),
                _ => json!(default),
            };
            map.insert("default".to_owned(), default);
        }
    }
    value
}

fn type_of(kind: &ParamKind) -> Value {
    match kind {
        ParamKind::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        ParamKind::Decimal { min, max } => {
            let bound = |text: &str| parse_decimal(text).ok().and_then(|number| number.to_string().parse::<f64>().ok());
            json!({ "type": ["string", "number"], "minimum": bound(min), "maximum": bound(max) })
        }
        ParamKind::Bool => json!({ "type": "boolean" }),
        ParamKind::Text => json!({ "type": "string" }),
        ParamKind::Choice(words) => json!({ "type": "string", "enum": words }),
        ParamKind::Span => json!({ "type": "string", "pattern": "^([0-9]+(ns|us|ms|s|m|h|d|w))+$" }),
        ParamKind::Time => json!({ "type": "string" }),
        ParamKind::Texts => {
            json!({ "oneOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
        }
        ParamKind::DecimalList { min, max } => {
            let one = type_of(&ParamKind::Decimal { min, max });
            json!({ "oneOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        ParamKind::Decimals => json!({ "type": "object", "additionalProperties": { "type": ["string", "number"] } }),
        ParamKind::TextMap => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    }
}
