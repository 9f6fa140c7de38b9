//! `sim list [KIND]`.

use std::fmt::Write as _;

use tapedeck_model::param::{ParamKind, ParamSpec};

use super::print_out;
use crate::failure::Failure;
use crate::registry::{Family, Registry};
use crate::scenario::layout::{Count, SECTIONS};
use crate::scenario::suggest;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// strategies, risk, latency, slippage, fees, queue, synthetic, incidents or scenario; absent: all.
    kind: Option<String>,
}

const SCENARIO: &str = "scenario";

/// Prints the tables.
///
/// # Errors
/// [`Failure::Input`] for a kind that there is not.
pub fn list(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let kinds: Vec<&str> = Family::ALL.iter().map(|family| family.name()).chain([SCENARIO]).collect();
    if let Some(kind) = &args.kind
        && !kinds.contains(&kind.as_str())
    {
        let help = format!("{}; known: {}", suggest(kind, kinds.iter().copied()), kinds.join(", "));
        return Err(Failure::input_with_help(format!("there is no kind `{kind}`"), help));
    }
    let wanted = |kind: &str| args.kind.as_deref().is_none_or(|asked| asked == kind);
    let mut out = String::new();
    for family in Family::ALL.into_iter().filter(|family| wanted(family.name())) {
        heading(&mut out, family.name());
        for component in registry.described(family) {
            let _ = writeln!(out, "{}\n    {}", component.name, component.help);
            table(&mut out, component.params.iter());
        }
    }
    if wanted(SCENARIO) {
        heading(&mut out, SCENARIO);
        for section in SECTIONS {
            let header = if section.count == Count::One {
                format!("[{}]", section.name)
            } else {
                format!("[[{}]]", section.name)
            };
            let _ = writeln!(out, "{header}\n    {}", section.help);
            table(&mut out, section.keys());
            for part in section.parts {
                let _ = writeln!(out, "[{}.{}]\n    {}", section.name, part.key, part.help);
                let default = part.default.map_or_else(|| "none".to_owned(), |name| format!("\"{name}\""));
                let _ = writeln!(
                    out,
                    "    {:<16}  default {default}; see `sim list {}`\n",
                    part.selector,
                    part.family.name()
                );
            }
            if let Some(rows) = section.rows {
                let _ = writeln!(out, "[[{}.{}]]\n    {}", section.name, rows.key, rows.help);
                table(&mut out, rows.params.iter());
            }
        }
    }
    print_out(&out)
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "== {text} ==\n");
}

/// One line per parameter, in columns.
fn table<'a>(out: &mut String, params: impl Iterator<Item = &'a ParamSpec>) {
    let rows: Vec<[String; 5]> = params
        .map(|param| {
            let default = match (param.default, param.optional) {
                (Some(default), _) => default.to_owned(),
                (None, true) => "-".to_owned(),
                (None, false) => "required".to_owned(),
            };
            [param.name.to_owned(), type_of(&param.kind), default, param.unit.to_owned(), param.help.to_owned()]
        })
        .collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for [name, kind, default, unit, help] in &rows {
        let [w0, w1, w2, w3] = widths;
        let _ = writeln!(out, "    {name:<w0$}  {kind:<w1$}  {default:<w2$}  {unit:<w3$}  {help}");
    }
    out.push('\n');
}

fn type_of(kind: &ParamKind) -> String {
    match kind {
        ParamKind::Int { min, max } if *max == i64::MAX => format!("int >= {min}"),
        ParamKind::Int { min, max } => format!("int {min}..{max}"),
        ParamKind::Decimal { min, max } => format!("decimal {min}..{max}"),
        ParamKind::Bool => "bool".to_owned(),
        ParamKind::Text => "text".to_owned(),
        ParamKind::Choice(words) => words.join("|"),
        ParamKind::Span => "duration".to_owned(),
        ParamKind::Time => "time".to_owned(),
        ParamKind::Texts => "text or list".to_owned(),
        ParamKind::DecimalList { min, max } => format!("list of decimals {min}..{max}"),
        ParamKind::Decimals => "table of decimals".to_owned(),
        ParamKind::TextMap => "table of texts".to_owned(),
    }
}
