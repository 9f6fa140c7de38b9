//! The documents as a test: tables of keys, commands, paths and worked examples must be what the
//! code says.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tapedeck::assemble::assemble;
use tapedeck::model::param::{ParamKind, ParamSpec};
use tapedeck::model::{Event, Liquidity};
use tapedeck::scenario::Colors;
use tapedeck::scenario::layout::{Count, SECTIONS};
use tapedeck::{Family, Origin, Registry, Scenario};
use tapedeck_tests::{declared, play_spec, root};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "docs/fills.md",
    "docs/scenario.md",
    "docs/STATUS.md",
    "docs/benchmarks.md",
    "docs/determinism.md",
    "docs/journal-format.md",
];

fn document(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text below a heading, up to the next one.
fn below<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let start = text.find(&format!("\n{heading}\n"))? + heading.len() + 2;
    let rest = &text[start..];
    Some(rest.find("\n#").map_or(rest, |end| &rest[..end]))
}

/// Rows of the tables in a text, without heads and rules.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |line: &str| line.starts_with("|---");
    let body = lines.iter().enumerate().filter(|(at, line)| {
        let is_head = lines.get(at + 1).is_some_and(|next| is_rule(next));
        line.starts_with('|') && !is_rule(line) && !is_head
    });
    body.map(|(_, line)| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The first table of a text.
fn first_table(text: &str) -> Vec<Vec<String>> {
    let start = text.find("\n|").map_or("", |at| &text[at + 1..]);
    rows(start.split_once("\n\n").map_or(start, |(table, _)| table))
}

/// The blocks of code in a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn type_of(kind: &ParamKind) -> String {
    match kind {
        ParamKind::Int { min, max } if *max == i64::MAX => format!("int, at least {min}"),
        ParamKind::Int { min, max } => format!("int, {min} to {max}"),
        ParamKind::Decimal { min, max } => format!("decimal, {min} to {max}"),
        ParamKind::Bool => "bool".to_owned(),
        ParamKind::Text => "text".to_owned(),
        ParamKind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        ParamKind::Span => "duration".to_owned(),
        ParamKind::Time => "time".to_owned(),
        ParamKind::Texts => "text or list".to_owned(),
        ParamKind::DecimalList { min, max } => format!("list of decimals, {min} to {max}"),
        ParamKind::Decimals => "table of decimals".to_owned(),
        ParamKind::TextMap => "table of texts".to_owned(),
    }
}

/// What the first four cells of a key's row must say: key, type, default, unit.
fn cells(spec: &ParamSpec) -> Vec<String> {
    let default = match (spec.default, spec.optional) {
        (Some(default), _) => format!("`{default}`"),
        (None, true) => "absent".to_owned(),
        (None, false) => "required".to_owned(),
    };
    vec![format!("`{}`", spec.name), type_of(&spec.kind), default, spec.unit.to_owned()]
}

/// Compares the table below a heading with the code; what is wrong ends in `complaints`, with the
/// table that would be right.
fn compare(text: &str, heading: &str, specs: &[ParamSpec], complaints: &mut Vec<String>) {
    let found: Option<Vec<Vec<String>>> = below(text, heading).map(first_table);
    let expected: Vec<Vec<String>> = specs.iter().map(cells).collect();
    let same = found.is_some_and(|found| {
        found.iter().all(|row| row.len() == 5 && !row[4].is_empty())
            && found.iter().map(|row| &row[..row.len().min(4)]).eq(expected.iter().map(Vec::as_slice))
    });
    if !same {
        let mut wanted = format!("{heading}\n\n| key | type | default | unit | meaning |\n|---|---|---|---|---|\n");
        for (row, spec) in expected.iter().zip(specs) {
            let _ = writeln!(wanted, "| {} | {} |", row.join(" | "), spec.help.replace('|', "\\|"));
        }
        complaints.push(wanted);
    }
}

#[test]
fn every_key_of_a_scenario_is_documented_as_it_is() {
    let text = document("docs/scenario.md");
    let registry = Registry::standard();
    let mut complaints = Vec::new();
    for section in SECTIONS {
        let open = |name: &str| if section.count == Count::One { format!("[{name}]") } else { format!("[[{name}]]") };
        let keys: Vec<ParamSpec> = section.keys().copied().collect();
        compare(&text, &format!("## `{}`", open(section.name)), &keys, &mut complaints);
        if let Some(rows) = section.rows {
            let heading = format!("### `[[{}.{}]]`", section.name, rows.key);
            compare(&text, &heading, rows.params, &mut complaints);
        }
        for part in section.parts {
            let default = part.default.map_or_else(|| "absent".to_owned(), |name| format!("`{name}`"));
            let row = format!("| `[{}.{}]` | `{}` | {default} |", section.name, part.key, part.selector);
            if !text.contains(&row) {
                complaints.push(format!("{row} {} |", part.help));
            }
        }
    }
    for family in Family::ALL {
        for component in registry.described(family) {
            compare(&text, &format!("### {} `{}`", family.word(), component.name), component.params, &mut complaints);
        }
    }
    assert!(complaints.is_empty(), "docs/scenario.md should have:\n\n{}", complaints.join("\n"));
}

#[test]
fn nothing_is_documented_that_is_not_there() {
    let registry = Registry::standard();
    let known: BTreeSet<String> = Family::ALL
        .into_iter()
        .flat_map(|family| {
            let described = registry.described(family);
            described.into_iter().map(move |component| format!("### {} `{}`", family.word(), component.name))
        })
        .chain(SECTIONS.iter().filter_map(|section| Some(format!("### `[[{}.{}]]`", section.name, section.rows?.key))))
        .collect();
    let text = document("docs/scenario.md");
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with("### ") && line.contains('`')).collect();
    let stale: Vec<&&str> = found.iter().filter(|line| !known.contains(**line)).collect();
    assert!(stale.is_empty(), "{stale:?}");
    assert_eq!(found.len(), known.len());
}

/// Names of commands, from the list in a source of the command line.
fn commands(source: &str) -> BTreeSet<String> {
    let source = document(source);
    let list = source.split("enum Command {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
    let variants = list.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    variants.map(|line| line.split(['(', ',', ' ']).next().unwrap_or_default().to_lowercase()).collect()
}

#[test]
fn every_command_that_is_shown_exists() {
    let known = commands("sim/src/command.rs");
    let known_of_data = commands("sim/src/command/data.rs");
    assert!(known.contains("run") && known.contains("verify"), "{known:?}");
    let mut shown = 0;
    for path in DOCUMENTS {
        for line in document(path).lines() {
            for lead in ["`sim ", "cargo run --release -- ", "    sim ", "cargo run -- "] {
                for rest in line.split(lead).skip(1) {
                    let mut words = rest.split_once('`').map_or(rest, |(shown, _)| shown).split(' ');
                    let word = words.next().unwrap_or_default();
                    assert!(known.contains(word) || word.starts_with("--"), "{path}: there is no `sim {word}`: {line}");
                    if let ("data", Some(word)) = (word, words.next()) {
                        assert!(known_of_data.contains(word), "{path}: there is no `sim data {word}`");
                    }
                    shown += 1;
                }
            }
        }
    }
    assert!(shown > 10, "only {shown} commands are shown");
    let readme = document("README.md");
    let missing: Vec<&String> = known.iter().filter(|name| !readme.contains(&format!("`sim {name}"))).collect();
    assert!(missing.is_empty(), "README.md says nothing of {missing:?}");
}

/// `CamelCase` as `snake_case`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[test]
fn the_journal_format_lists_every_kind() {
    let source = document("engine/journal/src/codec/event.rs");
    let list = source.split("Event: u16 {").nth(1).and_then(|rest| rest.split("\n    }").next()).unwrap_or_default();
    let coded: Vec<(String, String)> = list
        .lines()
        .filter_map(|line| line.trim().split_once(" = "))
        .map(|(number, rest)| (number.to_owned(), snake(rest.split([' ', '(', ',']).next().unwrap_or_default())))
        .collect();
    assert!(coded.len() > 30, "only {} kinds are found", coded.len());
    let text = document("docs/journal-format.md");
    let written = first_table(below(&text, "## Kinds").expect("a list of kinds"));
    let written: Vec<(String, String)> = written.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(written, coded);
}

#[test]
fn every_path_and_link_leads_somewhere() {
    let tops = ["engine/", "adapters/", "strategies/", "reports/", "sim/", "scenarios/", "tests/", "benches/", "docs/"];
    let mut complaints = Vec::new();
    for path in DOCUMENTS {
        let text = document(path);
        let folder = Path::new(path).parent().map(Path::to_owned).unwrap_or_default();
        for word in text.split('`').skip(1).step_by(2) {
            let is_path = tops.iter().any(|top| word.starts_with(top)) && !word.contains(['*', '<', ' ', '{', '\n']);
            if is_path && !root().join(word.split("::").next().unwrap_or(word)).exists() {
                complaints.push(format!("{path}: {word}"));
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !root().join(&folder).join(file).exists() {
                complaints.push(format!("{path}: link to {link}"));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Loads a scenario.
fn load(text: &str) -> Scenario {
    let origin = Origin { file: "document.toml", text, overrides: &[] };
    Scenario::load(origin, &Registry::standard()).unwrap_or_else(|problems| panic!("{}", problems.render(Colors::Off)))
}

#[test]
fn whole_scenarios_that_are_shown_load() {
    let mut shown = 0;
    for path in ["README.md", "docs/scenario.md"] {
        let text = document(path);
        for block in blocks(&text, "toml").into_iter().filter(|block| block.contains("[scenario]")) {
            load(block);
            shown += 1;
        }
    }
    assert!(shown >= 2, "only {shown} are shown");
}

/// Fills as the examples' tables show them: time, side, price, quantity, liquidity, fee.
fn fills(text: &str, base_dir: &Path) -> Vec<Vec<String>> {
    let assembled = assemble(&load(text), &Registry::standard(), base_dir);
    let spec = assembled.unwrap_or_else(|problems| panic!("{}", problems.render(Colors::Off))).spec;
    let played = play_spec(spec);
    let instrument = declared(&played.records).instruments.remove(0);
    let filled = played.records.iter().filter_map(|record| match &record.event {
        Event::Filled { deal: tapedeck_model::Deal { side, .. }, report, .. } => Some((side, report)),
        _ => None,
    });
    filled
        .map(|(side, report)| {
            let time = report.ts_event.to_string();
            let liquidity = if report.liquidity == Liquidity::Maker { "maker" } else { "taker" };
            vec![
                time.trim_start_matches("2024-01-01T").trim_end_matches('Z').to_owned(),
                format!("{side:?}").to_lowercase(),
                report.last_px.to_decimal(instrument.price_scale).normalize().to_string(),
                report.last_qty.to_decimal(instrument.qty_scale).normalize().to_string(),
                liquidity.to_owned(),
                report.fee.to_string(),
            ]
        })
        .collect()
}

#[test]
fn worked_examples_of_fills_come_out_as_written() {
    let text = document("docs/fills.md");
    let mut sections = text.split("\n### Example: ");
    let head = blocks(sections.next().expect("an introduction"), "toml").pop().expect("what the examples share");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut examples = 0;
    for section in sections {
        let (data, rest) = (blocks(section, "csv")[0], blocks(section, "toml")[0]);
        fs::write(folder.join("tape.csv"), data).expect("a file for the tape");
        let shown: Vec<Vec<String>> = rows(section).into_iter().filter(|row| row.len() == 6).collect();
        assert_eq!(fills(&format!("{head}{rest}"), &folder), shown, "{}", section.lines().next().unwrap_or_default());
        examples += 1;
    }
    assert_eq!(examples, 3);
}
