//! The resolved scenario as text: every default explicit, sections sorted.
//!
//! Invariant: loading the text gives the same scenario, and so the same text.

use std::fmt::Write as _;

use tapedeck_model::param::Params;

use super::Scenario;
use super::layout::{Count, SectionSpec};
use super::section::{Chosen, Item};
use super::value::print;

/// The scenario as TOML.
pub fn to_toml(scenario: &Scenario) -> String {
    to_toml_without(scenario, &[])
}

/// The same without some keys of `[scenario]`.
pub fn to_toml_without(scenario: &Scenario, left_out: &[&str]) -> String {
    let mut out = String::new();
    for (spec, items) in scenario.sections() {
        for item in items {
            if !out.is_empty() {
                out.push('\n');
            }
            let header =
                if spec.count == Count::One { format!("[{}]", spec.name) } else { format!("[[{}]]", spec.name) };
            line(&mut out, &header);
            let left_out = if spec.name == "scenario" { left_out } else { &[] };
            print_item(&mut out, (spec, left_out), item);
        }
    }
    out
}

fn print_item(out: &mut String, (spec, left_out): (&SectionSpec, &[&str]), item: &Item) {
    let names = spec.keys().map(|param| param.name).filter(|name| !left_out.contains(name));
    print_params(out, names, &item.own.params);
    if let Some(chosen) = &item.inline {
        print_chosen(out, chosen);
    }
    for part in spec.parts {
        let Some(chosen) = item.parts.get(part.key) else { continue };
        line(out, &format!("\n[{}.{}]", spec.name, part.key));
        line(out, &format!("{} = \"{}\"", part.selector, chosen.name));
        print_chosen(out, chosen);
    }
    let Some(rows) = spec.rows else { return };
    for row in &item.rows {
        line(out, &format!("\n[[{}.{}]]", spec.name, rows.key));
        print_params(out, rows.params.iter().map(|param| param.name), &row.params);
    }
}

/// Component parameters, sorted by name: their tables may be reordered without a change.
fn print_chosen(out: &mut String, chosen: &Chosen) {
    print_params(out, chosen.section.params.iter().map(|(name, _)| name), &chosen.section.params);
}

fn print_params<'a>(out: &mut String, names: impl Iterator<Item = &'a str>, params: &'a Params) {
    for name in names {
        if let Some((_, value)) = params.iter().find(|(known, _)| *known == name) {
            line(out, &format!("{name} = {}", print(value)));
        }
    }
}

fn line(out: &mut String, text: &str) {
    // Writing into a `String` cannot fail.
    let _ = writeln!(out, "{text}");
}
